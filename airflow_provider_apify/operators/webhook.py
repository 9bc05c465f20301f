"""Operators for webhooks that stay; those of one run are an argument of the operators that start runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.base import ApifyOperator


class CreateOrUpdateWebhookOperator(ApifyOperator):
    """
    Have Apify call a URL whenever a run of an Actor, or of a saved task, starts or ends.

    The key makes it one webhook however often this is run; what differs from the arguments is changed.
    Returns the webhook's ID.

    :param idempotency_key: any text that tells this webhook from others in the account. (templated)
    :param event_types: such as `ACTOR.RUN.SUCCEEDED` and `ACTOR.RUN.FAILED`. (templated)
    :param request_url: the URL that Apify calls. (templated)
    :param actor_id: ID or `username/name` of the Actor, or (templated)
    :param actor_task_id: ID or `username/name` of the task at Apify. (templated)
    :param payload_template: body of the request in Apify's own template language, whose `{{resource.id}}`
        Airflow leaves alone; by default it tells of the whole run.
    :param headers_template: further headers as JSON, such as an `Authorization`; take the secret from a
        connection or variable, `{{ conn.airflow_api.password }}`, to keep it out of logs. (templated)
    :param should_interpolate_strings: replace Apify's variables inside quotes too.
    :param description: text shown in Apify Console. (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyConfigurationError: if an argument cannot be used; nothing was sent.
    :raises ApifyApiError: if Apify refuses.
    """

    template_fields: Sequence[str] = (
        "idempotency_key",
        "event_types",
        "request_url",
        "actor_id",
        "actor_task_id",
        "headers_template",
        "description",
        "apify_conn_id",
    )

    def __init__(
        self,
        *,
        idempotency_key: str,
        event_types: Sequence[str],
        request_url: str,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        payload_template: str | None = None,
        headers_template: str | None = None,
        should_interpolate_strings: bool | None = None,
        description: str | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, multiple_outputs=False, **kwargs)
        self.idempotency_key = idempotency_key
        self.event_types = event_types
        self.request_url = request_url
        self.actor_id = actor_id
        self.actor_task_id = actor_task_id
        self.payload_template = payload_template
        self.headers_template = headers_template
        self.should_interpolate_strings = should_interpolate_strings
        self.description = description

    def execute(self, context: Context) -> str:
        """Make the webhook, or change the one there is, and return its ID."""
        webhook = self.hook.ensure_webhook(
            self.idempotency_key,
            event_types=self.event_types,
            request_url=self.request_url,
            actor_id=self.actor_id,
            actor_task_id=self.actor_task_id,
            payload_template=self.payload_template,
            headers_template=self.headers_template,
            should_interpolate_strings=self.should_interpolate_strings,
            description=self.description,
        )
        return str(webhook["id"])


class DeleteWebhookOperator(ApifyOperator):
    """
    Delete a webhook; that it is gone already is no error.

    :param webhook_id: ID of the webhook. (templated)
    :param apify_conn_id: the Airflow connection. (templated)
    :raises ApifyApiError: if Apify refuses.
    """

    template_fields: Sequence[str] = ("webhook_id", "apify_conn_id")

    def __init__(
        self, *, webhook_id: str, apify_conn_id: str = ApifyHook.default_conn_name, **kwargs: Any
    ) -> None:
        super().__init__(apify_conn_id=apify_conn_id, multiple_outputs=False, **kwargs)
        self.webhook_id = webhook_id

    def execute(self, context: Context) -> None:
        """Delete the webhook."""
        self.hook.delete_webhook(self.webhook_id)
