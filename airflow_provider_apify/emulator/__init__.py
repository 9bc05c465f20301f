"""A local Apify API for tests and for trying DAGs without an account; see ``README.md`` beside this file."""

from __future__ import annotations

from airflow_provider_apify.emulator.local_apify import DEFAULT_TOKEN, DEFAULT_USERNAME, Emulator
from airflow_provider_apify.emulator.platform.actors import Actor
from airflow_provider_apify.emulator.platform.clock import Clock
from airflow_provider_apify.emulator.platform.function_actors import ActorContext, ActorFailed, ActorStopped
from airflow_provider_apify.emulator.platform.tasks import Task
from airflow_provider_apify.emulator.platform.uncertain_behaviour import Switches
from airflow_provider_apify.emulator.platform.users import User
from airflow_provider_apify.emulator.server.faults import Fault, Faults
from airflow_provider_apify.emulator.server.http_server import Server
from airflow_provider_apify.emulator.server.seen_requests import SeenRequest

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
