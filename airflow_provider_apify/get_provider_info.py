"""The provider's metadata for Airflow, with the connection form: data only, imports nothing else of ours."""

from __future__ import annotations

from typing import Any

DEFAULT_BASE_URL = "https://api.apify.com"

#: The connection type and its form. Airflow from 3.2 on reads it here, older ones through the hook's methods.
CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "apify",
    "hook-class-name": "airflow_provider_apify.hooks.apify.ApifyHook",
    "hook-name": "Apify",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "port", "schema"],
        "relabeling": {"password": "API token", "host": "API base URL"},
        "placeholders": {"password": "apify_api_…", "host": DEFAULT_BASE_URL},
    },
    "conn-fields": {
        "request_timeout": {
            "label": "Request timeout",
            "description": "Seconds to wait for a connection and for the next byte. Default: 60.",
            "schema": {"type": ["number", "null"], "minimum": 1},
        },
        "long_poll_seconds": {
            "label": "Long poll",
            "description": "Seconds to let Apify hold an answer while waiting for a run. Default: 55.",
            "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 60},
        },
        "proxy": {
            "label": "Proxy",
            "description": "URL of an HTTP proxy. Default: the environment's own.",
            "schema": {"type": ["string", "null"]},
        },
    },
}


def _modules(folder: str, *names: str) -> list[dict[str, Any]]:
    paths = [f"airflow_provider_apify.{folder}.{name}" for name in names]
    return [{"integration-name": "Apify", "python-modules": paths}]


def _transfers(**targets: str) -> list[dict[str, str]]:
    return [
        {
            "source-integration-name": "Apify",
            "target-integration-name": target,
            "python-module": f"airflow_provider_apify.transfers.{name}",
        }
        for name, target in targets.items()
    ]


#: `apify://` URIs; Airflow 2 calls assets datasets.
ASSET_URIS = [{"schemes": ["apify"], "handler": "airflow_provider_apify.assets.sanitize_uri"}]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata."""
    return {
        "package-name": "airflow-provider-apify",
        "name": "Apify",
        "description": "Run Apify Actors and land their results in S3, on disk or in any object store.",
        "connection-types": [CONNECTION_TYPE],
        "extra-links": ["airflow_provider_apify.links.ApifyConsoleLink"],
        "task-decorators": [
            {"name": "apify_actor", "class-name": "airflow_provider_apify.decorators.apify_actor_task"},
            {"name": "apify_task", "class-name": "airflow_provider_apify.decorators.apify_task_task"},
        ],
        "asset-uris": ASSET_URIS,
        "dataset-uris": ASSET_URIS,
        "integrations": [
            {
                "integration-name": "Apify",
                "external-doc-url": "https://docs.apify.com/api/v2",
                "tags": ["service"],
            }
        ],
        "hooks": _modules("hooks", "apify"),
        "operators": _modules("operators", "run", "existing_run", "storage", "webhook"),
        "sensors": _modules("sensors", "run", "last_run"),
        "triggers": _modules("triggers", "run", "run_event"),
        "transfers": _transfers(
            dataset_to_local="Local",
            dataset_to_s3="Amazon Simple Storage Service (S3)",
            dataset_to_object_storage="Common IO",
            key_value_store="Common IO",
        ),
    }
