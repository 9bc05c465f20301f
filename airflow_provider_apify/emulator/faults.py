"""Scripted trouble: which requests it meets and what it does to them."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Action = Literal["refuse", "drop-before", "drop-after", "answer", "answer-after", "alter"]


@dataclass
class Fault:
    """Trouble for some requests.

    :param action: ``refuse`` and ``drop-before`` close the connection without an answer and without effect
        (``refuse`` before the body is read), ``drop-after`` closes it after the effect, ``answer`` answers
        with ``status``, ``type`` and so on without effect, ``answer-after`` answers so after the effect,
        ``alter`` lets the request pass and changes only how the answer travels.
    :param method: HTTP method, ``*`` for any.
    :param path: Glob over the path; ``*`` matches slashes too. ``/v2/acts`` counts as ``/v2/actors``.
    :param calls: Which of the matching requests it meets, counted from 1; empty means all.
    :param status: HTTP status of ``answer``. Default 500.
    :param type: Error type of ``answer``.
    :param message: Error message of ``answer``.
    :param body: A body for ``answer`` that is not Apify's JSON, an HTML page for instance.
    :param content_type: Content type of ``body``.
    :param headers: Further headers of ``answer``, ``Retry-After`` for instance.
    :param delay: Real seconds to wait before anything else.
    :param latency: Real seconds to wait before the first byte of the answer.
    :param cut_at: Close the connection after this many bytes of the body.
    :param slow: Real seconds to wait before each block of the body.
    :param bandwidth: Bytes per second of the body, for this connection.
    """

    action: Action = "alter"
    method: str = "*"
    path: str = "*"
    calls: tuple[int, ...] = ()
    status: int = 500
    type: str = "internal-server-error"
    message: str = "Internal server error"
    body: str | None = None
    content_type: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    latency: float = 0
    cut_at: int | None = None
    slow: float = 0
    bandwidth: float | None = None
    matched: int = field(default=0, compare=False)
    fired: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise ValueError(
                f"There is no action {self.action!r}; choose one of {', '.join(get_args(Action))}."
            )
        self.calls = tuple(self.calls)

    def meets(self, method: str, path: str) -> bool:
        """Count a request and say whether the fault meets it."""
        if self.method not in ("*", method) or not fnmatch.fnmatchcase(path, self.path):
            return False
        self.matched += 1
        if self.calls and self.matched not in self.calls:
            return False
        self.fired += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as JSON for ``/__emulator__/faults``."""
        return asdict(self)


class Faults:
    """The faults in force; each request meets all that match it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force and return it; its ``fired`` then says how often it struck."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Take all faults off."""
        with self._lock:
            self._faults.clear()

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter(tuple(self._faults))

    def meeting(self, method: str, path: str) -> list[Fault]:
        """Return the faults that meet this request, and count it for each."""
        with self._lock:
            return [fault for fault in self._faults if fault.meets(method, path)]
