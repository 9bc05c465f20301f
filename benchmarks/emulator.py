"""
How fast the emulator is; run by hand: ``python benchmarks/emulator.py``.

1. A dataset of 1,000,000 items (500 MB): JSON Lines to one ``curl``, memory, the first page and a late one.
2. 2,000 clients in a long poll at once: CPU while idle, and how long until all are answered.

The server is a process of its own, on the same cores as the clients: the figures are a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

ITEMS = 1_000_000
POLLS = 2_000
TOKEN = "apify_api_emulator"
SERVED = """
import json, sys
from airflow_provider_apify.emulator import Emulator

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

emulator = Emulator()
emulator.user.max_concurrent_runs = 10_000
emulator.user.max_memory_mbytes = 10**9
emulator.actor("emulator/sleeper")(lambda actor: actor.sleep(actor.input["seconds"]))
text = "x" * 440
base = resident()
line = b'{"id":%d,"url":"https://example.com/%d","text":"%s"}\\n'
items = b"".join(line % (n, n, text.encode()) for n in range(int(sys.argv[1])))
size = len(items) / 1e6
dataset = emulator.create_dataset(items)
del items
with emulator.serve() as server:
    print(json.dumps([server.url, dataset, size, resident() - base]), flush=True)
    for line in sys.stdin:
        print(resident() - base, flush=True)
"""


def curl(url: str) -> tuple[float, float]:
    """Fetch with curl; return MB/s and seconds."""
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{speed_download} %{time_total}", url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    speed, seconds = done.stdout.split()
    return float(speed) / 1e6, float(seconds)


def cpu_seconds(pid: int) -> float:
    """CPU time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def dataset(url: str, dataset: str) -> None:
    """Measure the dataset."""
    items = f"{url}/v2/datasets/{dataset}/items?token={TOKEN}"
    for name in ("jsonl", "json"):
        rates = [curl(f"{items}&format={name}")[0] for _ in range(3)]
        print(f"{name:6} to one curl: {min(rates):8.0f} MB/s (worst of 3)")
    for shape in ("", "&fields=id"):
        for offset in (0, 900_000):
            page = f"{items}&format=jsonl&limit=1000&offset={offset}{shape}"
            seconds = statistics.median(curl(page)[1] for _ in range(9))
            print(f"1,000 items at offset {offset:7,}{shape}: {seconds * 1000:6.2f} ms")


async def polls(url: str, pid: int, own_runs: bool) -> None:
    """Measure long polls, all on one run or each on its own."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, headers=headers, connector=connector) as session:

        async def start(seconds: float) -> str:
            path = "/v2/actors/emulator~sleeper/runs"
            async with session.post(path, json={"seconds": seconds}) as answer:
                return str((await answer.json())["data"]["id"])

        async def poll(run: str) -> tuple[str, float]:
            async with session.get(f"/v2/actor-runs/{run}?waitForFinish=60") as answer:
                status = (await answer.json())["data"]["status"]
                return status, time.monotonic()

        runs = [await start(20) for _ in range(POLLS if own_runs else 1)] * (1 if own_runs else POLLS)
        begun = time.monotonic()
        waiting = [asyncio.create_task(poll(run)) for run in runs]
        await asyncio.sleep(5)
        before, at = cpu_seconds(pid), time.monotonic()
        await asyncio.sleep(5)
        idle = (cpu_seconds(pid) - before) / (time.monotonic() - at)
        answers = await asyncio.gather(*waiting)
        async with session.get("/__emulator__/runs") as answer:
            ended = {run["id"]: run["finishedAt"] for run in await answer.json()}
    offset = time.time() - time.monotonic()
    late = [at + offset - _epoch(ended[run]) for run, (_, at) in zip(runs, answers, strict=True)]
    assert {status for status, _ in answers} == {"SUCCEEDED"}
    what = "each its own run" if own_runs else "all one run"
    print(
        f"{POLLS} long polls, {what}: {idle:.1%} of a core while idle, the last answered {max(late):.2f} s"
        f" after its run's end, {time.monotonic() - begun:.0f} s in all"
    )


def _epoch(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def main() -> None:
    """Run the benchmark."""
    import json

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 65_536)), hard))
    server = subprocess.Popen(
        [sys.executable, "-c", SERVED, str(options.items)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin
    assert server.stdout
    try:
        url, name, size, memory = json.loads(server.stdout.readline())
        print(f"{options.items:,} items, {size:.0f} MB; memory after loading {memory:.0f} MB")
        dataset(url, name)
        server.stdin.write("memory\n")
        server.stdin.flush()
        print(f"memory after serving {float(server.stdout.readline()):.0f} MB")
        for own_runs in (False, True):
            asyncio.run(polls(url, server.pid, own_runs))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    main()
