"""What datasets, key-value stores and request queues share over HTTP: collections, names, public URLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from airflow_provider_apify.emulator.call import Answer, Call, data_answer
from airflow_provider_apify.emulator.errors import ApiError, invalid_request, invalid_value
from airflow_provider_apify.emulator.platform import Platform
from airflow_provider_apify.emulator.routes.runs import general_access
from airflow_provider_apify.emulator.routing import Router
from airflow_provider_apify.emulator.storages import Dataset, KeyValueStore, Storage

AnyStorage = TypeVar("AnyStorage", bound=Storage)
NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")


def mount_collection(
    router: Router,
    path: str,
    table_of: Callable[[Platform], dict[str, AnyStorage]],
    creator_of: Callable[[Platform], Callable[..., AnyStorage]],
) -> None:
    """Serve a collection of storages: list them, get or create one by name."""

    async def list_storages(call: Call) -> Answer:
        user = call.user
        unnamed = call.flag("unnamed")
        owned = call.choice("ownership", ("ownedByMe", "sharedWithMe")) != "sharedWithMe"
        return call.page(
            [
                storage
                for storage in table_of(call.platform).values()
                if owned and storage.user_id == user.id and (storage.name or unnamed)
            ],
            lambda storage: _listed(call, storage),
        )

    async def create_storage(call: Call) -> Answer:
        user, table = call.user, table_of(call.platform)
        name = call.text("name")
        body = await call.json_object(required=False)
        if name is not None:
            _check_name(name)
            existing = call.platform.find(table, f"~{name}", user)
            if existing is not None:
                return data_answer(describe(call, existing))
        storage = creator_of(call.platform)(user, name=name)
        if isinstance(storage, Dataset):
            storage.schema = body.get("schema")
        return data_answer(describe(call, storage), 201, Location=f"{call.base_url}{path}/{storage.id}")

    router.add("GET", path, list_storages)
    router.add("POST", path, create_storage)


def describe(call: Call, storage: Storage) -> dict[str, Any]:
    """Describe a storage, with its signing key for those who may write and with its public URLs."""
    shown = storage.describe()
    user = call.anyone
    shown["urlSigningSecretKey"] = storage.secret if user and user.id == storage.user_id else None
    access = storage.general_access
    if access == "FOLLOW_USER_SETTING":
        access = call.platform.users[storage.user_id].general_access
    suffix = f"?signature={storage.content_signature()}" if access == "RESTRICTED" else ""
    if isinstance(storage, Dataset):
        shown["itemsPublicUrl"] = f"{call.base_url}/v2/datasets/{storage.id}/items{suffix}"
    if isinstance(storage, KeyValueStore):
        for name in ("keys", "records"):
            shown[f"{name}PublicUrl"] = f"{call.base_url}/v2/key-value-stores/{storage.id}/{name}{suffix}"
    return shown


def _listed(call: Call, storage: Storage) -> dict[str, Any]:
    # Lists give nameless storages their id for a name.
    return {**describe(call, storage), "name": storage.name or storage.id}


def update(call: Call, storage: AnyStorage, table: dict[str, AnyStorage], body: dict[str, Any]) -> None:
    """Change the name, title or access of a storage."""
    if "name" in body:
        name = body["name"]
        if name is not None:
            if not isinstance(name, str):
                raise invalid_request("name must be a string.")
            _check_name(name)
            other = call.platform.find(table, f"~{name}", call.user)
            if other is not None and other is not storage:
                raise ApiError(409, "name-not-unique", f"You already have a {storage.kind} named {name}.")
        storage.name = name
    if "generalAccess" in body:
        storage.general_access = general_access(body["generalAccess"])
    storage.title = body.get("title", storage.title)
    storage.modified_at = call.platform.clock.time()


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid_value("A name may hold letters, digits and hyphens, at most 63 of them.")
