"""Endpoints that datasets, key-value stores and request queues share: list, create, get, change, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from airflow_provider_apify.emulator.platform.api_errors import (
    ApiError,
    invalid_request,
    invalid_value,
    not_found,
)
from airflow_provider_apify.emulator.platform.datasets import Dataset
from airflow_provider_apify.emulator.platform.ids_and_names import NAME
from airflow_provider_apify.emulator.platform.key_value_stores import KeyValueStore
from airflow_provider_apify.emulator.platform.run_life_cycle import Run
from airflow_provider_apify.emulator.platform.signed_urls import storage_signature
from airflow_provider_apify.emulator.platform.storages import Storage
from airflow_provider_apify.emulator.routes.resource_access import (
    effective_access,
    find_storage,
    legal_access,
)
from airflow_provider_apify.emulator.server.list_pagination import page_response
from airflow_provider_apify.emulator.server.request import Call
from airflow_provider_apify.emulator.server.response import Response, data_response
from airflow_provider_apify.emulator.server.routing import Operations, Router

AnyStorage = TypeVar("AnyStorage", bound=Storage)


class StorageOperations(Operations[AnyStorage]):
    """The operations on one kind of storage, among them those that all kinds have."""

    def __init__(
        self, kind: type[AnyStorage], path: str, storage_of_run: Callable[[Run], AnyStorage]
    ) -> None:
        super().__init__()
        self._kind, self._path, self._storage_of_run = kind, path, storage_of_run
        self.on("GET")(self._get)
        self.on("PUT")(self._put)
        self.on("DELETE")(self._delete)

    def mount_own_path(self, router: Router) -> None:
        """Serve the list of storages, getting or creating one by its name, and all operations by its id."""
        router.add("GET", self._path, self._list)
        router.add("POST", self._path, self._get_or_create)
        self.mount(router, f"{self._path}/{{storageId}}", self._find)

    def mount_path_of_run(self, router: Router, prefix: str, find_run: Callable[[Call], Run]) -> None:
        """Serve all operations on the default storage of the run that a prefix names."""

        def find(call: Call) -> AnyStorage:
            storage = self._storage_of_run(find_run(call))
            if storage.id not in call.platform.storages(self._kind):
                raise not_found(storage.label.capitalize())
            return storage

        self.mount(router, prefix, find)

    def _find(self, call: Call) -> AnyStorage:
        return find_storage(call, self._kind, call.params["storageId"])

    async def _list(self, call: Call) -> Response:
        user = call.user
        unnamed = call.flag("unnamed")
        owned = call.choice("ownership", ("ownedByMe", "sharedWithMe")) != "sharedWithMe"
        storages = [
            storage
            for storage in call.platform.storages(self._kind).values()
            if owned and storage.user_id == user.id and (storage.name or unnamed)
        ]
        # Lists show the id of an unnamed storage in place of its name.
        return page_response(
            call, storages, lambda storage: {**_shown(call, storage), "name": storage.name or storage.id}
        )

    async def _get_or_create(self, call: Call) -> Response:
        user = call.user
        name = call.text("name")
        body = await call.json_object(required=False)
        if name is not None:
            _check_name(name)
            existing = call.platform.find(call.platform.storages(self._kind), f"~{name}", user)
            if existing is not None:
                return data_response(_shown(call, existing))
        storage = call.platform.create(self._kind, user, name=name)
        if isinstance(storage, Dataset):
            storage.schema = body.get("schema")
        location = f"{call.base_url}{self._path}/{storage.id}"
        return data_response(_shown(call, storage), 201, Location=location)

    async def _get(self, call: Call, storage: AnyStorage) -> Response:
        return data_response(_shown(call, storage))

    async def _put(self, call: Call, storage: AnyStorage) -> Response:
        body = await call.json_object()
        if "name" in body:
            name = body["name"]
            if name is not None:
                if not isinstance(name, str):
                    raise invalid_request("name must be a string.")
                _check_name(name)
                other = call.platform.find(call.platform.storages(self._kind), f"~{name}", call.user)
                if other is not None and other is not storage:
                    raise ApiError(
                        409, "name-not-unique", f"You already have a {storage.label} named {name}."
                    )
            storage.name = name
        if "generalAccess" in body:
            storage.general_access = legal_access(body["generalAccess"])
        storage.title = body.get("title", storage.title)
        storage.modified_at = call.platform.clock.time()
        return data_response(_shown(call, storage))

    async def _delete(self, call: Call, storage: AnyStorage) -> Response:
        call.platform.storages(self._kind).pop(storage.id, None)
        return Response(204)


def _shown(call: Call, storage: Storage) -> dict[str, Any]:
    """Return the storage object with its public URLs and, for the owner, its signing key."""
    shown = storage.describe()
    user = call.anyone
    shown["urlSigningSecretKey"] = storage.secret if user and user.id == storage.user_id else None
    access = effective_access(call, storage.user_id, storage.general_access)
    suffix = f"?signature={storage_signature(storage)}" if access == "RESTRICTED" else ""
    if isinstance(storage, Dataset):
        shown["itemsPublicUrl"] = f"{call.base_url}/v2/datasets/{storage.id}/items{suffix}"
    if isinstance(storage, KeyValueStore):
        for name in ("keys", "records"):
            shown[f"{name}PublicUrl"] = f"{call.base_url}/v2/key-value-stores/{storage.id}/{name}{suffix}"
    return shown


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid_value("A name may hold letters, digits and hyphens, at most 63 of them.")
