from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from airflow_provider_apify.emulator import Clock


def test_time_stands_still_jumps_and_speeds_up() -> None:
    clock = Clock(speed=0)
    begun = clock.time()
    clock.advance(3600)
    assert clock.time() == begun + 3600
    clock.speed = 10_000
    while clock.time() < begun + 3700:
        pass
    assert clock.now().timestamp() >= begun + 3700


def test_time_does_not_run_backwards() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="backwards"):
        clock.speed = -1


def test_timers_run_in_the_order_of_their_time() -> None:
    clock = Clock(speed=0)
    seen: list[int] = []
    done = threading.Event()
    for number in (3, 1, 2):
        clock.call_at(clock.time() + number, partial(seen.append, number))
    clock.call_at(clock.time() + 1.5, lambda: seen.append(99)).cancel()
    clock.call_at(clock.time() + 4, done.set)
    assert seen == []
    clock.advance(10)
    assert done.wait(10)
    assert seen == [1, 2, 3]


def test_a_change_of_speed_reschedules_timers() -> None:
    clock = Clock(speed=0)
    done = threading.Event()
    clock.call_at(clock.time() + 1000, done.set)
    clock.speed = 100_000
    assert done.wait(10)


def test_a_closed_clock_runs_new_timers() -> None:
    clock = Clock()
    pending = clock.call_at(clock.time() + 1000, lambda: None)
    clock.close()
    pending.cancel()
    done = threading.Event()
    clock.call_at(clock.time(), done.set)
    assert done.wait(10)


async def test_sleeping_in_an_event_loop_takes_emulated_time() -> None:
    clock = Clock(speed=1000)
    begun = clock.time()
    await asyncio.wait_for(clock.sleep(100), 10)
    assert clock.time() >= begun + 100
