"""Emulated time, which waits, timeouts, retries and retention follow."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


def iso(moment: float) -> str:
    """Format epoch seconds the way the API writes times: UTC, milliseconds, ``Z``."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Timer:
    """A callback to run at a moment of emulated time."""

    def __init__(self, clock: Clock, callback: Callable[[], object]) -> None:
        self._clock = clock
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Cancel the callback; harmless after it has run."""
        self._clock._forget(self)


class Clock:
    """
    Emulated time.

    :param speed: Emulated seconds per real second; 60 makes a minute pass each second, 0 stops the clock so
        that only :meth:`advance` moves it. Default 1.
    :raises ValueError: by :attr:`speed` and :meth:`advance`, for a negative number.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._changed = threading.Condition()
        self._speed = float(speed)
        self._real = time.monotonic()
        self._emulated = time.time()
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Timer]] = []
        self._alive = 0  # number of timers that are not cancelled
        self._thread: threading.Thread | None = None

    def time(self) -> float:
        """Return the emulated time in seconds since the epoch."""
        with self._changed:
            return self._emulated + (time.monotonic() - self._real) * self._speed

    def now(self) -> datetime:
        """Return the emulated time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)

    @property
    def speed(self) -> float:
        """Emulated seconds per real second; may be set at any time."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        if value < 0:
            raise ValueError("Emulated time does not run backwards: speed must be 0 or more.")
        self._move(0, float(value))

    def advance(self, seconds: float) -> None:
        """
        Jump forward; what falls due on the way happens at once, at the new time.

        :param seconds: How far to jump, in emulated seconds.
        """
        if seconds < 0:
            raise ValueError("Emulated time does not run backwards: seconds must be 0 or more.")
        self._move(seconds, self._speed)

    def call_at(self, moment: float, callback: Callable[[], object]) -> Timer:
        """
        Run a callback on the clock's own thread, and return the timer, which can be cancelled.

        :param moment: When, in emulated seconds since the epoch.
        :param callback: Called without arguments.
        """
        timer = Timer(self, callback)
        with self._changed:
            heapq.heappush(self._timers, (moment, next(self._order), timer))
            self._alive += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="emulator-clock", daemon=True)
                self._thread.start()
            elif self._timers[0][2] is timer:
                self._changed.notify()
        return timer

    async def wait(self, event: asyncio.Event, moment: float) -> None:
        """
        Wait for an event.

        :param event: An event of the running loop; it is set at ``moment``.
        :param moment: When the wait ends at the latest, in emulated seconds since the epoch.
        """
        loop = asyncio.get_running_loop()
        timer = self.call_at(moment, lambda: _set_in(loop, event))
        try:
            await event.wait()
        finally:
            timer.cancel()

    async def sleep(self, seconds: float) -> None:
        """
        Sleep.

        :param seconds: How long, in emulated seconds.
        """
        await self.wait(asyncio.Event(), self.time() + seconds)

    def close(self) -> None:
        """Cancel all timers."""
        with self._changed:
            for _, _, timer in self._timers:
                timer.callback = None
            self._alive = 0
            self._changed.notify()

    def _move(self, seconds: float, speed: float) -> None:
        with self._changed:
            self._emulated, self._real = self.time() + seconds, time.monotonic()
            self._speed = speed
            self._changed.notify()

    def _forget(self, timer: Timer) -> None:
        # A cancelled timer stays in the queue until its time: thousands of long polls are cancelled at once
        # when their run ends, and waking the thread for each would cost more than all the rest.
        with self._changed:
            if timer.callback is not None:
                timer.callback = None
                self._alive -= 1
                if not self._alive:
                    self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._alive:
                    self._timers.clear()
                    self._thread = None
                    return
                remaining = self._timers[0][0] - self.time()
                if remaining > 0:
                    real = remaining / self._speed if self._speed else threading.TIMEOUT_MAX
                    self._changed.wait(min(real, threading.TIMEOUT_MAX))
                    continue
                timer = heapq.heappop(self._timers)[2]
                callback, timer.callback = timer.callback, None
                self._alive -= callback is not None
            if callback is not None:
                callback()


def _set_in(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the server, and its loop with it, may just have stopped
        loop.call_soon_threadsafe(event.set)


class Notifier:
    """Listeners, in any thread or event loop, to a change."""

    def __init__(self) -> None:
        self._listeners: set[Callable[[], object]] = set()

    def __reduce__(self) -> tuple[type[Notifier], tuple[()]]:
        return Notifier, ()  # saved state has no listeners

    def notify(self) -> None:
        """Call every listener."""
        for listener in tuple(self._listeners):
            listener()

    def add(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call ``listener`` on each change; return a function that removes it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def wait(self, clock: Clock, until: float, done: Callable[[], bool]) -> None:
        """Wait until ``done()`` holds or emulated time reaches ``until`` (epoch seconds)."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        remove = self.add(lambda: _set_in(loop, changed))
        try:
            while not done() and clock.time() < until:
                await clock.wait(changed, until)
                changed.clear()
        finally:
            remove()
