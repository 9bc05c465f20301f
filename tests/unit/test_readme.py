"""What the README tells people to copy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

README = (Path(__file__).parents[2] / "README.md").read_text()
pytestmark = pytest.mark.skipif(airflow_version < "3", reason="the README shows DAGs as of Airflow 3")

SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", SNIPPETS, ids=lambda code: re.findall(r'DAG\("(\w+)"', code)[0])
def test_every_dag_of_the_readme_parses(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


def test_every_class_of_the_readme_is_there() -> None:
    table = README.partition("| class | in | does |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        names, modules, _ = (re.findall(r"`([\w.…]+)`", cell) for cell in row.strip("|").split("|"))
        if modules:
            paths = {module.replace("…", "transfers.dataset_to") for module in modules}
            found = set().union(
                *(vars(__import__(f"airflow_provider_apify.{p}", fromlist=["_"])) for p in paths)
            )
            assert set(names) <= found


def test_every_file_that_the_architecture_names_is_there() -> None:
    root = Path(__file__).parents[2]
    named = set(re.findall(r"`([\w/]+\.py)`", (root / "docs" / "architecture.md").read_text()))
    assert len(named) > 10
    packages = [root, root / "airflow_provider_apify", root / "airflow_provider_apify" / "export" / "formats"]
    assert [name for name in named if not any((folder / name).exists() for folder in packages)] == []
