"""How long is waited before something is tried again: longer each time, up to a limit, and spread."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_apify.api.errors import ApifyRateLimitError
from airflow_provider_apify.api.retry import delay
from airflow_provider_apify.runs.capacity_wait import capacity_delay


def spread(pause: Callable[[], float]) -> tuple[float, float]:
    pauses = [pause() for _ in range(1000)]
    return min(pauses), max(pauses)


@pytest.mark.parametrize(
    ("attempt", "least", "most"),
    [(1, 0.5, 1), (2, 1, 2), (5, 8, 16), (6, 15, 30), (17, 15, 30), (9999, 15, 30)],
)
def test_a_failed_call_waits_twice_as_long_each_time(attempt: int, least: float, most: float) -> None:
    shortest, longest = spread(lambda: delay(attempt))
    assert least <= shortest < least * 1.1
    assert most / 1.1 < longest <= most


@pytest.mark.parametrize(("asked", "least"), [(0, 0), (7, 7), (300, 300), (3600, 300)])
def test_a_server_that_says_when_is_obeyed_within_limits(asked: float, least: float) -> None:
    error = ApifyRateLimitError("Later.", status=429, type="rate-limit-exceeded", retry_after=asked)
    shortest, longest = spread(lambda: delay(8, error))
    assert least <= shortest < least + 0.05
    assert least + 0.45 < longest <= least + 0.5


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(1, 10, 20), (2, 20, 40), (4, 80, 160), (5, 150, 300), (9999, 150, 300)]
)
def test_capacity_is_waited_for_in_minutes(attempt: int, least: float, most: float) -> None:
    shortest, longest = spread(lambda: capacity_delay(attempt))
    assert least <= shortest < least * 1.1
    assert most / 1.1 < longest <= most
