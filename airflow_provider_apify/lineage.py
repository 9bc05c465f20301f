"""What Airflow and OpenLineage are told of data that goes from Apify to a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def report(hook: Any, source: str, destination: str) -> None:
    """
    Tell Airflow's collector of hook lineage; nobody listens unless a lineage plugin is there.

    :param hook: the hook that moved the data.
    :param source: the URI at Apify, such as `apify://datasets/<id>`.
    :param destination: the URI in the store.
    """
    # The one of `common.compat.sdk` still says "dataset" for "asset" on Airflow 2.
    from airflow.providers.common.compat.lineage import hook as hook_lineage

    collector: Any = hook_lineage.get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    collector.add_input_asset(context=hook, uri=source)
    collector.add_output_asset(context=hook, uri=destination)


def openlineage(source: str, destination: str, result: Mapping[str, Any]) -> Any:
    """
    Return the lineage of a task, for the OpenLineage provider.

    :param source: the URI at Apify.
    :param destination: the URI in the store.
    :param result: the task's own result.
    """
    from airflow.providers.common.compat.openlineage.facet import (
        Dataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    statistics = OutputStatisticsOutputDatasetFacet(
        rowCount=result.get("rows"), size=result["bytes"], fileCount=result["files"]
    )
    return OperatorLineage(
        inputs=[Dataset(*_namespace_and_name(source))],
        outputs=[
            OutputDataset(*_namespace_and_name(destination), outputFacets={"outputStatistics": statistics})
        ],
    )


def _namespace_and_name(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")
