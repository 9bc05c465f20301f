"""A deadline for an answer, on a worker: `requests` bounds only the time between two bytes."""

from __future__ import annotations

import io
import time
from http.client import HTTPResponse
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter  # noqa: TID253 - imported by the client when there is one
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_apify.api.call import LEAST_SPEED


class _TimedBytes(io.RawIOBase):
    """
    The bytes of an answer as they come over the wire, headers and body, for which there is a time in all.

    Only the time spent on waiting counts: whoever reads a body may be slow.
    """

    def __init__(self, sock: Any) -> None:
        self._raw = sock.makefile("rb", buffering=0)
        # With the time to wait for the next byte.
        self._timeout = sock.gettimeout()
        self._waited = 0.0
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        began = time.monotonic()
        count: int | None = self._raw.readinto(buffer)
        self._waited += time.monotonic() - began
        self._received += count or 0
        if self._waited > self._timeout + self._received / LEAST_SPEED:
            raise TimeoutError(f"{self._received:,} bytes came in time, and no end")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedBytes(sock))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # type: ignore[assignment]


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # type: ignore[assignment]


class DeadlineAdapter(HTTPAdapter):
    """An adapter of `requests` with such connections."""

    _POOLS: ClassVar = {"http": _Pool, "https": _TlsPool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._POOLS
        return manager
