"""The state of an emulator in a folder, so that it outlives the process.

Users and Actors are code and come from the Actors' file; everything else is kept. The format is pickle: open
only folders you trust.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

from airflow_provider_apify.emulator.accounts import Actor, User
from airflow_provider_apify.emulator.clock import Clock
from airflow_provider_apify.emulator.platform import Platform
from airflow_provider_apify.emulator.switches import Switches

FILE = "state.pickle"
TABLES = ("tasks", "runs", "datasets", "stores", "queues", "webhooks")


def save(platform: Platform, folder: Path) -> None:
    """Write the state; the file is whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with platform.lock:
        _Pickler(buffer).dump({name: getattr(platform, name) for name in TABLES})
    part = folder / f"{FILE}.part"
    part.write_bytes(buffer.getvalue())
    os.replace(part, folder / FILE)


def load(platform: Platform, folder: Path) -> None:
    """Read the state, if there is any; runs that were cut off by the stop end as ABORTED.

    :raises LookupError: if a user or Actor that the state tells of was not registered.
    """
    path = folder / FILE
    if not path.exists():
        return
    with path.open("rb") as file:
        for name, table in _Unpickler(file, platform).load().items():
            setattr(platform, name, table)
    for run in platform.runs_in_order():
        run.cut_off()


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        match obj:
            case Platform() | Clock() | Switches():
                return (type(obj).__name__, "")
            case Actor():
                return ("Actor", obj.full_name)
            case User():
                return ("User", obj.username)
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, platform: Platform) -> None:
        super().__init__(file)
        self._platform = platform

    def persistent_load(self, pid: tuple[str, str]) -> Any:
        kind, name = pid
        platform = self._platform
        match kind:
            case "Platform":
                return platform
            case "Clock":
                return platform.clock
            case "Switches":
                return platform.switches
            case "Actor":
                known: Any = next((one for one in platform.actors.values() if one.full_name == name), None)
            case _:
                known = platform.user_named(name)
        if known is None:
            raise LookupError(f"The kept state needs {kind} {name}: register it before loading.")
        return known
