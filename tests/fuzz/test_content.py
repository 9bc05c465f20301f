"""Strangers write items, keys, logs and status messages: whatever they write goes through every format."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_apify.emulator import Emulator
from airflow_provider_apify.emulator.platform.key_value_stores import Record
from airflow_provider_apify.operators.run import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_local import DatasetToLocalOperator
from airflow_provider_apify.transfers.key_value_store import KeyValueStoreToLocalOperator
from tests.fuzz.conftest import Watch, assert_plain, fuzzed
from tests.support.task_context import TaskTries

FORMATS = ["jsonl", "jsonl.gz", "json", "csv", "parquet", "xlsx", "xml", "html", "rss"]
TEXTS = st.text(max_size=20) | st.sampled_from(
    [
        *(
            "=1+1",
            "@SUM(A1)",
            "\x00",
            "\r",
            "\x1b[2K\r",
            "\x1b]0;title\x07",
            "\u202egpj.exe",
            "\u2028",
            "\ud83d",
        ),
        *("::group::more", "::endgroup::", "x\n::endgroup::\n", "%s%n", "{{ conn.a.password }}", "a" * 3000),
    ]
)
NAMES = TEXTS | st.sampled_from(
    ["__type", "__var", "__classname__", "__id__", "../../up", "a/b", "", ".", "NaN"]
)
SCALARS = st.none() | st.booleans() | TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
PLAIN_ROWS = st.dictionaries(NAMES, VALUES, max_size=4).map(json.dumps)
# By name, as hypothesis writes examples out.
SPECIAL_ROWS = {
    "deep": '{"deep":' * 300 + "1" + "}" * 300,
    "half deep": '{"deep":' + "[" * 300 + "]" * 300 + "}",
    "long array": json.dumps({"wide": list(range(2500))}),
    "many names": json.dumps({f"name{n}": n for n in range(2500)}),
    "a name twice": '{"twice":1,"twice":2}',
    "a long number": '{"n":' + "9" * 4000 + "}",
    "infinity": '{"n":1e999}',
}
ROWS = PLAIN_ROWS | st.sampled_from(sorted(SPECIAL_ROWS))


def actor(emulator: Emulator, rows: list[str], text: str, output: Any) -> None:
    """Register the Actor that leaves all of this."""

    @emulator.actor("emulator/stranger")
    def stranger(actor: Any) -> None:
        actor.log(text)
        actor.set_status_message(text)
        actor.push_data([json.loads(row.replace("\\\\ud83d", "")) for row in rows])
        actor.set_value("OUTPUT", json.dumps(output).encode(), content_type="application/json")
        if "%" in text:
            raise RuntimeError(text)


@fuzzed
@given(
    rows=st.lists(ROWS, max_size=6),
    format_name=st.sampled_from(FORMATS),
    parts=st.booleans(),
)
@pytest.mark.usefixtures("server")
def test_any_items_go_into_any_format(
    fast_clock: Emulator, watch: Watch, rows: list[str], format_name: str, parts: bool
) -> None:
    lines = "".join(f"{SPECIAL_ROWS.get(row, row)}\n" for row in rows)
    dataset_id = fast_clock.create_dataset(lines.encode())
    path = str(watch.out / f"items.{format_name}")
    operator = DatasetToLocalOperator(
        task_id="land", dataset_id=dataset_id, path=path, rows_per_file=2 if parts else None, concurrency=2
    )
    with watch.over():
        assert_plain(operator.execute({}))


@fuzzed
@given(keys=st.lists(NAMES.filter(bool), max_size=5, unique=True), value=TEXTS)
@pytest.mark.usefixtures("server")
def test_records_of_any_key_land_in_the_folder(
    fast_clock: Emulator, watch: Watch, keys: list[str], value: str
) -> None:
    record = Record(value.encode(errors="surrogatepass"), "text/plain")
    store_id = fast_clock.create_key_value_store()
    fast_clock.platform.stores[store_id].records.update(dict.fromkeys(keys, record))
    operator = KeyValueStoreToLocalOperator(task_id="land", key_value_store_id=store_id, path=str(watch.out))
    with watch.over():
        try:
            result = operator.execute({})
        finally:
            # After an error, what is on its way still arrives.
            for thread in threading.enumerate():
                if thread.name.startswith("apify-export"):
                    thread.join()
        assert_plain(result)
        assert result["files"] == len(keys)
        assert len(list(watch.out.iterdir())) == len(keys) + 1


@fuzzed
@given(
    rows=st.lists(PLAIN_ROWS, max_size=3),
    text=TEXTS,
    output=VALUES,
    returns=st.sampled_from(["run", "items", "output"]),
    actor_log=st.sampled_from(["tail", "full"]),
)
@pytest.mark.usefixtures("server")
def test_any_run_becomes_plain_xcoms_and_readable_logs(
    fast_clock: Emulator, watch: Watch, rows: Any, text: str, output: Any, returns: Any, actor_log: Any
) -> None:
    actor(fast_clock, rows, text, output)
    operator = RunActorOperator(
        task_id="run",
        actor_id="emulator/stranger",
        wait_for_completion=True,
        returns=returns,
        actor_log=actor_log,
    )
    tries = TaskTries()
    with watch.over():
        try:
            assert_plain(operator.execute(tries.context))
        finally:
            assert_plain(tries.ti.xcoms)
