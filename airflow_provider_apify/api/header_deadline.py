"""A deadline for the headers of an answer, on a worker: `requests` bounds only the time between two bytes."""

from __future__ import annotations

import socket
import threading
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter  # noqa: TID253 - imported by the client when there is one
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class _Timed:
    """A connection whose headers must have come, whole, within the time that it waits for a byte."""

    sock: Any
    timeout: Any

    def getresponse(self) -> Any:
        late = threading.Event()
        # Nothing but the end of the connection wakes a thread that reads from it.
        underlying = getattr(self.sock, "socket", self.sock)

        def hang_up() -> None:
            late.set()
            socket.socket.shutdown(underlying, socket.SHUT_RDWR)

        timer = threading.Timer(self.timeout, hang_up)
        timer.daemon = True
        timer.start()
        response = None
        try:
            response = super().getresponse()  # type: ignore[misc]
        except Exception:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        if late.is_set():
            if response is not None:
                # An end amid the headers was taken for their end.
                response.close()
            raise TimeoutError("the headers did not come in time")
        return response


class _Connection(_Timed, HTTPConnection):
    pass


class _TlsConnection(_Timed, HTTPSConnection):
    pass


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
