"""Lineage of runs, and of data that goes from Apify to a store, for Airflow and OpenLineage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_apify.api.actor_run import ActorRun
from airflow_provider_apify.runs.best_effort import best_effort


def report(hook: Any, source: str, *destinations: str) -> None:
    """Report URIs to Airflow's collector of hook lineage; nobody listens unless a lineage plugin is there."""
    with best_effort(hook.log, f"the lineage of {source}"):
        # The one of `common.compat.sdk` still says "dataset" for "asset" on Airflow 2.
        from airflow.providers.common.compat.lineage import hook as hook_lineage

        collector: Any = hook_lineage.get_hook_lineage_collector()  # type: ignore[no-untyped-call]
        collector.add_input_asset(context=hook, uri=source)
        for destination in destinations:
            collector.add_output_asset(context=hook, uri=destination)


class RunLineage:
    """Lineage of an operator or sensor that waits for a run."""

    _finished: ActorRun | None = None

    def report_run(self, hook: Any, run: ActorRun) -> None:
        """Take note of a finished run, and report to Airflow's collector which storages the run filled."""
        self._finished = run
        report(hook, f"apify://actors/{run.data.get('actId')}", *_outputs(run))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of the task, for the OpenLineage provider."""
        return _openlineage_of_run(self._finished) if self._finished else None

    # A task that fails after its run has the same lineage.
    get_openlineage_facets_on_failure = get_openlineage_facets_on_complete


def openlineage(source: str, destination: str, result: Mapping[str, Any]) -> Any:
    """Return the lineage of a transfer from its URIs and its result, for the OpenLineage provider."""
    from airflow.providers.common.compat.openlineage import facet
    from airflow.providers.openlineage.extractors import OperatorLineage

    statistics = facet.OutputStatisticsOutputDatasetFacet(
        rowCount=result.get("rows"), size=result["bytes"], fileCount=result["files"]
    )
    output = facet.OutputDataset(
        *_namespace_and_name(destination), outputFacets={"outputStatistics": statistics}
    )
    return OperatorLineage(inputs=[facet.Dataset(*_namespace_and_name(source))], outputs=[output])


def _namespace_and_name(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


def _outputs(run: ActorRun) -> list[str]:
    kinds = {"datasets": "defaultDatasetId", "key-value-stores": "defaultKeyValueStoreId"}
    return [f"apify://{kind}/{run.data[key]}" for kind, key in kinds.items() if run.data.get(key)]


def _openlineage_of_run(run: ActorRun) -> Any:
    import attr
    from airflow.providers.common.compat.openlineage.facet import Dataset, ExternalQueryRunFacet
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.generated.base import RunFacet

    @attr.define
    class ApifyRunFacet(RunFacet):  # type: ignore[misc, unused-ignore]
        actorId: str
        taskId: str | None
        buildNumber: str | None
        status: str
        usageTotalUsd: float | None
        consoleUrl: str

    keys = ("actId", "actorTaskId", "buildNumber", "status", "usageTotalUsd", "consoleUrl")
    info = run.info
    facet = ApifyRunFacet(*(info[key] for key in keys))
    query = ExternalQueryRunFacet(externalQueryId=run.id, source="apify")
    return OperatorLineage(
        outputs=[Dataset(*_namespace_and_name(uri)) for uri in _outputs(run)],
        run_facets={"apify_run": facet, "externalQuery": query},
    )
