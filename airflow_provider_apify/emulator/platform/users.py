"""Users: accounts with a token, limits and default access."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from airflow_provider_apify.emulator.platform.ids_and_names import id_of


@dataclass
class User:
    """
    An account.

    :param username: Name of the account, the first half of ``username/name``.
    :param token: API token of the account; empty for one that only owns public Actors.
    :param general_access: Default access to the account's runs and storages: ``RESTRICTED`` (the default) or
        ``ANYONE_WITH_ID_CAN_READ``.
    :param max_memory_mbytes: Most memory of all unfinished runs together, in MB. Default 524,288.
    :param max_concurrent_runs: Most unfinished runs at once. Default 256.
    :param is_paying: Whether the account is on a paid plan, which its Actors are told. Default True.
    :param retention_days: How long runs and unnamed storages are kept, in emulated days. Default 30.
    :param id: Id of the account; by default derived from the name.
    :param created_at: When the account was made, in epoch seconds.
    :param proxy_password: Password of Apify Proxy, which is not served; random by default.
    """

    username: str
    token: str
    general_access: str = "RESTRICTED"
    max_memory_mbytes: int = 524_288
    max_concurrent_runs: int = 256
    is_paying: bool = True
    retention_days: int = 30
    id: str = ""
    created_at: float = 0
    proxy_password: str = field(default_factory=lambda: secrets.token_hex(12))

    def __post_init__(self) -> None:
        self.id = self.id or id_of(self.username)
