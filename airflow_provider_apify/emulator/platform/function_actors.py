"""Actors that are Python functions: a thread for each run, and the context that the function is given."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from airflow_provider_apify.emulator.platform.key_value_stores import record_of, value_of
from airflow_provider_apify.emulator.platform.run_life_cycle import Run


class ActorStopped(BaseException):
    """The end of an Actor whose run was aborted, has timed out or was rebooted; do not catch it."""


class ActorFailed(Exception):
    """
    The end of an Actor that called :meth:`ActorContext.fail`; do not catch it.

    :param message: Status message of the run.
    :param exit_code: Exit code of the run.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ActorContext:
    """
    Access of an Actor's function to its input, storages and log.

    Each method raises :class:`ActorStopped` once the run was aborted or has timed out, so a stopped Actor has
    no further effect. ``input`` is the decoded input, ``is_aborting`` tells of a graceful abort.

    :param run: The run that the function is called for.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._stopped = threading.Event()
        self._woken = threading.Event()
        self.is_aborting = False
        record = run.input
        self.input: Any = value_of(record) if record else None

    def log(self, text: str) -> None:
        """
        Write to the run's log.

        :param text: One line or several.
        """
        self._check()
        self.run.log.write(text)

    def push_data(self, data: dict[str, Any] | list[dict[str, Any]]) -> None:
        """
        Append items to the run's default dataset.

        :param data: An item or a list of items.
        """
        self._check()
        self.run.dataset.push([data] if isinstance(data, dict) else data)

    def set_value(self, key: str, value: Any, content_type: str | None = None) -> None:
        """
        Write a record of the run's default key-value store.

        :param key: Key of the record.
        :param value: Bytes and text are stored as they are, anything else as JSON.
        :param content_type: Content type; by default that of bytes, text or JSON, as ``value`` is.
        :raises ApiError: if the key has illegal characters or more than 256.
        """
        self._check()
        self.run.store.put(key, record_of(value, content_type))

    def get_value(self, key: str) -> Any:
        """
        Read a record of the run's default key-value store; None when it does not exist.

        :param key: Key of the record.
        """
        self._check()
        record = self.run.store.records.get(key)
        return value_of(record) if record else None

    def set_status_message(self, message: str) -> None:
        """
        Set the run's status message.

        :param message: The message.
        """
        self._check()
        self.run.status_message = message

    def charge(self, event: str, count: int = 1) -> None:
        """
        Charge the user for events.

        :param event: Name of the event, one of the Actor's ``pay_per_event``.
        :param count: How many events.
        """
        self._check()
        self.run.charge(event, count)

    def sleep(self, seconds: float) -> None:
        """
        Sleep.

        :param seconds: How long, in emulated seconds.
        """
        self._check()
        self._woken.clear()
        clock = self.run.platform.clock
        timer = clock.call_at(clock.time() + seconds, self._woken.set)
        if not self._stopped.is_set():
            self._woken.wait()
        timer.cancel()
        self._check()

    def fail(self, message: str, exit_code: int = 1) -> NoReturn:
        """
        End the run as FAILED.

        :param message: Status message of the run.
        :param exit_code: Exit code of the run.
        :raises ActorFailed: always; do not catch it.
        """
        self._check()
        raise ActorFailed(message, exit_code)

    def stop(self) -> None:
        """Make every further method raise :class:`ActorStopped`."""
        self._stopped.set()
        self._woken.set()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise ActorStopped


class FunctionExecution:
    """The function of an Actor in a thread."""

    def __init__(self, run: Run, function: Callable[[Any], object]) -> None:
        self._run = run
        self._function = function
        self._context = ActorContext(run)
        self._thread = threading.Thread(target=self._main, name=f"actor-run-{run.id}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def warn(self) -> None:
        """Set ``is_aborting`` for the function."""
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
