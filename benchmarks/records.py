"""
A key-value store of many keys and one large record: time and memory, and whether all is there.

    python benchmarks/records.py [--keys N] [--large BYTES] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from contestants import load_airflow, memory_mb

SERVER = """
import sys, threading
from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.emulator.platform.key_value_stores import Record
keys, large = map(int, sys.argv[1:])
emulator = Emulator()
store = emulator.create_key_value_store({f"key-{n:06d}.bin": b"%d" % n * 10 for n in range(keys)})
# A type that the emulator does not compress: neither would Apify.
emulator.platform.stores[store].put("large", Record(b"0123456789abcdef" * (large // 16), "image/png"))
with emulator.serve() as server:
    print(server.url, server.token, store, flush=True)
    threading.Event().wait()
"""


def main() -> None:
    """Export the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=25_000)
    parser.add_argument("--large", type=int, default=1 << 30)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "apify-benchmark/records"
    )
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    command = [sys.executable, "-c", SERVER, str(arguments.keys), str(arguments.large)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        url, token, store_id = server.stdout.readline().split()
        export(url, token, store_id, arguments.folder)
    finally:
        server.terminate()
        server.wait()
    listed = json.loads((arguments.folder / "~manifest.json").read_bytes())["records"]
    assert len(listed) == arguments.keys + 1
    for record in listed:
        with (arguments.folder / record["key"]).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == record["sha256"]
    large = b"0123456789abcdef" * (1 << 16)
    with (arguments.folder / "large").open("rb") as file:
        assert all(block == large[: len(block)] for block in iter(lambda: file.read(len(large)), b""))
    shutil.rmtree(arguments.folder)


def export(url: str, token: str, store_id: str, folder: Path) -> None:
    """Run KeyValueStoreToLocalOperator, and tell what it took."""
    connection = {"conn_type": "apify", "host": url, "password": token}
    os.environ["AIRFLOW_CONN_APIFY_DEFAULT"] = json.dumps(connection)
    load_airflow()
    from airflow_provider_apify.transfers.key_value_store import KeyValueStoreToLocalOperator

    task = KeyValueStoreToLocalOperator(task_id="land", key_value_store_id=store_id, path=str(folder))
    before = memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    started = time.perf_counter()
    result = task.execute({})
    seconds, memory = time.perf_counter() - started, memory_mb("VmHWM") - before
    print(
        f"{result['files']:,} records, {result['bytes'] / 1e6:,.0f} MB to disk: {seconds:.1f} s, "
        f"{memory:.0f} MB above Airflow's imports"
    )


if __name__ == "__main__":
    main()
