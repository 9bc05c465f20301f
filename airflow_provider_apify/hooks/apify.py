"""The way from an Airflow connection to Apify's API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, Connection

from airflow_provider_apify import __version__
from airflow_provider_apify.api import runs, actors, datasets
from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyConfigurationError, ApifyError
from airflow_provider_apify.api.flow import drive
from airflow_provider_apify.api.arguments import number
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.http_client import AsyncClient, Client, Endpoint, connect
from airflow_provider_apify.runs.wait import Outcome, WaitPlan, deadline, wait_for_end
from airflow_provider_apify.get_provider_info import CONNECTION_TYPE, DEFAULT_BASE_URL
from airflow_provider_apify.runs.report import StatusLog, conclude, log_each

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.items import ItemIterator

P = ParamSpec("P")
T = TypeVar("T")

USER_AGENT = f"airflow-provider-apify/{__version__} apache-airflow/{airflow_version}"

_DEFAULT_REQUEST_TIMEOUT = 60.0
# Below the 60 s after which most proxies close an idle connection.
_DEFAULT_LONG_POLL = 55.0


class ApiMethod(Generic[P, T]):
    """
    A call of the API as a method of the hook: `hook.get_run(id)`, or `await hook.get_run.aio(id)`.

    :param call: makes the call; its documentation is the method's.
    """

    def __init__(self, call: Callable[P, Call[T]]) -> None:
        self._call = call
        self.__doc__ = call.__doc__

    def __get__(self, hook: ApifyHook | None, owner: type[ApifyHook]) -> BoundApiMethod[P, T]:
        return BoundApiMethod(self._call, hook)


class BoundApiMethod(Generic[P, T]):
    """
    A call of the API, to be sent by one hook.

    :param call: makes the call.
    :param hook: sends it.
    """

    def __init__(self, call: Callable[P, Call[T]], hook: ApifyHook | None) -> None:
        self._call = call
        self._hook = hook
        self.__doc__ = call.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send the call from a worker."""
        assert self._hook is not None
        return self._hook.send(self._call(*args, **kwargs))

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Send the call from an event loop."""
        assert self._hook is not None
        async with self._hook.async_client() as client:
            return await client.send(self._call(*args, **kwargs))


class ApifyHook(BaseHook):
    """
    Talks to Apify with the token and the settings of an Airflow connection.

    Every method below works on a worker, `hook.get_run(run_id)`, and on an event loop,
    `await hook.get_run.aio(run_id)`. The connection is looked up when it is first needed.

    Connection fields: password (API token), host (base URL; empty for Apify's own), and in the extra
    `request_timeout` (seconds to wait for a connection and for the next byte, default 60),
    `long_poll_seconds` (how long to let Apify hold an answer while waiting for a run, 0 to 60, default 55)
    and `proxy` (URL).

    :param apify_conn_id: the Airflow connection.
    """

    conn_name_attr = "apify_conn_id"
    default_conn_name = "apify_default"
    conn_type = CONNECTION_TYPE["connection-type"]
    hook_name = CONNECTION_TYPE["hook-name"]

    start_actor_run = ApiMethod(calls.start_actor_run)
    start_task_run = ApiMethod(calls.start_task_run)
    get_run = ApiMethod(calls.get_run)
    abort_run = ApiMethod(calls.abort_run)
    get_last_run = ApiMethod(calls.get_last_run)
    list_runs = ApiMethod(calls.list_runs)
    get_log = ApiMethod(calls.get_log)
    get_dataset = ApiMethod(storages.get_dataset)
    get_items = ApiMethod(storages.get_items)
    get_key_value_store = ApiMethod(storages.get_key_value_store)
    get_record = ApiMethod(storages.get_record)
    list_keys = ApiMethod(storages.list_keys)
    resurrect_run = ApiMethod(calls.resurrect_run)
    get_actor = ApiMethod(checking.get_actor)
    get_task = ApiMethod(checking.get_task)
    validate_input = ApiMethod(checking.validate_input)
    get_or_create_dataset = ApiMethod(storages.get_or_create_dataset)
    get_or_create_key_value_store = ApiMethod(storages.get_or_create_key_value_store)
    push_items = ApiMethod(storages.push_items)
    set_record = ApiMethod(storages.set_record)
    get_user = ApiMethod(calls.get_user)

    def __init__(self, apify_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.apify_conn_id = apify_conn_id

    @cached_property
    def endpoint(self) -> Endpoint:
        """
        Where and how Apify is reached, as the connection says.

        :raises ApifyConfigurationError: if there is no such connection, or it cannot be used.
        """
        try:
            connection = self.get_connection(self.apify_conn_id)
        except AirflowNotFoundException:
            raise self._no_connection() from None
        return _endpoint(connection, connection.extra_dejson)

    @property
    def iterate_items(self) -> ItemIterator:
        """All items of a dataset; see :class:`~airflow_provider_apify.hooks.items.ItemIterator`."""
        from airflow_provider_apify.hooks.items import ItemIterator

        return ItemIterator(self)

    def split_dataset(self, dataset_id: str, items_per_part: int, **selection: Any) -> list[dict[str, int]]:
        """
        Divide a dataset among mapped tasks, each of which exports its own part on a worker of its own.

        :param dataset_id: ID, `username/name` or `username~name`.
        :param items_per_part: how many items a part has; the last one has fewer.
        :param selection: `offset` and `limit` of the whole.
        :return: the arguments `offset` and `limit` of each transfer, for `expand_kwargs`.
        """
        from airflow_provider_apify.hooks.items import split_dataset

        return split_dataset(self, dataset_id, items_per_part, selection)

    def send(self, call: Call[T]) -> T:
        """
        Send any call from a worker.

        :param call: what is asked.
        :raises ApifyHttpError: if it brings no result.
        """
        return self._client.send(call)

    def wait(self, plan: WaitPlan) -> Outcome:
        """
        Wait on a worker.

        :param plan: what for, and until when.
        """
        return drive(wait_for_end(plan, StatusLog(self.log)), self.send, log_each(self.log))

    def wait_for_run(self, run_id: str, *, wait_timeout: timedelta | None = None) -> ActorRun:
        """
        Wait on a worker for the end of a run, and return the run if it succeeded.

        :param run_id: ID of the run.
        :param wait_timeout: how long to wait; the run goes on then.
        :raises ApifyRunError: if it ended without success.
        :raises ApifyRunGoesOnError: if the wait ended before the run.
        """
        plan = WaitPlan(run_id, self.endpoint.long_poll, give_up_at=deadline(wait_timeout))
        outcome = self.wait(plan)
        return conclude(outcome.finished_run(), self.send, self.log)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[AsyncClient]:
        """Give what sends calls from the running event loop; all hooks of one connection share a session."""
        async with connect(await self.async_endpoint()) as client:
            yield client

    async def async_endpoint(self) -> Endpoint:
        """Return :attr:`endpoint` without blocking the event loop."""
        if "endpoint" not in self.__dict__:
            try:
                connection = await get_async_connection(self.apify_conn_id, hook=self)
            except AirflowNotFoundException:
                raise self._no_connection() from None
            self.__dict__["endpoint"] = _endpoint(connection, await get_async_extra_dejson(connection))
        return self.endpoint

    def get_conn(self) -> Client:
        """Return what sends calls from a worker."""
        return self._client

    def test_connection(self) -> tuple[bool, str]:
        """Ask Apify whose token it is; the answer to the Test button of the connection form."""
        try:
            user = self.get_user()
        except ApifyError as error:
            return False, str(error)
        plan = (user.get("plan") or {}).get("id") or "unknown"
        return True, f"Connected to {self.endpoint.base_url} as {user.get('username')} (plan: {plan})."

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the standard fields of the form, for Airflow before 3.2."""
        behaviour = CONNECTION_TYPE["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields of the form, for Airflow before 3.2."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField

        return {
            name: StringField(spec["label"], widget=BS3TextFieldWidget(), description=spec["description"])
            for name, spec in CONNECTION_TYPE["conn-fields"].items()
        }

    @cached_property
    def _client(self) -> Client:
        return Client(self.endpoint)

    def _no_connection(self) -> ApifyConfigurationError:
        return ApifyConfigurationError(
            f"There is no Airflow connection {self.apify_conn_id!r}. Create one of the type Apify with the "
            f"API token as its password, or set AIRFLOW_CONN_{self.apify_conn_id.upper()}."
        )


class UsesApify:
    """What the tasks that talk to Apify have in common."""

    apify_conn_id: str

    @cached_property
    def hook(self) -> ApifyHook:
        """The way to Apify."""
        return ApifyHook(self.apify_conn_id)


def _endpoint(connection: Connection, extra: Mapping[str, Any]) -> Endpoint:
    token = (connection.password or "").strip()
    if not token:
        raise ApifyConfigurationError(
            f"The connection {connection.conn_id!r} has no API token. Copy it from Apify Console "
            "(Settings > API & Integrations) into the connection's password."
        )
    if not re.fullmatch(r"[!-~]+", token):
        # Not left to the HTTP library, whose error would quote it.
        raise ApifyConfigurationError(
            f"The API token of the connection {connection.conn_id!r} has spaces, line breaks or characters "
            "that no token has. Copy it once more from Apify Console (Settings > API & Integrations)."
        )
    # Apify's documentation writes its URLs with the version, which each call brings along.
    base_url = (connection.host or DEFAULT_BASE_URL).rstrip("/").removesuffix("/v2").rstrip("/")
    if "://" not in base_url:
        base_url = f"https://{base_url}"
    if connection.port:
        base_url = f"{base_url}:{connection.port}"
    timeout = number("request_timeout", extra.get("request_timeout"), float)
    long_poll = number("long_poll_seconds", extra.get("long_poll_seconds"), float)
    return Endpoint(
        token=token,
        base_url=base_url,
        timeout=timeout or _DEFAULT_REQUEST_TIMEOUT,
        long_poll=_DEFAULT_LONG_POLL if long_poll is None else min(long_poll, calls.MAX_WAIT_SECONDS),
        proxy=extra.get("proxy") or None,
        user_agent=USER_AGENT,
    )
