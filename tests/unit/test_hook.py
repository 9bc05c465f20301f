"""The hook, over HTTP against the emulator."""

from __future__ import annotations

import asyncio
import base64
import copy
import http.server
import json
import logging
import os
import pickle
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from airflow_provider_apify.api.actors import get_user
from airflow_provider_apify.api.errors import (
    ApifyCertificateError,
    ApifyConfigurationError,
    ApifyHttpError,
    ApifyLocalResourceError,
    ApifyNotFoundError,
    ApifyRunFailedError,
    ApifyStartUncertainError,
    ApifyUnreachableError,
    ApifyWaitTimeoutError,
)
from airflow_provider_apify.api.key_value_stores import get_record
from airflow_provider_apify.api.retry import may_have_had_effect
from airflow_provider_apify.api.tls import tls_context
from airflow_provider_apify.emulator import Emulator, Fault
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.runs.outage_budget import OutageBudget
from tests.support.connections import set_connection
from tests.support.waiting import wait_until


def test_the_connection_test_tells_whose_token_it_is(hook: ApifyHook, server: Any) -> None:
    ok, message = hook.test_connection()
    assert ok
    assert "emulator" in message
    assert server.url in message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"password": "wrong"}, "Copy a valid API token"),
        ({"password": ""}, "no API token"),
        ({"host": "http://127.0.0.1:9"}, "host and proxy"),
        ({"host": "nonsense://"}, "Give a host such as"),
        ({"host": "http://nowhere.invalid"}, "host and proxy"),
        ({"extra": {"proxy": "http://127.0.0.1:9"}}, "host and proxy"),
    ],
)
def test_the_connection_test_tells_what_to_do_about_a_failure(
    server: Any, fast_clock: Emulator, monkeypatch: Any, fields: Any, words: str
) -> None:
    set_connection(monkeypatch, **({"host": server.url, "password": server.token} | fields))
    ok, message = ApifyHook().test_connection()
    assert not ok
    assert words in message


def test_the_connection_test_tells_what_to_do_without_permission(hook: ApifyHook, emulator: Emulator) -> None:
    emulator.faults.add(Fault("answer", "GET", "*", status=403, type="insufficient-permissions"))
    ok, message = hook.test_connection()
    assert not ok
    assert "permission" in message


@pytest.mark.parametrize(
    ("fields", "base_url"),
    [
        ({}, "https://api.apify.com"),
        ({"host": ""}, "https://api.apify.com"),
        ({"host": "apify.example.com"}, "https://apify.example.com"),
        ({"host": "http://127.0.0.1:8010/"}, "http://127.0.0.1:8010"),
        ({"host": "https://api.apify.com/v2/"}, "https://api.apify.com"),
        ({"host": "http://127.0.0.1", "port": 8010}, "http://127.0.0.1:8010"),
    ],
)
def test_the_host_may_be_written_in_many_ways(monkeypatch: Any, fields: Any, base_url: str) -> None:
    set_connection(monkeypatch, password="x", **fields)
    assert ApifyHook().endpoint.base_url == base_url


def test_a_connection_may_be_a_uri(monkeypatch: Any) -> None:
    uri = "apify://:a%2Fb@http%3A%2F%2F127.0.0.1%3A8010/?request_timeout=7&long_poll_seconds=3"
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", uri)
    endpoint = ApifyHook().endpoint
    assert (endpoint.token, endpoint.base_url) == ("a/b", "http://127.0.0.1:8010")
    assert (endpoint.timeout, endpoint.long_poll) == (7, 3)


def test_the_connection_is_not_looked_up_before_it_is_needed() -> None:
    ApifyHook("apify_nowhere")


async def test_every_method_works_on_a_worker_and_on_an_event_loop(
    hook: ApifyHook, emulator: Emulator
) -> None:
    run = hook.start_actor_run("emulator/worker", {"items": 2})
    task_run = await hook.start_task_run.aio("emulator/job")
    assert (await hook.get_run.aio(run.id, wait_for_finish=5)).succeeded
    assert hook.get_run(task_run.id, wait_for_finish=5).succeeded
    assert {one.id for one in hook.list_runs()} == {run.id, task_run.id}
    assert [one.id for one in await hook.list_runs.aio(actor_id="emulator/worker", status="FAILED")] == []
    dataset_id, store_id = run.info["defaultDatasetId"], run.info["defaultKeyValueStoreId"]
    assert hook.get_dataset(dataset_id)["itemCount"] == 2
    assert (await hook.get_items.aio(dataset_id, format="json")).items() == [{"n": 0}, {"n": 1}]
    assert hook.get_record(store_id, "INPUT").value == b'{"items": 2}'
    assert [item["key"] for item in (await hook.list_keys.aio(store_id))["items"]] == ["INPUT"]
    assert "order" in hook.get_log(run.id)
    assert (await hook.get_user.aio())["username"] == "emulator"
    assert hook.abort_run((await hook.start_actor_run.aio("emulator/worker", {"seconds": 60})).id)


def test_wait_for_run_returns_a_success_and_raises_otherwise(hook: ApifyHook, fast_clock: Emulator) -> None:
    assert hook.wait_for_run(hook.start_actor_run("emulator/worker").id).succeeded
    with pytest.raises(ApifyRunFailedError):
        hook.wait_for_run(hook.start_actor_run("emulator/worker", {"fail": True}).id)
    slow = hook.start_actor_run("emulator/worker", {"seconds": 36000})
    with pytest.raises(ApifyWaitTimeoutError):
        hook.wait_for_run(slow.id, wait_timeout=timedelta(minutes=2))


def test_calls_without_further_effect_are_repeated_after_failures(
    hook: ApifyHook, fast_clock: Emulator, caplog: Any
) -> None:
    run = hook.start_actor_run("emulator/worker")
    for calls, fault in enumerate(["drop-before", "drop-after", "refuse"], start=1):
        fast_clock.faults.add(Fault(fault, "GET", "/v2/actor-runs/*", (calls,)))  # type: ignore[arg-type]
    fast_clock.faults.add(Fault("answer", "GET", "/v2/actor-runs/*", (4,), status=500))
    fast_clock.faults.add(Fault("alter", "GET", "/v2/actor-runs/*", (5,), cut_at=10))
    assert hook.get_run(run.id).id == run.id
    assert [record.getMessage()[:12] for record in caplog.records if "next one" in record.getMessage()] == [
        f"Try {number} of 8 f" for number in range(1, 6)
    ]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(hook: ApifyHook, fast_clock: Emulator, form: str) -> None:
    date = datetime.fromtimestamp(fast_clock.clock.time() + 120, UTC)
    headers = {"Retry-After": "120" if form == "seconds" else format_datetime(date, usegmt=True)}
    fast_clock.faults.add(
        Fault("answer", "GET", "*", (1,), status=429, type="rate-limit-exceeded", headers=headers)
    )
    before = fast_clock.clock.time()
    hook.get_user()
    assert 119 <= fast_clock.clock.time() - before < 280


def test_an_error_says_what_and_what_to_do(hook: ApifyHook) -> None:
    with pytest.raises(ApifyNotFoundError) as raised:
        hook.get_dataset("0123456789abcdefg")
    assert "GET /v2/datasets/0123456789abcdefg" in str(raised.value)
    assert "Check the ID" in str(raised.value)
    assert raised.value.type == "record-not-found"


@pytest.mark.parametrize("token", ["apify_api_AAA\napify_api_BBB", "apify_api_…"])
def test_an_invalid_token_is_refused_and_not_quoted(monkeypatch: Any, token: str) -> None:
    set_connection(monkeypatch, password=token)
    ok, message = ApifyHook().test_connection()
    assert not ok
    assert "Copy it once more" in message
    assert "apify_api_" not in message


async def test_a_proxys_password_is_not_told(monkeypatch: Any, server: Any, fast_clock: Emulator) -> None:
    proxy = server.url.replace("://", "://somebody:proxy-secret@")
    set_connection(monkeypatch, host="https://127.0.0.1:9", password="x", extra={"proxy": proxy})
    for ask in (ApifyHook().get_user.aio, sync_to_async(ApifyHook().get_user)):
        with pytest.raises(ApifyUnreachableError) as raised:
            await ask()
        assert "proxy-secret" not in str(raised.value)


async def test_the_token_goes_nowhere_else(monkeypatch: Any, caplog: Any, tmp_path: Any) -> None:
    """A redirect to another host, a .netrc, a log at DEBUG and an error text: none has the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    caplog.set_level(logging.DEBUG)
    token = "apify_api_canary"
    elsewhere, here = Emulator(token="other"), Emulator(token=token)
    with elsewhere.serve() as other, here.serve() as server:
        set_connection(monkeypatch, host=server.url, password=token)
        hook = ApifyHook()
        assert hook.get_user()["username"] == "emulator"
        assert (await hook.get_user.aio())["username"] == "emulator"
        location = other.url.replace("127.0.0.1", "localhost") + "/v2/users/me"
        redirect: dict[str, Any] = {"status": 302, "body": "", "headers": {"Location": location}}
        here.faults.add(Fault("answer", "GET", "/v2/*", **redirect))
        calls: list[Any] = [get_user(), get_record("s", "k")]
        for call in calls:
            for send in (sync_to_async(hook.send), async_send):
                with pytest.raises(ApifyHttpError) as raised:
                    await send(replace(call, max_attempts=1))
                assert token not in str(raised.value)
        set_connection(monkeypatch, "broken", host="http://127.0.0.1:9", password=token)
        with pytest.raises(ApifyUnreachableError) as unreachable:
            ApifyHook("broken").get_user()
        assert token not in str(unreachable.value)
    assert all(token not in str(seen.headers) for seen in elsewhere.requests)
    assert all(token not in str(seen.query) for seen in here.requests)
    assert len(elsewhere.requests) == 2
    assert "urllib3" in caplog.text or "127.0.0.1" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize(
    ("date", "sent_at"),
    [
        ("Wed, 25 Nov 2026 08:44:28 GMT", 1795596268.0),
        ("yesterday", None),
        ("Wed, 25 Nov 99999999999999999999 08:44:28 GMT", None),
    ],
)
async def test_an_answer_tells_apifys_own_time(
    hook: ApifyHook, emulator: Emulator, date: str, sent_at: float | None
) -> None:
    emulator.faults.add(
        Fault(
            "answer",
            "GET",
            "*",
            status=200,
            body="{}",
            content_type="application/json",
            headers={"Date": date},
        )
    )
    call = get_user().read_as(lambda answer: answer.sent_at)
    assert hook.send(call) == sent_at
    async with hook.async_client() as client:
        assert await client.send(call) == sent_at


@pytest.mark.parametrize("status", [408, 409, 418, 425, 499])
def test_a_start_of_unknown_effect_is_sent_once(hook: ApifyHook, fast_clock: Emulator, status: int) -> None:
    fault = fast_clock.faults.add(Fault("answer-after", "POST", "*", status=status, type="unheard-of"))
    with pytest.raises(ApifyHttpError) as raised:
        hook.start_actor_run("emulator/worker")
    assert may_have_had_effect(raised.value)
    assert fault.fired == len(fast_clock.runs) == 1


@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        ApifyRunFailedError("failed", run={"id": "r"}),
        ApifyWaitTimeoutError("late", run_id="r"),
        ApifyStartUncertainError("lost", candidates=["r"]),
        ApifyUnreachableError("away", sent=False),
        ApifyNotFoundError("gone", status=404, type="record-not-found", data={"a": 1}, retry_after=2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_being_copied(error: Any, copied: Any) -> None:
    twin = copied(error)
    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


async def ask_both(hook: ApifyHook) -> list[ApifyHttpError]:
    """Return the errors of a worker and of an event loop."""
    raised = []
    for ask in (sync_to_async(hook.get_user), hook.get_user.aio):
        with pytest.raises(ApifyHttpError) as error:
            await ask()
        raised.append(error.value)
    return raised


@pytest.mark.parametrize(
    "body",
    [
        b"\x1f\x8b\xff" * 100_000,
        json.dumps({"error": {"type": "t" * 90_000, "message": "m" * 90_000, "data": {"d": "d" * 90_000}}}),
        json.dumps({"error": {"type": ["t"] * 90_000, "message": {"m": "m" * 90_000}, "data": "d" * 90_000}}),
        "[" * 100_000,
    ],
    ids=["no text", "long", "of other types", "deep"],
)
@pytest.mark.parametrize("status", [200, 403])
async def test_foreign_text_is_bounded(hook: ApifyHook, fast_clock: Emulator, status: int, body: Any) -> None:
    text = body if isinstance(body, str) else body.decode("latin-1")
    headers = {"Retry-After": "9" * 5000}
    fast_clock.faults.add(Fault("answer", "GET", "*", status=status, body=text, headers=headers))
    for error in await ask_both(hook):
        assert len(repr(error)) + len(repr(vars(error))) < 6000


@pytest.mark.parametrize(
    "quoted",
    [
        "Authorization: Bearer apify_api_emu%lator",
        "apify_api_emu%25lator",
        base64.b64encode(b"apify_api_emu%lator").decode(),
        "Proxy-Authorization: Basic " + base64.b64encode(b"me:proxy secret").decode(),
        "http://me:proxy%20secret@127.0.0.1",
        "x" * 490 + "apify_api_emu%lator",
    ],
)
async def test_secrets_that_are_quoted_back_are_not_told(
    monkeypatch: Any, fast_clock: Emulator, server: Any, quoted: str
) -> None:
    proxy = server.url.replace("://", "://me:proxy%20secret@")
    set_connection(monkeypatch, host=server.url, password="apify_api_emu%lator", extra={"proxy": proxy})
    fault = {"status": 403, "type": f"of {quoted}", "message": f"You sent {quoted}"}
    body = json.dumps({"error": {**fault, "data": {"header": quoted}}})
    fast_clock.faults.add(Fault("answer", "GET", "*", status=403, body=body))
    secret = quoted.rpartition(" ")[2].removeprefix("x" * 490)
    for error in await ask_both(ApifyHook()):
        told = f"{error!r} {vars(error)}"
        assert "You sent" in told
        assert secret not in told
        assert "apify_api_e" not in told


@pytest.mark.parametrize("variable", ["extra", "HTTP_PROXY"])
async def test_a_proxy_may_be_written_without_its_scheme(
    monkeypatch: Any, server: Any, variable: str
) -> None:
    proxy = server.url.removeprefix("http://")
    if variable != "extra":
        monkeypatch.setenv(variable, proxy)
        monkeypatch.setenv("NO_PROXY", "")
    extra = {"proxy": proxy} if variable == "extra" else {}
    set_connection(monkeypatch, host="http://localhost:9", password=server.token, extra=extra)
    assert ApifyHook().get_user()["username"] == "emulator"
    assert (await ApifyHook().get_user.aio())["username"] == "emulator"


@pytest.mark.parametrize("proxy", ["socks5://me:hidden@127.0.0.1:1080", "http://", "http://p:port"])
async def test_a_proxy_that_is_not_supported_is_refused(monkeypatch: Any, server: Any, proxy: str) -> None:
    set_connection(monkeypatch, host=server.url, password=server.token, extra={"proxy": proxy})
    for ask in (sync_to_async(ApifyHook().get_user), ApifyHook().get_user.aio):
        with pytest.raises(ApifyConfigurationError, match="proxy cannot be used") as raised:
            await ask()
        assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "host",
    [
        "https://me:hidden@apify.example.com",
        "me:hidden@apify.example.com",
        "https://me:hidden%40apify.example.com",
        "https://apify.example.com/?token=hidden",
        "https://apify.example.com#hidden",
        "https://apify.example.com\\hidden",
        "https://apify.example.com\nhidden",
        "https://apify.example.com:hidden",
        "ftp://apify.example.com/hidden",
        "https:///hidden",
    ],
)
def test_a_secret_in_the_host_is_refused_and_not_quoted(monkeypatch: Any, host: str) -> None:
    set_connection(monkeypatch, host=host, password="x")
    with pytest.raises(ApifyConfigurationError, match=r"host of the connection .* cannot be used") as raised:
        _ = ApifyHook().endpoint
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "warnings"),
    [
        ("http://apify.internal.example:8010", 1),
        ("http://192.0.2.1", 1),
        ("http://[2001:db8::1]:8010", 1),
        ("http://localhost:8010", 0),
        ("http://127.0.0.2:8010", 0),
        ("http://[::1]:8010/apify", 0),
        ("https://apify.internal.example", 0),
    ],
)
def test_a_token_that_travels_in_the_clear_is_warned_of_once(
    monkeypatch: Any, caplog: Any, host: str, warnings: int
) -> None:
    set_connection(monkeypatch, host=host, password="x")
    assert {ApifyHook().endpoint.base_url for _ in range(3)} == {host}
    assert caplog.text.count("in the clear") == warnings


@pytest.mark.slow
async def test_an_answer_that_trickles_is_given_up(monkeypatch: Any, server: Any, emulator: Emulator) -> None:
    extra = {"request_timeout": 0.3}
    set_connection(monkeypatch, host=server.url, password=server.token, extra=extra)
    emulator.faults.add(Fault(path="/v2/users/*", trickle=0.05))
    call = replace(get_user(), max_attempts=1)
    with pytest.raises(ApifyUnreachableError):
        ApifyHook().send(call)
    async with ApifyHook().async_client() as client:
        with pytest.raises(ApifyUnreachableError):
            await client.send(call)


@pytest.fixture(params=["status", "headers"])
def trickling_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server whose headers come in drops, for ever."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b"" if request.param == "status" else b"HTTP/1.1 200 OK\r\n"
            with suppress(OSError):
                self.wfile.write(head)
                while not over.wait(0.02):
                    self.wfile.write(b"X")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("with_proxy", [False, True])
async def test_headers_that_trickle_are_given_up(
    monkeypatch: pytest.MonkeyPatch, trickling_url: str, with_proxy: bool
) -> None:
    extra = {"request_timeout": 0.2} | ({"proxy": trickling_url} if with_proxy else {})
    set_connection(
        monkeypatch,
        host="http://apify.invalid" if with_proxy else trickling_url,
        password="apify_api_x",
        extra=extra,
    )
    call = replace(get_user(), max_attempts=1)
    for ask in (sync_to_async(ApifyHook().send), async_send):
        with pytest.raises(ApifyUnreachableError, match=r"TimeoutError|BadStatusLine|BadHttpMessage"):
            await ask(call)


async def async_send(call: Any) -> Any:
    """Send a call from an event loop."""
    async with ApifyHook().async_client() as client:
        return await client.send(call)


async def test_no_long_poll_waits_for_another(hook: ApifyHook, emulator: Emulator) -> None:
    run = hook.start_actor_run("emulator/worker", {"seconds": 36_000})
    polls = [asyncio.ensure_future(hook.get_run.aio(run.id, wait_for_finish=60)) for _ in range(120)]

    def all_arrived() -> bool:
        return len([seen for seen in emulator.requests if seen.method == "GET"]) == len(polls)

    await asyncio.to_thread(wait_until, all_arrived)
    assert not any(poll.done() for poll in polls)
    hook.abort_run(run.id)
    assert {poll.status for poll in await asyncio.gather(*polls)} == {"ABORTED"}


async def test_no_file_descriptor_left_is_no_outage(hook: ApifyHook, fast_clock: Emulator) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    call = replace(get_user(), max_attempts=1)
    async with hook.async_client() as client:
        free = os.open(os.devnull, os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            with pytest.raises(ApifyLocalResourceError, match="ulimit -n"):
                await client.send(call)
            with pytest.raises(ApifyLocalResourceError, match="ulimit -n") as raised:
                hook.send(call)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert OutageBudget().record_failure(raised.value, 0.0, 1e6) is None


@pytest.fixture
def untrusted_url(tmp_path: Any) -> Iterator[str]:
    """A TLS server whose certificate no machine trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_an_untrusted_certificate_is_told_at_once(
    monkeypatch: Any, untrusted_url: str, caplog: Any
) -> None:
    set_connection(monkeypatch, host=untrusted_url, password="x")
    start = ApifyHook().start_actor_run
    for ask in (sync_to_async(start), start.aio):
        with pytest.raises(ApifyCertificateError, match="REQUESTS_CA_BUNDLE") as raised:
            await ask("emulator/worker")
        assert not may_have_had_effect(raised.value)
    assert "next one follows" not in caplog.text


def test_a_start_is_not_redirected(hook: ApifyHook, emulator: Emulator, server: Any) -> None:
    emulator.faults.add(
        Fault("answer", "POST", "*", status=302, body="", headers={"Location": f"{server.url}/v2/users/me"})
    )
    with pytest.raises(Exception, match="302"):
        hook.start_actor_run("emulator/worker")


def test_certificates_may_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, known in ((str(tmp_path), False), (DEFAULT_CA_BUNDLE_PATH, True)):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", place)
        tls_context.cache_clear()
        assert bool(tls_context().get_ca_certs()) is known
    tls_context.cache_clear()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_certificates_that_are_not_there_are_a_mistake_of_the_configuration(
    server: Any, hook: ApifyHook, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "/no/such/file.pem")
    tls_context.cache_clear()
    asked = len(server.requests)
    with pytest.raises(ApifyConfigurationError, match=f"{variable} names a file that is not there"):
        hook.get_run("r")
    with pytest.raises(ApifyConfigurationError, match=f"{variable} names a file that is not there"):
        async with hook.async_client():
            pass
    assert len(server.requests) == asked
