"""A local Apify API: for the quick start, for tests, and for DAGs tested with no account.

See ``README.md`` beside this file.
"""

from __future__ import annotations

from airflow_provider_apify.emulator.accounts import Actor, Task, User
from airflow_provider_apify.emulator.clock import Clock
from airflow_provider_apify.emulator.emulator import DEFAULT_TOKEN, DEFAULT_USERNAME, Emulator
from airflow_provider_apify.emulator.faults import Fault, Faults
from airflow_provider_apify.emulator.functions import ActorContext, ActorFailed, ActorStopped
from airflow_provider_apify.emulator.server import SeenRequest, Server
from airflow_provider_apify.emulator.switches import Switches

__all__ = [
    "DEFAULT_TOKEN",
    "DEFAULT_USERNAME",
    "Actor",
    "ActorContext",
    "ActorFailed",
    "ActorStopped",
    "Clock",
    "Emulator",
    "Fault",
    "Faults",
    "SeenRequest",
    "Server",
    "Switches",
    "Task",
    "User",
]
