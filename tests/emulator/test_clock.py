from __future__ import annotations

import asyncio
import threading

import pytest

from airflow_provider_apify.emulator import Clock


def test_time_stands_still_passes_and_jumps() -> None:
    clock = Clock(speed=0)
    begun = clock.time()
    clock.advance(3600)
    assert clock.time() == begun + 3600
    clock.speed = 10_000
    while clock.time() < begun + 3700:
        pass
    assert clock.now().timestamp() >= begun + 3700


def test_it_does_not_run_backwards() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="backwards"):
        clock.speed = -1


def test_what_is_due_happens_in_order() -> None:
    clock = Clock(speed=0)
    seen: list[int] = []
    done = threading.Event()
    for number in (3, 1, 2):
        clock.call_at(clock.time() + number, lambda number=number: seen.append(number))
    clock.call_at(clock.time() + 1.5, lambda: seen.append(99)).cancel()
    clock.call_at(clock.time() + 4, done.set)
    assert seen == []
    clock.advance(10)
    assert done.wait(10)
    assert seen == [1, 2, 3]


def test_a_change_of_speed_wakes_who_waits() -> None:
    clock = Clock(speed=0)
    done = threading.Event()
    clock.call_at(clock.time() + 1000, done.set)
    clock.speed = 100_000
    assert done.wait(10)


def test_it_goes_on_after_it_was_closed() -> None:
    clock = Clock()
    pending = clock.call_at(clock.time() + 1000, lambda: None)
    clock.close()
    pending.cancel()
    done = threading.Event()
    clock.call_at(clock.time(), done.set)
    assert done.wait(10)


async def test_waiting_in_an_event_loop() -> None:
    clock = Clock(speed=1000)
    begun = clock.time()
    await asyncio.wait_for(clock.sleep(100), 10)
    assert clock.time() >= begun + 100
