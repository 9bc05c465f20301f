"""What has to hold whatever comes from Apify: which errors, how much memory, which files, logs and XComs."""

from __future__ import annotations

import json
import logging
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowException
from hypothesis import HealthCheck, settings

from airflow_provider_apify.api.errors import ApifyError

#: Examples of each fuzz test.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "250"))
MOST_BYTES = 200 << 20
_BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


class Watch:
    """Watches what is done with foreign content; its folder `out` is the destination of exports."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.folder, self.out = folder, folder / "in" / "out"
        self.out.mkdir(parents=True)
        self.start = _peak_bytes()

    @contextmanager
    def over(self) -> Iterator[None]:
        """Watch over one example."""
        # Or the traces of an emulator that cannot render a row pile up.
        self._caplog.clear()
        # Begin the peak anew.
        Path("/proc/self/clear_refs").write_text("5")
        try:
            with _logged() as lines:
                try:
                    yield
                except (ApifyError, AirflowException) as error:
                    lines.append(str(error))
            self._assert_nothing_wrong(lines)
        finally:
            for path in self.out.iterdir():
                path.unlink()

    def _assert_nothing_wrong(self, lines: list[str]) -> None:
        for line in lines:
            _assert_readable(line)
        outside = {path for path in self.folder.rglob("*") if path.is_file() and path.parent != self.out}
        assert not outside
        assert _peak_bytes() - self.start < MOST_BYTES


@pytest.fixture
def watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Watch:
    """The watch over the examples of a test."""
    return Watch(tmp_path, caplog)


def assert_plain(value: Any) -> None:
    """Assert that an XCom gives the next task this very value, made of nothing but plain JSON."""
    if airflow_version >= "3":
        from airflow.sdk.bases.xcom import BaseXCom

        stored = BaseXCom.serialize_value(value)
        text = json.dumps(stored, allow_nan=False)
        read = BaseXCom.deserialize_value(_Row(stored))
    else:
        from airflow.models.xcom import BaseXCom as OldXCom

        stored = OldXCom.serialize_value(value)
        text = json.dumps(json.loads(stored), allow_nan=False)
        read = OldXCom.deserialize_value(_Row(stored))
    assert read == value
    _assert_plain(value)
    # PostgreSQL takes neither.
    assert "\\u0000" not in text
    json.dumps(value, ensure_ascii=False).encode()


class _Row:
    def __init__(self, value: Any) -> None:
        self.value = value


def _assert_plain(value: Any) -> None:
    assert type(value) in (dict, list, str, int, float, bool, type(None)), type(value)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _assert_plain(inner)


def _assert_readable(text: str) -> None:
    wrong = {char for char in text if unicodedata.category(char) == "Cc" or char in _BIDI} - {"\n", "\t"}
    assert not wrong, (wrong, text[:500])
    assert len(text) < 20_000
    assert not any(line.startswith(("::group::", "::endgroup::")) for line in text.splitlines())


def _peak_bytes() -> int:
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak) << 10


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Give what is logged meanwhile: through `logging`, and on Airflow 3 through structlog, too."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith(("airflow.task", "airflow_provider_apify")):
                lines.append(record.getMessage())

    handler, root = Handler(), logging.getLogger()
    root.addHandler(handler)
    try:
        if airflow_version < "3":
            yield lines
            return
        from structlog.testing import capture_logs

        with capture_logs() as events:
            yield lines
        for event in events:
            arguments = event.get("positional_args") or ()
            lines.append(str(event["event"]) % arguments if arguments else str(event["event"]))
    finally:
        root.removeHandler(handler)
