"""
HTTP itself: `requests` on a worker, `aiohttp` in the triggerer; headers, token, proxies.

The HTTP libraries are named here, and in `answer_deadline`; what an answer means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary

from tenacity import AsyncRetrying, Retrying

from airflow_provider_apify.api.answer_to_error import (
    error_of,
    from_apify,
    not_apifys,
    read_answer,
    refuse_packed,
)
from airflow_provider_apify.api.call import LEAST_SPEED, MAX_ANSWER_BYTES, MAX_ERROR_BYTES, Answer, Call
from airflow_provider_apify.api.errors import (
    ApifyCertificateError,
    ApifyLocalResourceError,
    ApifyTooLargeError,
    ApifyUnreachableError,
)
from airflow_provider_apify.api.foreign_text import foreign_text, secrets_of
from airflow_provider_apify.api.proxy import proxy_for
from airflow_provider_apify.api.redirects import MAX_REDIRECTS, redirected
from airflow_provider_apify.api.retry import retrying
from airflow_provider_apify.api.tls import ca_bundle, tls_context

if TYPE_CHECKING:
    import aiohttp
    import requests
    import urllib3

T = TypeVar("T")

# Connections kept open to the one host: as many as an export reads ranges at once.
_POOL_SIZE = 32
_READ_BYTES = 1 << 16
# Bytes of a download in memory at a time.
_DOWNLOAD_BYTES = 1 << 20
# So many bytes a download may have however few came over the wire: honest ones compress well, too.
_INFLATED_BYTES = 64 << 20


@dataclass(frozen=True)
class Endpoint:
    """Where and how the API is reached; times are seconds."""

    #: API token; goes into the `Authorization` header and nowhere else.
    token: str = field(repr=False)
    base_url: str
    #: How long to wait for a connection, and for the next byte of an answer.
    timeout: float
    #: How long to let the API hold an answer while waiting for a run.
    long_poll: float
    #: URL of an HTTP proxy; without it the environment's proxy variables count.
    proxy: str | None
    user_agent: str

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """What no message may tell."""
        return secrets_of(self.token, proxy_for(self.base_url, self.proxy))

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """Return the arguments that both libraries have in common."""
        return {
            "method": call.method,
            "url": self.base_url + call.path,
            "params": {name: _text(value) for name, value in call.params.items() if value is not None},
            "data": call.body,
            "headers": {
                "Authorization": f"Bearer {self.token}",
                "User-Agent": self.user_agent,
                # Asked of every integration ("Integrate with Apify" in Apify's documentation).
                "x-apify-integration-platform": "airflow",
                **call.headers,
            },
            # See `redirected`.
            "allow_redirects": False,
        }


def _text(value: Any) -> str:
    """Return a query parameter as text: booleans in lower case, lists with commas."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


@dataclass(frozen=True)
class OpenAnswer:
    """An answer whose body is still coming; the headers are found in any case."""

    headers: Mapping[str, str]
    _body: urllib3.HTTPResponse

    @property
    def received(self) -> int:
        """How many bytes of the body have come over the wire, where it may be compressed."""
        return self._body.tell()

    def parts(self, size: int) -> Iterator[bytes]:
        """Give the body, at most `size` bytes at a time."""
        while part := self._body.read(size, decode_content=True):
            yield part


class Client:
    """Client on a worker; may be used by several threads at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        import requests

        from airflow_provider_apify.api.answer_deadline import DeadlineAdapter

        self.endpoint = endpoint
        self._session = requests.Session()
        self._session.verify = ca_bundle()
        # No cookies, however many an answer sets: the token is all there is to say.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Proxies and certificates are given; all else that it finds is a .netrc, to replace the token with.
        self._session.trust_env = False
        self._session.auth = _disguise_dots
        # Else `requests` reads the body of a redirect, of any size, even where it does not follow.
        self._session.get_redirect_target = lambda _: None  # type: ignore[method-assign, assignment, misc]
        adapter = DeadlineAdapter(pool_connections=_POOL_SIZE, pool_maxsize=_POOL_SIZE)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)

    def send(self, call: Call[T]) -> T:
        """Send a call, again where that is safe, and return its result."""
        return cast("T", Retrying(**retrying(call))(self._attempt, call))

    @contextmanager
    def open(self, call: Call[Any]) -> Iterator[OpenAnswer]:
        """Send a call once, and give the answer while its body is still coming."""
        with self._answer(call) as response:
            if response.status_code != 200:
                answer = _whole(call, response, _Deadline(call, self.endpoint))
                raise error_of(call, answer, self.endpoint.secrets)
            with from_apify(call, response.status_code, self.endpoint.secrets):
                call.check(response.headers)
            yield OpenAnswer(response.headers, response.raw)

    def download(self, call: Call[Any], file: IO[bytes]) -> Mapping[str, str]:
        """Send a call, again where that is safe; write the body over a file, and return the headers."""

        def attempt() -> Mapping[str, str]:
            file.seek(0)
            file.truncate()
            size = 0
            with self.open(call) as answer:
                for part in answer.parts(_DOWNLOAD_BYTES):
                    file.write(part)
                    size += len(part)
                    if size > max(_INFLATED_BYTES, call.max_inflation * answer.received):
                        raise ApifyTooLargeError(
                            f"The {answer.received:,} bytes that came of the answer to {call} unpack to more "
                            f"than {size:,} bytes."
                        )
            return answer.headers

        return Retrying(**retrying(call))(attempt)

    def _attempt(self, call: Call[T]) -> T:
        deadline = _Deadline(call, self.endpoint)
        with self._answer(call) as response:
            return read_answer(call, _whole(call, response, deadline), self.endpoint.secrets)

    @contextmanager
    def _answer(self, call: Call[Any]) -> Iterator[requests.Response]:
        import requests
        import urllib3

        endpoint, request = self.endpoint, self.endpoint.request(call)
        most = min(endpoint.timeout + call.wait, call.give_up_after)
        times = (min(endpoint.timeout, call.give_up_after), most)
        try:
            for left in reversed(range(MAX_REDIRECTS + 1)):
                proxy = proxy_for(request["url"], endpoint.proxy)
                request |= {"proxies": {"http": proxy, "https": proxy} if proxy else {}}
                with self._session.request(**request, timeout=times, stream=True) as response:
                    next_request = redirected(call, request, response.status_code, response.headers)
                    if not (left and next_request):
                        refuse_packed(call, response.status_code, response.request.headers, response.headers)
                        yield response
                        return
                    # Read to its end, the connection can be used again.
                    response.raw.read(MAX_ERROR_BYTES, decode_content=False)
                request = next_request
        except (requests.RequestException, urllib3.exceptions.HTTPError, _TooSlowError) as error:
            raise _unreachable(call, endpoint, error, _was_sent(error)) from None


def _disguise_dots(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep a record's key `..` from being a step up, which proxies take: `requests` undoes the escape."""
    path, mark, query = (request.url or "").partition("?")
    start, slash, name = path.rpartition("/")
    if not name.strip("."):
        request.url = start + slash + name.replace(".", "%2E") + mark + query
    return request


class AsyncClient:
    """Client on an event loop, shared by all its users there; see :func:`connect`."""

    def __init__(self, endpoint: Endpoint, session: aiohttp.ClientSession) -> None:
        self.endpoint = endpoint
        self.session = session
        self.users = 0

    async def send(self, call: Call[T]) -> T:
        """Send a call, again where that is safe, and return its result."""
        return await AsyncRetrying(**retrying(call))(self._attempt, call)

    async def _attempt(self, call: Call[T]) -> T:
        import aiohttp

        endpoint, deadline = self.endpoint, _Deadline(call, self.endpoint)
        try:
            async with asyncio.timeout(deadline.left()) as limit, self._answer(call) as response:
                answer = await _async_whole(call, response, deadline, limit)
                return read_answer(call, answer, endpoint.secrets)
        except (aiohttp.ClientError, TimeoutError) as error:
            never_sent = (
                aiohttp.ClientConnectorError,
                aiohttp.ClientHttpProxyError,
                aiohttp.ConnectionTimeoutError,
                aiohttp.InvalidURL,
            )
            raise _unreachable(call, endpoint, error, not isinstance(error, never_sent)) from None

    @asynccontextmanager
    async def _answer(self, call: Call[Any]) -> AsyncIterator[aiohttp.ClientResponse]:
        import aiohttp
        from yarl import URL

        endpoint, request = self.endpoint, self.endpoint.request(call)
        timeout = aiohttp.ClientTimeout(sock_connect=endpoint.timeout, sock_read=endpoint.timeout + call.wait)
        for left in reversed(range(MAX_REDIRECTS + 1)):
            # Not aiohttp's own `trust_env`: it would let a .netrc replace the token.
            proxy = proxy_for(request["url"], endpoint.proxy)
            # Ours is as it must be: yarl would undo the escape of a key `..`, and take the step up.
            url = URL(request["url"], encoded=True) if left == MAX_REDIRECTS else request["url"]
            sent = {**request, "url": url, "timeout": timeout, "proxy": proxy}
            async with self.session.request(**sent) as response:
                next_request = redirected(call, request, response.status, response.headers)
                if not (left and next_request):
                    refuse_packed(call, response.status, response.request_info.headers, response.headers)
                    yield response
                    return
            request = next_request


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Endpoint, AsyncClient]] = WeakKeyDictionary()


@asynccontextmanager
async def connect(endpoint: Endpoint) -> AsyncIterator[AsyncClient]:
    """
    Give a client on the running loop; all users of the same endpoint share one, with its session.

    The last user closes the session, so neither a thousand triggers nor a single `dag.test()` leave one open.
    """
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if endpoint not in clients:
        # In a thread: all triggers share the loop, and the first time these take tenths of a second.
        aiohttp, tls = await asyncio.to_thread(_load)
    if endpoint not in clients:  # Still: another trigger may have been quicker.
        # No limit: each waiting trigger holds a connection. No cookies: the token is all there is to say.
        connector = aiohttp.TCPConnector(limit=0, ssl=tls)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        clients[endpoint] = AsyncClient(endpoint, session)
    client = clients[endpoint]
    client.users += 1
    try:
        yield client
    finally:
        client.users -= 1
        if not client.users:
            del clients[endpoint]
            await client.session.close()


def _load() -> tuple[Any, ssl.SSLContext]:
    import aiohttp

    return aiohttp, tls_context()


class _TooSlowError(Exception):
    """An answer is still coming when its time is over."""


class _Deadline:
    """When a try is given up: a server that sends a byte now and then must not hold it for ever."""

    def __init__(self, call: Call[Any], endpoint: Endpoint) -> None:
        self._began = time.monotonic()
        self._most = call.give_up_after
        self._timeout = endpoint.timeout + call.wait + len(call.body or b"") / LEAST_SPEED

    def left(self, received: int = 0) -> float:
        """Return the seconds that are left after so many bytes."""
        allowed = min(self._timeout + received / LEAST_SPEED, self._most)
        return self._began + allowed - time.monotonic()


def _whole(call: Call[Any], response: requests.Response, deadline: _Deadline) -> Answer:
    """Read the body of an answer; that of an error is cut."""
    body, status = bytearray(), response.status_code
    # `read1` gives what is there. The last read, of nothing, is the one that notices a cut body.
    while part := response.raw.read1(_READ_BYTES, decode_content=not call.raw):
        body += part
        if _is_enough(call, status, body):
            break
        if deadline.left(len(body)) <= 0:
            raise _TooSlowError(f"{len(body):,} bytes came in time, and no end")
    return Answer(status, response.headers, bytes(body))


async def _async_whole(
    call: Call[Any], response: aiohttp.ClientResponse, deadline: _Deadline, limit: asyncio.Timeout
) -> Answer:
    body, loop = bytearray(), asyncio.get_running_loop()
    async for part in response.content.iter_any():
        body += part
        if _is_enough(call, response.status, body):
            break
        limit.reschedule(loop.time() + deadline.left(len(body)))
    return Answer(response.status, response.headers, bytes(body))


def _is_enough(call: Call[Any], status: int, body: bytearray) -> bool:
    """Return whether no more of a body is wanted, as that of an error; raise an error if it is too large."""
    if not 200 <= status < 300:
        del body[MAX_ERROR_BYTES:]
        return len(body) == MAX_ERROR_BYTES
    if call.max_bytes is None and len(body) > MAX_ANSWER_BYTES:
        raise not_apifys(call, status, f"it has more than {MAX_ANSWER_BYTES:,} bytes")
    if call.max_bytes is not None and len(body) > call.max_bytes:
        raise ApifyTooLargeError(
            f"The answer to {call} has more than {call.max_bytes:,} bytes, the most that is held in memory "
            "here. Ask for less at once, or land it with DatasetToS3Operator or another transfer operator."
        )
    return False


def _was_sent(error: Exception) -> bool:
    import requests
    from urllib3 import exceptions

    if isinstance(error, requests.ConnectTimeout | ValueError):  # ValueError: the URL cannot be used
        return False
    reason = getattr(error.args[0], "reason", None) if error.args else None
    never_sent = exceptions.NewConnectionError | exceptions.ConnectTimeoutError | exceptions.ProxyError
    return not isinstance(reason, never_sent)


def _unreachable(call: Call[Any], endpoint: Endpoint, error: Exception, sent: bool) -> ApifyUnreachableError:
    # The libraries' own texts hold whole URLs with their parameters: only the innermost cause is shown.
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) and isinstance(inner, Exception):
        cause = inner
    # A proxy's refusal would be told with the proxy's URL.
    told = getattr(cause, "message", cause) if hasattr(cause, "request_info") else cause
    why = f"{type(cause).__name__}: {foreign_text(told, endpoint.secrets)}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return ApifyCertificateError(
            f"{call} was not sent: this machine does not trust the TLS certificate of {endpoint.base_url} "
            f"or of the proxy ({why}). Name the file with your own authority's certificates in "
            "REQUESTS_CA_BUNDLE, on workers and triggerers.",
            sent=False,
        )
    if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
        return ApifyLocalResourceError(
            f"{call} was not sent: this machine has no file descriptor left ({why}). Raise the limit of the "
            "process (`ulimit -n`), or lower the triggerer's capacity: each wait holds a connection.",
            sent=False,
        )
    return ApifyUnreachableError(
        f"{call} got no whole answer from {endpoint.base_url} ({why}). Check the "
        "connection's host and proxy, and the network between this machine and Apify.",
        sent=sent,
    )
