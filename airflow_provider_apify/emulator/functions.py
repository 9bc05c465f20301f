"""Actors that are Python functions: each run has a thread of its own and an :class:`ActorContext`."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from airflow_provider_apify.emulator.runs import Run
from airflow_provider_apify.emulator.storages import Record


class ActorStopped(BaseException):
    """Raised inside an Actor whose run was aborted, timed out or rebooted; not meant to be caught."""


class ActorFailed(Exception):
    """Raised inside an Actor by :meth:`ActorContext.fail`."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ActorContext:
    """What an Actor's function is given: its input, its storages, its log.

    Each call raises :class:`ActorStopped` once the run was aborted or has timed out, so a stopped Actor has
    no further effect.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self.is_aborting = False
        record = run.input
        self.input: Any = _value(record) if record else None

    def log(self, text: str) -> None:
        """Write to the run's log."""
        self._check()
        self.run.log.write(text)

    def push_data(self, data: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Append an item, or several, to the run's default dataset."""
        self._check()
        self.run.dataset.push([data] if isinstance(data, dict) else data)

    def set_value(self, key: str, value: Any, content_type: str | None = None) -> None:
        """Write a record of the run's default key-value store.

        :param key: Key of the record.
        :param value: Bytes and text are stored as they are, anything else as JSON.
        :param content_type: Content type; by default it follows from ``value``.
        """
        self._check()
        self.run.store.put(key, record_of(value, content_type))

    def get_value(self, key: str) -> Any:
        """Read a record of the run's default key-value store; None when there is none."""
        self._check()
        record = self.run.store.records.get(key)
        return _value(record) if record else None

    def set_status_message(self, message: str) -> None:
        """Set the run's status message."""
        self._check()
        self.run.status_message = message

    def charge(self, event: str, count: int = 1) -> None:
        """Charge the user for events."""
        self._check()
        self.run.charge(event, count)

    def sleep(self, seconds: float) -> None:
        """Sleep, in emulated time."""
        self._check()
        self._woken.clear()
        clock = self.run.platform.clock
        timer = clock.call_at(clock.time() + seconds, self._woken.set)
        if not self._stopped.is_set():
            self._woken.wait()
        timer.cancel()
        self._check()

    def fail(self, message: str, exit_code: int = 1) -> NoReturn:
        """End the run as FAILED, with a status message and an exit code."""
        self._check()
        raise ActorFailed(message, exit_code)

    def stop(self) -> None:
        """Make every further call raise."""
        self._stopped.set()
        self._woken.set()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise ActorStopped


class FunctionExecution:
    """Runs the function of an Actor in a thread."""

    def __init__(self, run: Run, function: Callable[[Any], object]) -> None:
        self._run = run
        self._function = function
        self._context = ActorContext(run)
        self._thread = threading.Thread(target=self._main, name=f"actor-run-{run.id}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def warn(self) -> None:
        """Let the function see, in ``is_aborting``, that the run is being aborted gracefully."""
        self._context.is_aborting = True

    def stop(self) -> None:
        """Make the context raise at the next call."""
        self._context.stop()

    def _main(self) -> None:
        try:
            self._function(self._context)
        except ActorStopped:
            return
        except ActorFailed as failure:
            self._run.log.write(f"ERROR {failure}")
            self._run.ended(self, failure.exit_code, str(failure))
        except Exception:
            self._run.log.write(traceback.format_exc())
            self._run.ended(self, 1)
        else:
            self._run.ended(self, 0)


def record_of(value: Any, content_type: str | None = None) -> Record:
    """Make a record of bytes, text, or anything that JSON can hold."""
    if isinstance(value, bytes):
        return Record(value, content_type or "application/octet-stream")
    if isinstance(value, str) and not (content_type or "text/").startswith("application/json"):
        return Record(value.encode(), content_type or "text/plain; charset=utf-8")
    return Record(
        json.dumps(value, ensure_ascii=False).encode(), content_type or "application/json; charset=utf-8"
    )


def _value(record: Record) -> Any:
    kind = record.content_type.partition(";")[0].strip()
    if kind == "application/json":
        return json.loads(record.value) if record.value else None
    return record.value.decode() if kind.startswith("text/") else record.value
