"""Pages kept on disk, for formats that have to see all rows before they can write the first one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def spooled(pages: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """
    Take in all pages, and give them again.

    They lie in a nameless file in the directory for temporary files (`TMPDIR`), which vanishes with the
    process.

    :param pages: JSON Lines.
    """
    with tempfile.TemporaryFile() as file:
        sizes = []
        for page in pages:
            file.write(page)
            sizes.append(len(page))
        file.seek(0)
        yield (file.read(size) for size in sizes)
