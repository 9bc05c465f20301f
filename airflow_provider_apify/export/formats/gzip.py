"""Gzip: files that are compressed here, and pages that come compressed and go into a file as they are."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from airflow_provider_apify.api.errors import ApifyTooLargeError
from airflow_provider_apify.export.formats import Encoder

# For `zlib`: a gzip header and trailer around a window of 32 KiB.
_GZIP = 31
_LEVEL = 6


class GzippedPages(Encoder):
    """Compressed pages, which follow each other as members of one gzip file."""

    def encode(self, pages: Iterable[bytes]) -> Iterator[bytes]:
        """Make the bytes of a file."""
        empty = True
        for page in pages:
            empty = empty and not page
            yield page
        if empty:
            # An empty gzip file still needs its header and trailer.
            yield compress(b"")


def compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress the chunks of a file."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def compress(data: bytes) -> bytes:
    """Make a gzip file of some bytes, the same one each time."""
    return b"".join(compressed([data]))


def decompress(body: bytes, limit: int | None) -> bytes:
    """Return the content of one gzip file, of at most `limit` bytes; ValueError means that it is damaged."""
    try:
        unpacker = zlib.decompressobj(_GZIP)
        plain = unpacker.decompress(body, limit or 0)
    except zlib.error as error:
        raise ValueError(f"the compressed body is damaged: {error}") from None
    if unpacker.unconsumed_tail:
        raise ApifyTooLargeError(f"The page has more than {limit:,} bytes.")
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("the compressed body is not whole")
    return plain
