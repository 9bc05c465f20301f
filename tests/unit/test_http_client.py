"""HTTP itself, on a worker and on an event loop: limits, times, and which error an answer is."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_apify.api import errors
from airflow_provider_apify.api.actors import get_user
from airflow_provider_apify.api.call import MAX_ANSWER_BYTES, MAX_ERROR_BYTES, MAX_LOG_BYTES
from airflow_provider_apify.api.http_client import _Deadline
from airflow_provider_apify.api.key_value_stores import get_record
from airflow_provider_apify.api.runs import get_log, get_run
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from tests.support.compressed_answers import compressed_answer
from tests.support.connections import set_connection


async def send(hook: ApifyHook, call: Any, driver: str) -> Any:
    """Send a call on a worker or on an event loop."""
    if driver == "worker":
        return await asyncio.to_thread(hook.send, call)
    async with hook.async_client() as client:
        return await client.send(call)


DRIVERS = pytest.mark.parametrize("driver", ["worker", "event loop"])


@DRIVERS
async def test_an_answer_may_have_so_many_bytes_and_no_more(
    hook: ApifyHook, emulator: Emulator, driver: str
) -> None:
    large = Fault("answer", "GET", "*", status=200, body="x" * 200_000, content_type="text/plain")
    emulator.faults.add(large)
    call = get_user().read_as(lambda answer: len(answer.body))
    assert await send(hook, call.read_as(call.read, max_bytes=200_000), driver) == 200_000
    with pytest.raises(errors.ApifyTooLargeError, match=r"/v2/users/me has more than 199,999 bytes"):
        await send(hook, call.read_as(call.read, max_bytes=199_999), driver)


@DRIVERS
async def test_an_answer_that_is_larger_than_any_of_apifys_is_not_apifys(
    hook: ApifyHook, emulator: Emulator, driver: str
) -> None:
    call = replace(get_user(), max_attempts=1).read_as(lambda answer: len(answer.body))
    emulator.faults.add(compressed_answer(MAX_ANSWER_BYTES))
    assert await send(hook, call, driver) == MAX_ANSWER_BYTES
    emulator.faults.clear()
    emulator.faults.add(compressed_answer(MAX_ANSWER_BYTES + 1))
    with pytest.raises(errors.ApifyServerError, match=r"not Apify's \(it has more than 16,777,216 bytes\)"):
        await send(hook, call, driver)


@DRIVERS
async def test_a_log_has_no_more_than_apify_keeps(hook: ApifyHook, emulator: Emulator, driver: str) -> None:
    emulator.faults.add(compressed_answer(MAX_LOG_BYTES + 1))
    with pytest.raises(errors.ApifyTooLargeError, match=r"/log has more than 41,943,040 bytes"):
        await send(hook, get_log("r"), driver)


@DRIVERS
async def test_of_an_error_only_the_beginning_is_read(
    hook: ApifyHook, emulator: Emulator, driver: str
) -> None:
    for size, known in ((MAX_ERROR_BYTES - 200, True), (2 * MAX_ERROR_BYTES, False)):
        body = json.dumps({"error": {"type": "record-not-found", "message": "x" * size}})
        emulator.faults.clear()
        emulator.faults.add(Fault("answer", "GET", "*", status=404, body=body))
        error = errors.ApifyNotFoundError if known else errors.ApifyServerError
        with pytest.raises(error, match="record-not-found" if known else "not Apify's"):
            await send(hook, replace(get_user(), max_attempts=1), driver)


@DRIVERS
@pytest.mark.parametrize("status", [200, 302, 404, 500])
async def test_a_small_body_does_not_grow_beyond_the_limit_in_memory(
    hook: ApifyHook, emulator: Emulator, driver: str, status: int
) -> None:
    emulator.faults.add(compressed_answer(200 << 20, status=status))
    tracemalloc.start()
    with pytest.raises(errors.ApifyServerError):
        await send(hook, replace(get_user(), max_attempts=1), driver)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Before 3.14.1 aiohttp unpacks up to 32 MiB at a time.
    assert peak < 6 * MAX_ANSWER_BYTES


def test_a_body_has_its_time_and_a_slow_line_more(hook: ApifyHook) -> None:
    def left(received: int = 0, **changes: Any) -> float:
        call = get_user().read_as(lambda answer: None, **changes)
        return _Deadline(call, hook.endpoint).left(received)

    assert left() == pytest.approx(60, abs=1)
    assert left(wait=55) == pytest.approx(115, abs=1)
    # At 16 KiB a second, both ways.
    assert left(1 << 20) == pytest.approx(60 + 64, abs=1)
    assert left(body=b"x" * (1 << 20)) == pytest.approx(60 + 64, abs=1)
    assert left(1 << 20, body=b"x" * (1 << 20), give_up_after=70) == pytest.approx(70, abs=1)


RECORD = replace(get_record("s", "k"), max_attempts=1)
ATTACHMENT = {"Content-Disposition": "attachment"}


@DRIVERS
@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer", status=200, body="x" * 20, headers=ATTACHMENT, trickle=0.05),
        # Of this nothing is left once it is decoded.
        compressed_answer(0, trickle=0.05),
    ],
    ids=["plain", "nothing"],
)
async def test_a_body_that_trickles_is_given_up(
    monkeypatch: Any, server: Any, emulator: Emulator, driver: str, fault: Fault
) -> None:
    set_connection(monkeypatch, host=server.url, password=server.token, extra={"request_timeout": 0.2})
    emulator.faults.add(fault)
    with pytest.raises(errors.ApifyUnreachableError):
        await send(ApifyHook(), RECORD, driver)


def test_a_download_that_trickles_is_given_up_and_one_that_is_read_slowly_is_not(
    monkeypatch: Any, server: Any, emulator: Emulator
) -> None:
    set_connection(monkeypatch, host=server.url, password=server.token, extra={"request_timeout": 0.2})
    body = "x" * 200_000
    emulator.faults.add(Fault("answer", "GET", "*", (1,), status=200, body=body, headers=ATTACHMENT))
    emulator.faults.add(
        Fault("answer", "GET", "*", (2,), status=200, body=body, headers=ATTACHMENT, trickle=0.05)
    )
    client, received = ApifyHook().get_conn(), b""
    with client.open(RECORD) as answer:
        for part in answer.parts(100_000):
            time.sleep(0.3)
            received += part
    assert received == body.encode()
    with pytest.raises(errors.ApifyUnreachableError, match=r"bytes came in time, and no end"):
        client.download(RECORD, io.BytesIO())
    # On an event loop nothing of it is read.
    headers = {"Location": "/v2/x"}
    emulator.faults.clear()
    emulator.faults.add(Fault("answer", "*", "*/k", (), 302, body="x" * 20, headers=headers, trickle=0.05))
    with pytest.raises(errors.ApifyUnreachableError, match=r"bytes came in time, and no end"):
        client.send(RECORD)


@pytest.mark.slow
@DRIVERS
async def test_an_answer_that_is_held_as_asked_is_not_lost(
    monkeypatch: Any, server: Any, emulator: Emulator, driver: str
) -> None:
    set_connection(monkeypatch, host=server.url, password=server.token, extra={"request_timeout": 3})
    hook = ApifyHook()
    run = hook.start_actor_run("emulator/worker", {"seconds": 36_000})
    emulator.requests.clear()
    assert (await send(hook, get_run(run.id, wait_for_finish=4), driver)).status == "RUNNING"
    assert len(emulator.requests) == 1


@DRIVERS
async def test_no_cookie_is_kept(hook: ApifyHook, emulator: Emulator, driver: str) -> None:
    emulator.faults.add(Fault(headers={"Set-Cookie": "a=b; Path=/"}))
    for _ in range(2):
        await send(hook, get_user(), driver)
    assert not any("Cookie" in request.headers for request in emulator.requests)
    assert not hook.get_conn()._session.cookies


@DRIVERS
@pytest.mark.parametrize("encoding", ["compress", "gzip, compress", "x" * 2_000])
async def test_a_body_that_nothing_unpacks_is_refused(
    hook: ApifyHook, emulator: Emulator, driver: str, encoding: str
) -> None:
    headers = {**ATTACHMENT, "Content-Encoding": encoding}
    emulator.faults.add(Fault("answer", status=200, body="packed", headers=headers))
    with pytest.raises(errors.ApifyServerError, match=r"its encoding, .*, was not asked for") as raised:
        await send(hook, RECORD, driver)
    assert len(str(raised.value)) < 1_000
    with pytest.raises(errors.ApifyServerError, match="was not asked for"):
        hook.get_conn().download(RECORD, io.BytesIO())
    emulator.faults.clear()
    headers["Content-Encoding"] = " Identity"
    emulator.faults.add(Fault("answer", status=200, body="plain", headers=headers))
    assert (await send(hook, RECORD, driver)).value == b"plain"


def test_the_token_is_not_shown(hook: ApifyHook) -> None:
    assert hook.endpoint.token not in repr(hook.endpoint)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.ApifyInputError),
        (401, errors.ApifyAuthenticationError),
        (402, errors.ApifyUsageLimitError),
        (403, errors.ApifyPermissionError),
        (404, errors.ApifyNotFoundError),
        (408, errors.ApifyServerError),
        (409, errors.ApifyApiError),
        (413, errors.ApifyInputError),
        (415, errors.ApifyInputError),
        (429, errors.ApifyRateLimitError),
        (500, errors.ApifyServerError),
        (503, errors.ApifyServerError),
    ],
)
def test_the_status_tells_what_an_unknown_type_does_not(
    hook: ApifyHook, fast_clock: Emulator, status: int, error: type[Exception]
) -> None:
    fast_clock.faults.add(Fault("answer", "GET", "*", status=status, type="never-heard-of"))
    with pytest.raises(errors.ApifyApiError) as raised:
        hook.get_user()
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (300, errors.ApifyServerError),
        (400, errors.ApifyInputError),
        (404, errors.ApifyServerError),
        (409, errors.ApifyServerError),
        (502, errors.ApifyServerError),
    ],
)
def test_of_an_answer_that_is_not_apifys_only_the_status_counts(
    hook: ApifyHook, fast_clock: Emulator, status: int, error: type[Exception]
) -> None:
    fast_clock.faults.add(Fault("answer", "PUT", "*", status=status, body="<html>Sorry"))
    with pytest.raises(
        errors.ApifyApiError, match="without an error type: the answer is not Apify's"
    ) as raised:
        hook.set_record("store", "KEY", b"{}", content_type="application/json")
    assert type(raised.value) is error
    assert "()" not in str(raised.value).replace('"', "")


@pytest.mark.parametrize(
    ("data", "told"), [({}, "Wrong. Nothing"), ({"data": {"at": 7}}, 'Wrong. ({"at": 7})')]
)
def test_an_error_tells_the_details_that_apify_adds(
    hook: ApifyHook, emulator: Emulator, data: Any, told: str
) -> None:
    body = json.dumps({"error": {"type": "invalid-value", "message": "Wrong", **data}})
    emulator.faults.add(Fault("answer", "PUT", "*", status=400, body=body, content_type="application/json"))
    with pytest.raises(errors.ApifyInputError, match=re.escape(told)):
        hook.set_record("store", "KEY", b"{}", content_type="application/json")
