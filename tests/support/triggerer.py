"""A trigger, run as a triggerer runs it."""

from __future__ import annotations

import json
from typing import Any


async def event_of(trigger: Any) -> Any:
    """Run a trigger, made again from what Airflow stores of it, and return what its one event carries."""
    _, arguments = trigger.serialize()
    stored = type(trigger)(**json.loads(json.dumps(arguments)))
    (event,) = [event async for event in stored.run()]
    return json.loads(json.dumps(event.payload))
