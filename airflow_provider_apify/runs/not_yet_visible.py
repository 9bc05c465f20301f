"""How long Apify may not know a run yet that was started a moment ago, and how that time is bridged."""

from __future__ import annotations

import logging
import time

from airflow_provider_apify.api import retry
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyNotFoundError
from airflow_provider_apify.api.flow import Flow, Pause, send_one

log = logging.getLogger(__name__)

#: Seconds after its start in which a lagging replica may not know a run, by its ID or in a list.
VISIBLE_AFTER = 60.0


def retry_while_unknown(call: Call[ActorRun], *, unknown_for: float = VISIBLE_AFTER) -> Flow[ActorRun]:
    """Send a call about a run; not known after `unknown_for` seconds of asking, the run does not exist."""
    begun, attempt = time.time(), 0
    while True:
        # An answer says what was known when it was asked for, however late it comes.
        asked_at = time.time()
        try:
            return (yield from send_one(call))
        except ApifyNotFoundError as error:
            if asked_at - begun >= unknown_for:
                raise
            attempt += 1
            pause = retry.delay(attempt)
            log.info("Looking for the run once more in %.1f s, should it be new. (%s)", pause, error)
        yield Pause(pause)
