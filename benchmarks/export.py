"""
How fast datasets travel, and in how much memory: ratios within one run, against a server that does nothing.

    python benchmarks/export.py [--items N] [--large N] [--repeat N] [--only WORD] [--folder FOLDER]

Needs the packages of the group `test`, `awscli` and `curl`. Contestants take turns; each figure is that of
the best of some runs, which the rest of the machine disturbed least.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ITEM_BYTES = 500


@contextmanager
def serving(file: Path, items: int, latency: float = 0, bandwidth: float | None = None) -> Iterator[str]:
    """Serve a dataset of so many items; give the port."""
    command = [sys.executable, HERE / "server.py", file, "--items", str(items), "--latency", str(latency)]
    if bandwidth:
        command += ["--bandwidth", str(bandwidth)]
    with running(command) as server:
        assert server.stdout
        yield server.stdout.readline().strip()


@contextmanager
def running(command: list[Any]) -> Iterator[subprocess.Popen[str]]:
    """Run a server in a process of its own."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield server
    finally:
        server.terminate()
        server.wait()


@contextmanager
def local_s3() -> Iterator[str]:
    """Serve S3 from memory, with an empty bucket; give the URL."""
    script = (
        "from moto.server import ThreadedMotoServer as Server; import threading;"
        "server = Server('127.0.0.1', port=0, verbose=False); server.start();"
        "print(server.get_host_and_port()[1], flush=True); threading.Event().wait()"
    )
    with running([sys.executable, "-c", script]) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        import boto3

        boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        ).create_bucket(Bucket="benchmark")
        yield url


def measure(name: str, port: str, target: Path | str, s3_url: str = "") -> dict[str, float]:
    """Run a contestant."""
    if name != "aws_cli":
        Path(target).unlink(missing_ok=True)
    command = [sys.executable, HERE / "contestants.py", name, port, target, *([s3_url] if s3_url else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def race(repeat: int, *runners: tuple[Any, ...]) -> list[dict[str, float]]:
    """Run contestants in turns, some times; return the best run of each, which others disturbed least."""
    rounds = [[measure(*runner) for runner in runners] for _ in range(repeat)]
    return [min(runs, key=lambda run: run["seconds"]) for runs in zip(*rounds, strict=True)]


class Report:
    """Lines of figures, each with what was asked for."""

    def __init__(self) -> None:
        self.failed = False

    def ratio(self, title: str, ours: dict[str, float], theirs: dict[str, float], least: float) -> None:
        """Tell how many times faster than another contestant the provider is."""
        value = theirs["seconds"] / ours["seconds"]
        self._line(
            title,
            f"{ours['seconds']:.2f} s / {theirs['seconds']:.2f} s",
            f"{value:.2f}x",
            f">={least}x",
            value >= least,
        )

    def memory(self, title: str, ours: dict[str, float], most: float) -> None:
        """Tell how much memory the provider took."""
        value = ours["peak_mb"]
        self._line(title, f"{ours['seconds']:.2f} s", f"{value:.0f} MB", f"<={most:.0f} MB", value <= most)

    def _line(self, title: str, times: str, value: str, asked: str, good: bool) -> None:
        self.failed |= not good
        print(f"{title:<58} {times:>20} {value:>9} {asked:>9} {'ok' if good else 'MISSED'}", flush=True)


def main() -> None:
    """Run the races."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000, help="of 500 bytes each")
    parser.add_argument(
        "--large", type=int, default=4_000_000, help="items for the memory figures; twice that, too"
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="races whose title holds this word")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "apify-benchmark")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    report, items, repeat = Report(), arguments.items, arguments.repeat
    source, target = folder / f"{items}.jsonl", folder / "landed.jsonl"
    size = f"{items * ITEM_BYTES / 1e6:,.0f} MB"

    def wanted(title: str) -> bool:
        return arguments.only in title

    print(f"Export of {items:,} items, {size}: ours / the other's", flush=True)
    if wanted("latency"):
        with serving(source, items, latency=0.15) as port:
            ours, stream = race(repeat, ("provider_to_disk", port, target), ("official_stream", port, target))
            report.ratio("latency 150 ms: apify-client stream_items", ours, stream, 1)
            iterate = measure("official_iterate", port, target)
            report.ratio("latency 150 ms: apify-client iterate_items (1/10, scaled)", ours, iterate, 40)
    if wanted("bandwidth"):
        with serving(source, items, latency=0.15, bandwidth=20e6) as port:
            ours, stream = race(1, ("provider_to_disk", port, target), ("official_stream", port, target))
            report.ratio("bandwidth 20 MB/s a connection: stream_items", ours, stream, 6)
    if wanted("curl"):
        with serving(source, items) as port:
            ours, theirs = race(repeat, ("provider_to_disk", port, target), ("curl", port, target))
            report.ratio("no latency: curl", ours, theirs, 0.9)
    if wanted("s3"):
        with serving(source, items) as port, local_s3() as s3_url:
            ours, theirs = race(
                repeat,
                ("provider_to_s3", port, "landed.jsonl", s3_url),
                ("aws_cli", port, source, s3_url),
            )
            report.ratio("s3 (moto): aws s3 cp of the same file", ours, theirs, 0.8)
    if wanted("memory"):
        for large in (arguments.large, 2 * arguments.large):
            big = folder / "large.jsonl"
            size = f"{large * ITEM_BYTES / 1e9:.0f} GB"
            for line, settings in {
                "fast": {},
                "20 ms, 50 MB/s": {"latency": 0.02, "bandwidth": 50e6},
            }.items():
                with serving(big, large, **settings) as port:  # type: ignore[arg-type]
                    report.memory(
                        f"memory: {size} to disk, {line}", measure("provider_to_disk", port, target), 100
                    )
            with serving(big, large) as port, local_s3() as s3_url:
                ours = measure("provider_to_s3", port, "landed.jsonl", s3_url)
                report.memory(f"memory: {size} to s3", ours, 250)
            big.unlink()
    target.unlink(missing_ok=True)
    sys.exit(report.failed)


if __name__ == "__main__":
    main()
