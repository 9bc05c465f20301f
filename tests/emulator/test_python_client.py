"""The official Python client, unmodified, with its strict models; each test with the sync and async one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apify_client import ApifyClient, ApifyClientAsync
from apify_client.errors import ApifyApiError, InvalidRequestError, UnauthorizedError

from airflow_provider_apify.emulator import ActorContext, Emulator, Server
from tests.emulator.blocking_client import BlockingClient

NO_LOGGER: dict[str, Any] = {"logger": None}


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    options: dict[str, Any] = {"api_url": server.url, "min_delay_between_retries": timedelta(milliseconds=1)}
    if request.param == "sync":
        yield ApifyClient(server.token, **options)
        return
    with asyncio.Runner() as runner:
        yield BlockingClient(ApifyClientAsync(server.token, **options), runner)


def test_users_and_limits_are_read(client: Any, emulator: Emulator) -> None:
    me = client.user().get()
    assert me is not None
    assert me.username == "emulator"
    assert client.user("emulator").get() is not None
    limits = client.user().limits()
    assert limits.limits.max_concurrent_actor_jobs == emulator.user.max_concurrent_runs
    assert client.user().monthly_usage().daily_service_usages == []
    client.user().update_limits(max_monthly_usage_usd=10)


def test_actors_and_builds_are_read(client: Any) -> None:
    actor = client.actor("emulator/crawler").get()
    assert actor is not None
    assert (actor.username, actor.name) == ("emulator", "crawler")
    assert [item.name for item in client.actors().list(my=True).items] == ["crawler"]
    assert client.actor("emulator/nothing").get() is None
    build = client.actor("emulator/crawler").default_build().get()
    assert build is not None
    assert build.status == "SUCCEEDED"
    assert client.actor(actor.id).builds().list().total == 1
    assert client.build(build.id).wait_for_finish() is not None
    assert "finished" in client.build(build.id).log().get()
    assert client.actor(actor.id).webhooks().list().items == []
    assert client.actor(actor.id).validate_input({"items": 1}) is True


def test_a_run_is_started_and_its_results_are_read(client: Any) -> None:
    started = client.actor("emulator/crawler").start(
        run_input={"items": 2},
        memory_mbytes=256,
        run_timeout=timedelta(minutes=5),
        build="latest",
        max_items=10,
        max_total_charge_usd=1,
        restart_on_error=True,
        webhooks=[{"event_types": ["ACTOR.RUN.FAILED"], "request_url": "http://127.0.0.1:9/"}],
    )
    assert started.status == "READY"
    run = client.run(started.id).wait_for_finish()
    assert run is not None
    assert (run.status, run.exit_code, run.status_message) == ("SUCCEEDED", 0, "Crawled")
    assert run.options.memory_mbytes == 256
    assert run.options.timeout_secs == 300
    assert run.options.max_items == 10
    assert run.meta.user_agent is not None
    assert "ApifyClient" in run.meta.user_agent
    assert client.run(run.id).dataset().list_items(clean=True).items == [{"n": 0}, {"n": 1}]
    record = client.run(run.id).key_value_store().get_record("OUTPUT")
    assert record is not None
    assert record["value"] == {"done": True}
    log = client.run(run.id).log().get()
    assert log is not None
    assert log.splitlines()[-1].endswith("Z crawling")
    assert client.log(run.id).get_as_bytes() == log.encode()
    queue = client.run(run.id).request_queue().get()
    assert queue is not None
    assert queue.total_request_count == 0


def test_call_waits_and_streams_the_log(client: Any) -> None:
    run = client.actor("emulator/crawler").call(run_input={"items": 1}, **NO_LOGGER)
    assert run is not None
    assert run.status == "SUCCEEDED"
    with client.run(run.id).log().stream() as stream:
        assert stream is not None
        assert b"crawling" in stream.read()


def test_everything_can_be_iterated(client: Any, emulator: Emulator) -> None:
    emulator.clock.speed = 100
    run = client.actor("emulator/crawler").start(run_input={"items": 5, "sleep": 20})
    items = client.run(run.id).iterate_dataset_items(chunk_size=2, poll_interval=timedelta(milliseconds=10))
    assert [item["n"] for item in items] == list(range(5))
    client.request_queue(run.default_request_queue_id).add_request({"url": "https://a", "uniqueKey": "a"})
    assert len(list(client.request_queue(run.default_request_queue_id).iterate_requests())) == 1
    client.datasets().get_or_create(name="one")
    client.key_value_stores().get_or_create(name="one")
    client.request_queues().get_or_create(name="one")
    for collection in (
        client.actors(),
        client.tasks(),
        client.runs(),
        client.actor("emulator/crawler").builds(),
        client.datasets(),
        client.key_value_stores(),
        client.request_queues(),
    ):
        assert len(list(collection.iterate())) == 1
    assert list(client.webhooks().iterate()) == list(client.webhook_dispatches().iterate()) == []


def test_log_and_status_are_followed(
    server: Server, emulator: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "apify_client._status_message_watcher.StatusMessageWatcherBase._final_sleep_time_s", 0.1
    )
    emulator.clock.speed = 10
    client = ApifyClient(server.token, api_url=server.url)
    logger = logging.getLogger("followed")
    run = client.actor("emulator/crawler").start(run_input={"sleep": 20})
    with caplog.at_level(logging.INFO, "followed"):
        watcher = client.run(run.id).get_status_message_watcher(
            to_logger=logger, check_period=timedelta(milliseconds=10)
        )
        with client.run(run.id).get_streamed_log(to_logger=logger), watcher:
            client.run(run.id).wait_for_finish()
    assert any(message.endswith("crawling") for message in caplog.messages)
    assert any("Crawled" in message for message in caplog.messages)


def test_long_input_is_compressed_and_understood(client: Any) -> None:
    run = client.actor("emulator/crawler").call(run_input={"items": 1, "padding": "x" * 5000}, **NO_LOGGER)
    assert run is not None
    record = client.key_value_store(run.default_key_value_store_id).get_record("INPUT")
    assert record is not None
    assert record["value"]["padding"] == "x" * 5000


def test_runs_are_listed_and_filtered(client: Any) -> None:
    for _ in range(3):
        client.actor("emulator/crawler").call(**NO_LOGGER)
    client.task("emulator/my-task").call(task_input={"fail": 1})
    assert client.runs().list().total == 4
    assert [run.status for run in client.runs().list(desc=True, limit=1).items] == ["FAILED"]
    assert client.runs().list(status="SUCCEEDED").total == 3
    assert client.runs().list(status=["FAILED", "SUCCEEDED"]).total == 4
    assert (
        client.actor("emulator/crawler").runs().list(started_after=datetime(2100, 1, 1, tzinfo=UTC)).items
        == []
    )
    assert client.task("emulator/my-task").runs().list().total == 1
    last = client.actor("emulator/crawler").last_run(status="SUCCEEDED").get()
    assert last is not None
    assert last.actor_task_id is None


def test_a_run_is_changed_rebooted_aborted_resurrected_and_deleted(client: Any) -> None:
    run = client.actor("emulator/crawler").start(run_input={"sleep": 10_000})
    assert client.run(run.id).wait_for_finish(wait_duration=timedelta(milliseconds=200)) is not None
    updated = client.run(run.id).update(status_message="Looking", is_status_message_terminal=False)
    assert updated.status_message == "Looking"
    with pytest.raises(InvalidRequestError, match="not finished yet"):
        client.run(run.id).delete()
    assert client.run(run.id).reboot().stats.reboot_count == 1
    aborted = client.run(run.id).abort()
    assert aborted.status == "ABORTING"
    ended = client.run(run.id).wait_for_finish()
    assert ended is not None
    assert ended.status == "ABORTED"
    revived = client.run(run.id).resurrect(memory_mbytes=512)
    assert revived.status == "RUNNING"
    assert revived.options.memory_mbytes == 512
    client.run(run.id).abort(gracefully=False)
    client.run(run.id).wait_for_finish()
    client.run(run.id).delete()
    assert client.run(run.id).get() is None


def test_a_run_is_metamorphed_and_charged_once(client: Any, emulator: Emulator) -> None:
    @emulator.actor("emulator/other", pay_per_event={"page": 0.01})
    def other(actor: ActorContext) -> None:
        actor.push_data({"other": actor.input})
        actor.sleep(1000)

    run = client.actor("emulator/crawler").start(run_input={"sleep": 1000})
    client.run(run.id).wait_for_finish(wait_duration=timedelta(milliseconds=100))
    changed = client.run(run.id).metamorph(target_actor_id="emulator/other", run_input={"a": 1})
    assert changed.metamorphs
    client.run(run.id).charge("page", count=3, idempotency_key="once")
    client.run(run.id).charge("page", count=3, idempotency_key="once")
    now = client.run(run.id).get()
    assert now is not None
    assert now.charged_event_counts == {"page": 3}


def test_tasks_are_created_changed_started_and_deleted(client: Any) -> None:
    actor = client.actor("emulator/crawler").get()
    assert actor is not None
    task = client.tasks().create(actor_id=actor.id, name="daily", task_input={"items": 1}, memory_mbytes=512)
    assert client.task(task.id).get_input() == {"items": 1}
    assert client.task(task.id).update_input(task_input={"fail": 3}) == {"items": 1, "fail": 3}
    renamed = client.task(task.id).update(name="nightly", memory_mbytes=256)
    assert renamed.name == "nightly"
    run = client.task("emulator/nightly").call(task_input={"fail": 4})
    assert run is not None
    assert (run.status, run.exit_code, run.options.memory_mbytes) == ("FAILED", 4, 256)
    assert [item.name for item in client.tasks().list().items] == ["my-task", "nightly"]
    assert client.task(task.id).webhooks().list().total == 0
    last = client.task(task.id).last_run().get()
    assert last is not None
    assert last.id == run.id
    with pytest.raises(ApifyApiError, match="already have a task") as caught:
        client.tasks().create(actor_id=actor.id, name="nightly")
    assert caught.value.type == "actor-task-name-not-unique"
    client.task(task.id).delete()
    assert client.task(task.id).get() is None


def test_datasets_are_written_read_and_deleted(client: Any) -> None:
    dataset = client.datasets().get_or_create(name="results")
    assert client.datasets().get_or_create(name="results").id == dataset.id
    items = client.dataset("emulator/results")
    items.push_items([{"n": number, "text": "é☃", "nested": {"a": [1, 2]}} for number in range(10)])
    items.push_items({"n": 10})
    items.push_items(json.dumps([{"n": 11}]))
    page = items.list_items(offset=2, limit=3, desc=True, fields=["n"])
    assert page.items == [{"n": 9}, {"n": 8}, {"n": 7}]
    assert (page.total, page.count, page.offset, page.limit, page.desc) == (12, 3, 2, 3, True)
    assert items.list_items().limit == 999_999_999_999
    assert [item["n"] for item in items.iterate_items(chunk_size=5)] == list(range(12))
    assert b"\xef\xbb\xbfn\n0\n" in items.get_items_as_bytes(item_format="csv", fields=["n"], limit=1)
    with items.stream_items(item_format="jsonl", fields=["n"]) as stream:
        assert b"".join(stream.iter_bytes()).splitlines()[-1] == b'{"n":11}'
    metadata = items.get()
    assert metadata is not None
    assert (metadata.item_count, metadata.clean_item_count) == (12, 12)
    statistics = items.get_statistics()
    assert statistics is not None
    assert statistics.field_statistics is not None
    assert statistics.field_statistics["n"]["max"] == 11
    assert items.update(name="renamed").name == "renamed"
    assert [item.name for item in client.datasets().list().items] == ["renamed"]
    assert client.dataset("emulator/results").get() is None
    client.dataset(dataset.id).delete()
    assert client.dataset(dataset.id).get() is None


def test_key_value_stores_are_written_read_and_deleted(client: Any) -> None:
    store = client.key_value_stores().get_or_create(name="records")
    records = client.key_value_store(store.id)
    records.set_record("json", {"a": 1})
    records.set_record("text", "hello " * 1000)
    records.set_record("bytes", b"\x00\xff", content_type="image/png")
    assert records.get_record("json")["value"] == {"a": 1}
    assert records.get_record("text")["value"] == "hello " * 1000
    assert records.get_record_as_bytes("bytes")["value"] == b"\x00\xff"
    with records.stream_record("bytes") as stream:
        assert stream["value"].read() == b"\x00\xff"
    assert records.record_exists("text")
    assert not records.record_exists("nothing")
    assert records.get_record("nothing") is None
    keys = records.list_keys(limit=2)
    assert [item.key for item in keys.items] == ["bytes", "json"]
    assert keys.is_truncated
    assert keys.next_exclusive_start_key == "json"
    assert [item.key for item in records.iterate_keys()] == ["bytes", "json", "text"]
    assert [item.key for item in records.list_keys(prefix="te").items] == ["text"]
    records.delete_record("json")
    assert records.get_record("json") is None
    assert records.update(name="other").name == "other"
    assert [item.name for item in client.key_value_stores().list().items] == ["other"]
    records.delete()
    assert records.get() is None


def test_request_queues_are_filled_locked_and_emptied(client: Any) -> None:
    queue = client.request_queue(client.request_queues().get_or_create(name="queue").id, client_key="one")
    added = queue.add_request({"url": "https://example.com/1", "uniqueKey": "1", "method": "GET"})
    assert not added.was_already_present
    batch = queue.batch_add_requests(
        [{"url": f"https://example.com/{n}", "uniqueKey": str(n), "method": "GET"} for n in range(1, 20)]
    )
    assert len(batch.processed_requests) == 19
    assert [item.unique_key for item in queue.list_head(limit=2).items] == ["1", "2"]
    locked = queue.list_and_lock_head(lock_duration=timedelta(minutes=1), limit=2)
    assert [item.unique_key for item in locked.items] == ["1", "2"]
    first = locked.items[0]
    queue.prolong_request_lock(first.id, lock_duration=timedelta(minutes=2))
    queue.delete_request_lock(first.id)
    assert queue.unlock_requests().unlocked_count == 1
    request = queue.get_request(first.id)
    assert request is not None
    queue.update_request(
        {**request.model_dump(by_alias=True, exclude_none=True), "handledAt": "2026-01-01T00:00:00.000Z"}
    )
    metadata = queue.get()
    assert metadata is not None
    assert (metadata.total_request_count, metadata.handled_request_count) == (19, 1)
    assert len(queue.list_requests(limit=10).items) == 10
    queue.batch_delete_requests([{"uniqueKey": "2"}])
    queue.delete_request(first.id)
    assert queue.get_request(first.id) is None
    assert queue.update(name="other-queue").name == "other-queue"
    assert client.request_queues().list().total == 1
    queue.delete()


def test_webhooks_are_created_tested_and_deleted(client: Any) -> None:
    actor = client.actor("emulator/crawler").get()
    assert actor is not None
    url = "http://127.0.0.1:9/"
    webhook = client.webhooks().create(
        event_types=["ACTOR.RUN.SUCCEEDED"],
        request_url=url,
        actor_id=actor.id,
        idempotency_key="one",
        do_not_retry=True,
    )
    again = client.webhooks().create(
        event_types=["ACTOR.RUN.SUCCEEDED"], request_url=url, actor_id=actor.id, idempotency_key="one"
    )
    assert again.id == webhook.id
    assert client.webhook(webhook.id).update(description="told").description == "told"
    dispatch = client.webhook(webhook.id).test()
    assert dispatch is not None
    assert client.webhook_dispatch(dispatch.id).get() is not None
    assert client.webhook(webhook.id).dispatches().list().total == 1
    assert client.webhook_dispatches().list().total == 1
    assert client.actor(actor.id).webhooks().list().total == 1
    assert client.webhooks().list().total == 1
    client.webhook(webhook.id).delete()
    assert client.webhook(webhook.id).get() is None


def test_errors_have_the_classes_of_the_client(client: Any, server: Server) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        ApifyClient("wrong", api_url=server.url).user().get()
    assert caught.value.type == "user-or-token-not-found"
    with pytest.raises(InvalidRequestError) as refused:
        client.actor("emulator/crawler").start(memory_mbytes=100)
    assert refused.value.type == "invalid-value"
