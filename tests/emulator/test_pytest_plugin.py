from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]


def test_the_fixtures_connect_airflow_to_the_emulator(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["airflow_provider_apify.emulator.pytest_plugin"]')
    pytester.makepyfile(
        """
        import json, os, urllib.request

        def test_a_connection(apify_emulator, apify_connection):
            assert apify_connection == "apify_default"
            connection = json.loads(os.environ["AIRFLOW_CONN_APIFY_DEFAULT"])
            headers = {"Authorization": "Bearer " + connection["password"]}
            request = urllib.request.Request(connection["host"] + "/v2/users/me", headers=headers)
            assert json.load(urllib.request.urlopen(request))["data"]["username"] == "emulator"
            assert len(apify_emulator.requests) == 1
        """
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(pytester.path)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=pytester.path,
    )
    assert done.returncode == 0, done.stdout
