"""The hook: Apify's API with the token and the settings of an Airflow connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_apify.api import actors, datasets, key_value_stores, runs, webhook_upsert
from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.api.arguments import required_text, seconds
from airflow_provider_apify.api.call import Call
from airflow_provider_apify.api.errors import ApifyAuthenticationError, ApifyError
from airflow_provider_apify.api.flow import Flow, drive
from airflow_provider_apify.api.foreign_text import foreign_text
from airflow_provider_apify.api.http_client import AsyncClient, Client, Endpoint, connect
from airflow_provider_apify.export.default_concurrency import DEFAULT_CONCURRENCY
from airflow_provider_apify.get_provider_info import CONNECTION_TYPE
from airflow_provider_apify.hooks.api_method import ApiMethod
from airflow_provider_apify.hooks.connection import endpoint_of, missing_connection
from airflow_provider_apify.runs.abort_and_resurrect import abort_run, resurrect_run
from airflow_provider_apify.runs.final_cost_and_failure import report_and_raise
from airflow_provider_apify.runs.wait import StatusLog, WaitPlan, deadline, wait_for_end

T = TypeVar("T")


class ApifyHook(BaseHook):
    """
    Client connected to Apify with the token and the settings of an Airflow connection.

    The API's calls work on a worker, `hook.get_run(run_id)`, and on an event loop,
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

    start_actor_run = ApiMethod(runs.start_actor_run)
    start_task_run = ApiMethod(runs.start_task_run)
    get_run = ApiMethod(runs.get_run)
    get_last_run = ApiMethod(runs.get_last_run)
    list_runs = ApiMethod(runs.list_runs)
    abort_run = ApiMethod(abort_run)
    resurrect_run = ApiMethod(resurrect_run)
    get_log = ApiMethod(runs.get_log)
    get_actor = ApiMethod(actors.get_actor)
    get_task = ApiMethod(actors.get_task)
    validate_input = ApiMethod(actors.validate_input)
    get_dataset = ApiMethod(datasets.get_dataset)
    get_or_create_dataset = ApiMethod(datasets.get_or_create_dataset)
    get_items = ApiMethod(datasets.get_items)
    push_items = ApiMethod(datasets.push_items)
    get_key_value_store = ApiMethod(key_value_stores.get_key_value_store)
    get_or_create_key_value_store = ApiMethod(key_value_stores.get_or_create_key_value_store)
    list_keys = ApiMethod(key_value_stores.list_keys)
    get_record = ApiMethod(key_value_stores.get_record)
    set_record = ApiMethod(key_value_stores.set_record)
    ensure_webhook = ApiMethod(webhook_upsert.ensure_webhook)
    delete_webhook = ApiMethod(webhook_upsert.delete_webhook)
    get_user = ApiMethod(actors.get_user)

    def __init__(self, apify_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.apify_conn_id = apify_conn_id

    @cached_property
    def endpoint(self) -> Endpoint:
        """
        The endpoint that the connection describes.

        :raises ApifyConfigurationError: if there is no such connection, or it cannot be used.
        """
        try:
            connection = self.get_connection(required_text("apify_conn_id", self.apify_conn_id))
        except AirflowNotFoundException:
            raise missing_connection(self.apify_conn_id) from None
        return endpoint_of(connection, connection.extra_dejson)

    def send(self, call: Call[T]) -> T:
        """
        Send any call from a worker.

        :param call: one call to the API, as a value.
        :raises ApifyHttpError: if the call brings no result.
        """
        client = self.get_conn()
        try:
            return client.send(call)
        except ApifyAuthenticationError:
            # The token may have been rotated since the connection was read.
            self._forget_connection()
            if self.endpoint == client.endpoint:
                raise
            return self.get_conn().send(call)

    def drive(self, flow: Flow[T]) -> T:
        """
        Carry out a flow of calls and pauses on a worker.

        :param flow: see :mod:`airflow_provider_apify.api.flow`.
        """
        return drive(flow, self.send)

    def wait_for_run(self, run_id: str, *, wait_timeout: timedelta | float | None = None) -> ActorRun:
        """
        Wait on a worker for the end of a run, and return the run if it succeeded.

        :param run_id: ID of the run.
        :param wait_timeout: how long to wait, a timedelta or seconds, without limit by default; the run goes
            on afterwards.
        :raises ApifyRunError: if the run ended without success.
        :raises ApifyRunGoesOnError: if the wait ended before the run.
        """
        give_up_at = deadline(seconds("wait_timeout", wait_timeout))
        plan = WaitPlan(run_id, self.endpoint.long_poll, give_up_at=give_up_at)
        outcome = self.drive(wait_for_end(plan, StatusLog(self.log)))
        return report_and_raise(outcome.finished_run(), self.send, self.log)

    def iterate_items(
        self,
        dataset_id: str,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        offset: int | None = None,
        limit: int | None = None,
        fields: list[str] | str | None = None,
        omit: list[str] | str | None = None,
        unwind: list[str] | str | None = None,
        flatten: list[str] | str | None = None,
        clean: bool = False,
        skip_hidden: bool = False,
        skip_empty: bool = False,
        view: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """
        Give the items of a dataset one by one, on a worker.

        Pages are fetched ahead, several at a time, and at most so many of some megabytes are in memory.

        :param dataset_id: ID, `username/name` or `username~name`.
        :param concurrency: how many requests at a time.
        :param offset: how many items to pass over.
        :param limit: how many items to take at the most; all by default.
        :param fields: take these fields only: a list, or names with commas between them.
        :param omit: leave these fields out.
        :param unwind: make an item of each element of these fields.
        :param flatten: make `{"a": {"b": 1}}` of these fields `{"a.b": 1}`.
        :param clean: the same as `skip_hidden` and `skip_empty`.
        :param skip_hidden: leave out fields whose name starts with `#`.
        :param skip_empty: leave out items without any field.
        :param view: a view of the dataset's schema.
        :raises ApifyDataError: if Apify gives fewer items than the dataset has.
        """
        arguments = {name: value for name, value in locals().items() if name != "self"}
        from airflow_provider_apify.export.parallel_reader import iterate_items

        return iterate_items(self.get_conn(), **arguments)

    def split_dataset(
        self, dataset_id: str, items_per_part: int, *, offset: int | None = None, limit: int | None = None
    ) -> list[dict[str, int]]:
        """
        Divide a dataset among mapped tasks, each of which exports its own part on a worker of its own.

        :param dataset_id: ID, `username/name` or `username~name`.
        :param items_per_part: how many items a part has; the last one has fewer.
        :param offset: how many items to pass over in all.
        :param limit: how many items to take in all; all by default.
        :return: the arguments `offset` and `limit` of each transfer, for `expand_kwargs`.
        """
        from airflow_provider_apify.export.item_ranges import split_dataset

        return split_dataset(self.send, dataset_id, items_per_part, offset=offset, limit=limit)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[AsyncHookClient]:
        """Give a client on the running event loop; all hooks of one connection share a session."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connect(await self.async_endpoint()))
            yield AsyncHookClient(self, client, stack)

    async def async_endpoint(self) -> Endpoint:
        """Return :attr:`endpoint` without blocking the event loop."""
        if "endpoint" not in self.__dict__:
            try:
                conn_id = required_text("apify_conn_id", self.apify_conn_id)
                connection = await get_async_connection(conn_id, hook=self)
            except AirflowNotFoundException:
                raise missing_connection(self.apify_conn_id) from None
            self.__dict__["endpoint"] = endpoint_of(connection, await get_async_extra_dejson(connection))
        return self.endpoint

    def _forget_connection(self) -> None:
        """Have the connection read once more when it is next needed."""
        for name in ("endpoint", "_client"):
            self.__dict__.pop(name, None)

    @cached_property
    def _client(self) -> Client:
        return Client(self.endpoint)

    def get_conn(self) -> Client:
        """Return the client on a worker."""
        return self._client

    def test_connection(self) -> tuple[bool, str]:
        """Ask Apify whose token it is, for the Test button of the connection form."""
        try:
            user = self.get_user()
        except ApifyError as error:
            return False, str(error)
        plan = (user.get("plan") or {}).get("id") or "unknown"
        name = foreign_text(f"{user.get('username')} (plan: {plan})")
        return True, f"Connected to {self.endpoint.base_url} as {name}."

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


class AsyncHookClient:
    """The client of a hook on an event loop; it follows a token that is rotated meanwhile."""

    def __init__(self, hook: ApifyHook, client: AsyncClient, stack: AsyncExitStack) -> None:
        self._hook, self._client, self._stack = hook, client, stack

    async def send(self, call: Call[T]) -> T:
        """Send a call, again where that is safe or the connection has another token by now."""
        try:
            return await self._client.send(call)
        except ApifyAuthenticationError:
            self._hook._forget_connection()
            endpoint = await self._hook.async_endpoint()
            if endpoint == self._client.endpoint:
                raise
            self._client = await self._stack.enter_async_context(connect(endpoint))
            return await self._client.send(call)
