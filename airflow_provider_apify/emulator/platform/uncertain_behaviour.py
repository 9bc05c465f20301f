"""Behaviour of the live service that is not certain: a switch for each, which a test can set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

CHOICES: dict[str, tuple[str, ...]] = {
    "abort_finished": ("accept", "refuse"),
    "pagination_count": ("scanned", "returned"),
    "stale_total": ("exact", "zero", "stale"),
}


@dataclass(slots=True)
class Switches:
    """
    Switches for behaviour of the live service that is not certain.

    :param list_user_agent: Whether items of run lists carry ``meta.userAgent``. Default False, as captured.
    :param abort_finished: Whether aborting a finished run answers 200 and does nothing (``accept``, as
        documented) or 400 (``refuse``, as a comment in one of Apify's own Actors says).
    :param replica_lag_seconds: For how long, in emulated seconds, a new run answers 404 by its id and is
        missing from lists. Default 0.
    :param stale_total: The item count of a dataset for ``stale_seconds`` after a push: the true one
        (``exact``, the default), 0 (``zero``), or the count before that push (``stale``).
    :param stale_seconds: For how long counts stay stale after a push, in emulated seconds. Default 5.
    :param pagination_count: Whether ``X-Apify-Pagination-Count`` counts the items read (``scanned``, the
        default) or the rows made of them (``returned``), where items are left out or unwound.
    :param max_items_per_request: Most items that one request gets, whatever its ``limit``. Default None: no
        such limit, as in the specification; an older tutorial speaks of 250,000.
    :param usage_settle_seconds: For how long after its end, in emulated seconds, a run tells only half of its
        cost. Default 0.
    :param unknown_status: A status that the specification does not know, shown by runs instead of RUNNING.
        Default None.
    :param unknown_fields: Fields that the specification does not know, shown by every run and dataset.
        Default: none.
    :param ready_seconds: How long a run stays READY, in emulated seconds. Default 0.
    :param stop_seconds: How long a run stays ABORTING or TIMING-OUT, in emulated seconds. Default 0.
    :param rate_limits: Whether the documented limits of requests per second are enforced. Default False.
    :param max_payload_bytes: Size of the largest request body that is accepted. Default 9,437,184.
    :param redirect_record_bytes: Records of this many bytes or more are answered with a redirect to a signed
        URL on another host (``localhost``), which refuses requests that bring a token. Default None: never.
    :param task_runs_by_time: Whether lists of a task's runs heed ``startedAfter`` and ``startedBefore``.
        Default False: the specification does not name them there.
    :raises ValueError: when a switch is set to a position that it does not have.
    """

    list_user_agent: bool = False
    abort_finished: Literal["accept", "refuse"] = "accept"
    replica_lag_seconds: float = 0
    stale_total: Literal["exact", "zero", "stale"] = "exact"
    stale_seconds: float = 5
    pagination_count: Literal["scanned", "returned"] = "scanned"
    max_items_per_request: int | None = None
    usage_settle_seconds: float = 0
    unknown_status: str | None = None
    unknown_fields: dict[str, Any] = field(default_factory=dict)
    ready_seconds: float = 0
    stop_seconds: float = 0
    rate_limits: bool = False
    max_payload_bytes: int = 9_437_184
    redirect_record_bytes: int | None = None
    task_runs_by_time: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of: {', '.join(CHOICES[name])}.")
        object.__setattr__(self, name, value)
