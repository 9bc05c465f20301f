"""
Saved state: the platform's contents in a folder, so that they outlive the process.

Users and Actors are code and come from the Actors' file; everything else is saved. The format is pickle: open
only folders you trust.
"""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.clock import Clock
from airflow_provider_apify.emulator.platform.registry import Platform
from airflow_provider_apify.emulator.platform.uncertain_behaviour import Switches
from airflow_provider_apify.emulator.platform.users import User

FILE = "state.pickle"
TABLES = ("tasks", "runs", "datasets", "stores", "queues", "webhooks")


def save(platform: Platform, folder: Path) -> None:
    """Write the state, in one step, so that the file is never incomplete."""
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with platform.lock:
        _Pickler(buffer).dump({name: getattr(platform, name) for name in TABLES})
    part = folder / f"{FILE}.part"
    part.write_bytes(buffer.getvalue())
    os.replace(part, folder / FILE)


def load(platform: Platform, folder: Path) -> None:
    """Read the state, if the folder has one; runs that were not finished end as ABORTED."""
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
        actors = {actor.full_name: actor for actor in platform.actors.values()}
        known = actors.get(name) if kind == "Actor" else platform.user_named(name)
        if known is None:
            raise LookupError(f"The saved state needs {kind} {name}: register it in the Actors' file.")
        return known
