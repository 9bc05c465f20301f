"""Answers that are small on the wire and large once they are decoded."""

from __future__ import annotations

import zlib
from typing import Any

from airflow_provider_apify.emulator import Fault


def compressed_answer(size: int, path: str = "*", content_type: str = "text/plain", **kwargs: Any) -> Fault:
    """Make an answer with a body of so many bytes, all of them `x`."""
    packer = zlib.compressobj(1, wbits=31)
    pieces = [packer.compress(b"x" * (1 << 20)) for _ in range(size >> 20)]
    body = b"".join([*pieces, packer.compress(b"x" * (size % (1 << 20))), packer.flush()])
    return Fault(
        "answer",
        path=path,
        body=body.decode(errors="surrogateescape"),
        # Nothing that the emulator itself would compress.
        content_type="application/octet-stream",
        headers={"Content-Type": content_type, "Content-Encoding": "gzip"},
        **{"status": 200, **kwargs},
    )
