"""The README's worked example, run as a user would: in a project of its own, on a real Airflow."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from airflow_provider_apify import emulator

README = Path(emulator.__file__).parent / "README.md"
ROOT = Path(emulator.__file__).parents[2]


@pytest.mark.skipif(find_spec("airflow") is None, reason="Airflow is not installed")
def test_the_worked_example_passes(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "dags").mkdir()
    for name, mark in (
        ("conftest.py", "pytest_plugins"),
        ("dags/crawl.py", "# dags/"),
        ("test_crawl.py", "# test_"),
    ):
        (tmp_path / name).write_text(next(block for block in blocks if block.startswith(mark)))
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
    }
    for command in ("airflow db migrate", "pytest -q -p no:cacheprovider ."):
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
