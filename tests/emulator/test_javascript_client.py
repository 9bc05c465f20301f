"""The official JavaScript client, unmodified; needs Node.js, and npm's registry once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from airflow_provider_apify.emulator import Server

VERSION = "2.25.0"
SCRIPT = Path(__file__).parent / "javascript_client.cjs"


@pytest.fixture
def node_modules(request: pytest.FixtureRequest) -> str:
    """Folder with the client in it, kept between test runs."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("Node.js is not installed")
    assert request.config.cache
    folder = request.config.cache.mkdir(f"apify-client-js-{VERSION}")
    if not (folder / "node_modules" / "apify-client").exists():
        install = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(folder),
            f"apify-client@{VERSION}",
        ]
        done = subprocess.run(install, capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f"npm cannot install apify-client: {done.stderr[-300:]}")
    return str(folder / "node_modules")


def test_the_javascript_client_works_unmodified(server: Server, node_modules: str) -> None:
    done = subprocess.run(
        ["node", str(SCRIPT), server.url, server.token],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NODE_PATH": node_modules},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "started": "READY",
        "run": {"status": "SUCCEEDED", "exitCode": 0, "memory": 256, "date": True},
        "called": "SUCCEEDED",
        "task": {"status": "FAILED", "exitCode": 3},
        "page": {
            "items": [{"n": 1}, {"n": 2}],
            "total": 5,
            "count": 2,
            "offset": 1,
            "limit": 2,
            "desc": False,
        },
        "csv": "n\n0\n1\n2\n3\n4\n5\n6\n",
        "itemCount": 7,
        "keys": ["INPUT", "OUTPUT"],
        "output": {"done": True},
        "text": "hello",
        "bytes": [0, 255],
        "exists": [True, False],
        "nothing": True,
        "aborted": "ABORTED",
        "last": True,
        "runs": ["ABORTED", "FAILED"],
        "log": True,
        "me": "emulator",
        "missing": True,
        "error": {"type": "invalid-value", "statusCode": 400},
    }
