"""
What a DAG file pays for all operators, sensors and transfers of this provider.

    python benchmarks/imports.py

Airflow's own part is imported before; the best of some fresh interpreters counts.
"""

from __future__ import annotations

import subprocess
import sys

MOST_MILLISECONDS = 50
INTERPRETERS = 9
CODE = """
import importlib, pkgutil, sys, time
import airflow.providers.common.compat.sdk as sdk
for name in ("BaseHook", "BaseOperator", "BaseOperatorLink", "BaseSensorOperator", "DAG", "XCom", "conf"):
    getattr(sdk, name)
import airflow_provider_apify
names = [
    f"airflow_provider_apify.{folder}.{module.name}"
    for folder in ("operators", "sensors", "transfers")
    for module in pkgutil.iter_modules([f"{airflow_provider_apify.__path__[0]}/{folder}"])
]
before = set(sys.modules)
started = time.perf_counter()
for name in names:
    importlib.import_module(name)
print(len(names), (time.perf_counter() - started) * 1000, *sorted(set(sys.modules) - before))
"""


def main() -> None:
    """Measure the imports."""
    outputs = [
        subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout
        for _ in range(INTERPRETERS)
    ]
    modules, *_ = outputs[0].splitlines()[-1].split()
    best = min(float(output.splitlines()[-1].split()[1]) for output in outputs)
    verdict = "ok" if best <= MOST_MILLISECONDS else "MISSED"
    print(f"import of {modules} modules: {best:.0f} ms (<={MOST_MILLISECONDS} ms) {verdict}")
    sys.exit(verdict != "ok")


if __name__ == "__main__":
    main()
