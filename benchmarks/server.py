"""
A server that is not the bottleneck: one dataset of any size, straight from the page cache to the socket.

    python benchmarks/server.py FILE --items N [--latency SECONDS] [--bandwidth BYTES_PER_SECOND]

It knows what the contestants ask for, and no more: the dataset object, and its items as JSON Lines or JSON.
Every item has the same length, so a range of items is a range of the file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ITEM_BYTES = 500
# What goes out at once when the bandwidth is limited.
SLICE = 1 << 18
NO_LIMIT = 999_999_999_999


def make_items(path: Path, items: int) -> None:
    """Write a file of JSON Lines, each of the same length."""
    if path.exists() and path.stat().st_size == items * ITEM_BYTES:
        return
    with path.open("wb") as file:
        for first in range(0, items, 10_000):
            rows = (
                f'{{"id":{n:012d},"url":"https://example.com/product/{n:012d}","price":{n % 1000}.5,'.replace(
                    '"id":', '"id":1'
                )
                for n in range(first, min(first + 10_000, items))
            )
            file.write(b"".join(_padded(row) for row in rows))


def _padded(start: str) -> bytes:
    head = f'{start}"text":"'.encode()
    return head + b"x" * (ITEM_BYTES - len(head) - 3) + b'"}\n'


class Handler(BaseHTTPRequestHandler):
    """Answers like Apify, as far as a contestant looks."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    path_of_items: str
    items: int
    latency: float
    bandwidth: float | None

    def do_GET(self) -> None:
        """Answer a request."""
        time.sleep(self.latency)
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.endswith("/items"):
            self._items(query)
        else:
            size = self.items * ITEM_BYTES
            self._json({"data": _dataset(self.items, size)})

    def _items(self, query: dict[str, str]) -> None:
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", NO_LIMIT))
        first, last = min(offset, self.items), min(offset + limit, self.items)
        start, size = first * ITEM_BYTES, (last - first) * ITEM_BYTES
        jsonl = query.get("format") == "jsonl"
        self.send_response(200)
        for name, value in (
            ("Offset", offset),
            ("Limit", limit),
            ("Count", last - first),
            ("Total", self.items),
        ):
            self.send_header(f"X-Apify-Pagination-{name}", str(value))
        self.send_header("X-Apify-Pagination-Desc", "false")
        self.send_header("Content-Type", "application/jsonl" if jsonl else "application/json; charset=utf-8")
        # An array of the same rows is one byte longer: brackets for the last line's end.
        self.send_header("Content-Length", str(size if jsonl else max(2, size + 1)))
        self.end_headers()
        self.wfile.flush()
        with open(self.path_of_items, "rb") as file:
            if jsonl:
                self._send_file(file.fileno(), start, size)
            else:
                self._send(b"[" + os.pread(file.fileno(), size, start)[:-1].replace(b"\n", b",") + b"]")

    def _send_file(self, file: int, start: int, size: int) -> None:
        end, began, begin = start + size, time.monotonic(), start
        while start < end:
            block = end - start if self.bandwidth is None else min(SLICE, end - start)
            start += os.sendfile(self.connection.fileno(), file, start, block)
            self._hold_back(start - begin, began)

    def _send(self, body: bytes) -> None:
        began = time.monotonic()
        for position in range(0, len(body), SLICE):
            self.wfile.write(body[position : position + SLICE])
            self._hold_back(position, began)

    def _hold_back(self, sent: int, began: float) -> None:
        if self.bandwidth is not None:
            time.sleep(max(0.0, began + sent / self.bandwidth - time.monotonic()))

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128


def _dataset(items: int, size: int) -> dict[str, Any]:
    now = "2026-11-23T18:00:00.000Z"
    return {
        "id": "benchmark00000001",
        "name": None,
        "userId": "user0000000000001",
        "createdAt": now,
        "modifiedAt": now,
        "accessedAt": now,
        "itemCount": items,
        "cleanItemCount": items,
        "consoleUrl": "https://console.apify.com/storage/datasets/benchmark00000001",
        "stats": {"readCount": 0, "writeCount": 1, "storageBytes": size, "inflatedBytes": size},
    }


def main() -> None:
    """Serve until the end of the input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0)
    parser.add_argument("--bandwidth", type=float)
    arguments = parser.parse_args()
    make_items(arguments.file, arguments.items)
    Handler.path_of_items = str(arguments.file)
    Handler.items, Handler.latency, Handler.bandwidth = (
        arguments.items,
        arguments.latency,
        arguments.bandwidth,
    )
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
