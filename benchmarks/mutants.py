"""
How many of the small faults put into the code the fast tests notice.

    python -m benchmarks.mutants [--seed 1] [--sample 100] [FILE …]

A fault is a comparison or a condition turned, a call or an option dropped, a number off by one, a default
flipped. Texts are left as they are, and so is what could only crash. Each fault is put into a copy of the
project, and the tests that come by there are run in a fork of this process, which has imported the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import libcst as cst
import pytest
from coverage import CoverageData
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "airflow_provider_apify"
OPTIONS = ["-m", "not slow", "--quiet", "-p", "no:cacheprovider"]
FAST_TESTS = ["tests/unit", "tests/transfers", *OPTIONS]
# Which tests come by at which line, and how long each takes; made anew when a file is newer.
MAP = ROOT / ".mutants.json"
# Of the tests that come by the quickest are run, for so many seconds.
MOST_SECONDS = 60.0
# Per cent to be noticed where a fault costs money or rows, and elsewhere.
LEAST = {"promises": 95, "elsewhere": 85}
PROMISES = (
    *("runs/*start*", "runs/find_*", "runs/*wait.py", "runs/stop_*", "runs/outage_*", "runs/abort_*"),
    *("runs/not_yet_*", "operators/run.py", "operators/wait_*", "operators/existing_*", "triggers/run.py"),
    *("sensors/run.py", "api/http_client.py", "api/retry.py", "api/answer_*", "api/flow.py"),
    *("api/actor_run.py", "api/run_options.py", "api/arguments.py", "transfers/base.py"),
    *("export/dataset.py", "export/parallel_*", "export/item_ranges.py", "export/item_pages.py"),
    *("export/first_*", "export/parts_*", "export/stores/*"),
)
# Of mutmut's faults, texts and those that would mostly crash.
LEFT_OUT = ("string", "assignment", "arg_removal", "dict_arguments", "lambda")


@dataclass(frozen=True)
class Mutant:
    """One fault in one file."""

    path: str
    # None outside of functions.
    lines: range | None
    module: Any
    node: cst.CSTNode
    changed: cst.CSTNode
    line: int

    def __str__(self) -> str:
        before, after = (" ".join(self.module.code_for_node(n).split()) for n in (self.node, self.changed))
        return f"{self.path}:{self.line}: {before[:120]}  ->  {after[:120]}"


def _negate(node: Any) -> Iterator[cst.CSTNode]:
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


def _drop_call(node: Any) -> Iterator[cst.CSTNode]:
    if isinstance(node.value, cst.Call | cst.Await):
        yield node.with_changes(value=cst.Ellipsis())


def _drop_option(node: Any) -> Iterator[cst.CSTNode]:
    for dropped in node.args:
        if dropped.keyword:
            yield node.with_changes(args=[one for one in node.args if one is not dropped])


OPERATORS: list[Any] = [
    *(pair for pair in mutation_operators if pair[1].__name__.removeprefix("operator_") not in LEFT_OUT),
    ((cst.If, cst.While, cst.CompIf), _negate),
    (cst.Expr, _drop_call),
    (cst.Call, _drop_option),
]


def mutants_of(path: str) -> Iterator[Mutant]:
    """Give all faults of a file."""
    wrapper = MetadataWrapper(cst.parse_module((ROOT / path).read_text()))
    parents = wrapper.resolve(ParentNodeProvider)
    for node, place in wrapper.resolve(PositionProvider).items():
        around = [node]
        while parent := parents.get(around[-1]):
            around.append(parent)
        if any(map(_is_for_mypy, around)):
            continue
        bodies = (
            isinstance(b, cst.FunctionDef) and isinstance(a, cst.IndentedBlock) for a, b in pairwise(around)
        )
        lines = range(place.start.line, place.end.line + 1) if any(bodies) else None
        for kind, operator in OPERATORS:
            for changed in operator(node) if isinstance(node, kind) else ():
                yield Mutant(path, lines, wrapper.module, node, changed, place.start.line)


def _is_for_mypy(node: cst.CSTNode) -> bool:
    called = node.func if isinstance(node, cst.Call) else node.test if isinstance(node, cst.If) else None
    return isinstance(node, cst.Annotation | cst.ImportFrom | cst.Decorator) or (
        isinstance(called, cst.Name) and called.value in ("cast", "TypeVar", "TYPE_CHECKING")
    )


class _Durations:
    """A plugin of pytest: takes the time of each test."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


class _Chosen:
    """A plugin of pytest: runs some tests, in their order; not all of their names may be arguments."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        by_name = {item.nodeid: item for item in items}
        # A name may hold bytes that are made anew each time.
        items[:] = [by_name[name] for name in self.names if name in by_name]


class Tests:
    """The fast tests, run in forks in a copy of the project."""

    def __init__(self, copy: Path) -> None:
        self.copy = copy
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        os.chdir(copy)
        sys.path[0] = os.environ["PYTHONPATH"] = str(copy)
        newest = max(
            file.stat().st_mtime for top in (PACKAGE, "tests") for file in (ROOT / top).rglob("*.py")
        )
        if not MAP.exists() or MAP.stat().st_mtime < newest:
            print("Seeing which tests come by where.", flush=True)
            if _fork(self._make_map, 3600.0):
                sys.exit("The tests fail without any fault.")
        told = json.loads(MAP.read_text())
        self.seconds: dict[str, float] = told["seconds"]
        self.by_line: dict[str, dict[str, list[str]]] = told["by_line"]
        pytest.main([*FAST_TESTS, "--collect-only", "-qq"])

    def _make_map(self) -> int:
        durations = _Durations()
        told = pytest.main([*FAST_TESTS, "--cov", "--cov-context=test", "--cov-report="], plugins=[durations])
        data = CoverageData(".coverage")
        data.read()
        by_line = {
            str(Path(file).relative_to(self.copy)): {
                line: sorted({context.rpartition("|")[0] for context in contexts} - {""})
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        MAP.write_text(json.dumps({"seconds": durations.seconds, "by_line": by_line}))
        return told

    def notice(self, mutant: Mutant) -> bool:
        """Tell whether a test fails, or hangs, with this fault."""
        by_line = self.by_line.get(mutant.path, {})
        lines = by_line if mutant.lines is None else map(str, mutant.lines)
        tests = {test for line in lines for test in by_line.get(line, ())}
        if mutant.lines is None:
            # What is done on import may be looked at without a call, mostly by tests that take no time.
            tests |= {test for test, took in self.seconds.items() if took < 0.02}
        chosen, seconds = [], 0.0
        for test in sorted(tests, key=self.seconds.__getitem__):
            if seconds < MOST_SECONDS:
                chosen.append(test)
                seconds += self.seconds[test]
        file = self.copy / mutant.path
        before = file.read_text()
        file.write_text(mutant.module.deep_replace(mutant.node, mutant.changed).code)
        try:
            files = {test.partition("::")[0] for test in chosen}
            run = partial(pytest.main, [*OPTIONS, "-x", *files], plugins=[_Chosen(chosen)])
            return bool(chosen) and _fork(run, 20 + 3 * seconds) not in (
                0,
                pytest.ExitCode.NO_TESTS_COLLECTED,
            )
        finally:
            file.write_text(before)


def _fork(run: Callable[[], int], most_seconds: float) -> int:
    """Run something in a process group of its own, silently, and return its exit code."""
    pid = os.fork()
    if not pid:
        os.setsid()
        for output in (1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), output)
        # A pyc would hide a fault that comes within a second of its file.
        sys.dont_write_bytecode = True
        for name in [name for name in sys.modules if name.split(".")[0] in (PACKAGE, "tests")]:
            del sys.modules[name]
        os._exit(run())
    until = time.monotonic() + most_seconds
    ended = status = 0
    while not ended and time.monotonic() < until:
        time.sleep(0.05)
        ended, status = os.waitpid(pid, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status if ended else os.waitpid(pid, 0)[1])


def main() -> None:
    """Draw faults, and tell which ones nobody noticed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=100, help="how many faults of each kind of file")
    parser.add_argument("files", nargs="*", help="files under airflow_provider_apify; all by default")
    asked = parser.parse_args()
    kinds: dict[str, list[Mutant]] = {"promises": [], "elsewhere": []}
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        name = str(file.relative_to(ROOT / PACKAGE))
        if name in asked.files or not (asked.files or name.startswith("emulator/")):
            kind = "promises" if any(fnmatch(name, pattern) for pattern in PROMISES) else "elsewhere"
            kinds[kind] += mutants_of(f"{PACKAGE}/{name}")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        tests = Tests(Path(folder) / "copy")
        for kind, mutants in kinds.items():
            drawn = random.Random(asked.seed).sample(mutants, min(asked.sample, len(mutants)))
            unnoticed = 0
            for mutant in drawn:
                if not tests.notice(mutant):
                    unnoticed += 1
                    print(f"unnoticed: {mutant}", flush=True)
            if drawn:
                score = 100 * (1 - unnoticed / len(drawn))
                missed |= score < LEAST[kind]
                print(f"{kind}: {score:.0f} % of {len(drawn)} noticed (>={LEAST[kind]} %)", flush=True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
