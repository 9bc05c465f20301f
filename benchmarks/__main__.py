"""All benchmarks, one after the other: `make bench`. Each tells what was asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = ("imports.py", "export.py", "records.py", "emulator.py")


def main() -> None:
    """Run all benchmarks."""
    failed = []
    for script in SCRIPTS:
        print(f"\n== {script}", flush=True)
        if subprocess.run([sys.executable, Path(__file__).with_name(script)], check=False).returncode:
            failed.append(script)
    sys.exit(f"Missed what was asked for: {', '.join(failed)}." if failed else 0)


if __name__ == "__main__":
    main()
