"""Which rows of a dataset are wanted, and in which shape: the items parameters of Apify's API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.arguments import flags, listed, number, text
from airflow_provider_apify.api.errors import ApifyConfigurationError

Names = Sequence[str] | str | None


@dataclass(frozen=True)
class Selection:
    """Rows of a dataset, oldest first; `shape` has all other parameters of "Get dataset items"."""

    offset: int
    limit: int | None
    shape: dict[str, Any]

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that are wanted, in this order; empty for all."""
        return self.shape["fields"] or ()

    @property
    def one_row_per_item(self) -> bool:
        """Whether the number of rows says how many items were read; a view may filter and unwind, too."""
        return not any(self.shape[name] for name in ("clean", "skipEmpty", "unwind", "view"))

    @property
    def last(self) -> int | None:
        """Position after the last item that is wanted; None if that is the dataset's end."""
        return None if self.limit is None else self.offset + self.limit


def select(
    *,
    offset: int | str | None = None,
    limit: int | str | None = None,
    fields: Names = None,
    omit: Names = None,
    unwind: Names = None,
    flatten: Names = None,
    clean: bool = False,
    skip_hidden: bool = False,
    skip_empty: bool = False,
    view: str | None = None,
) -> Selection:
    """Make a selection of a user's arguments; templates may have left numbers and lists as text."""
    names = {"fields": fields, "omit": omit, "unwind": unwind, "flatten": flatten}
    flags(clean=clean, skip_hidden=skip_hidden, skip_empty=skip_empty)
    others = {"clean": clean, "skipHidden": skip_hidden, "skipEmpty": skip_empty, "view": text("view", view)}
    return Selection(
        offset=number("offset", offset, int) or 0,
        limit=number("limit", limit, int, least=1),
        shape={
            **{argument: _names(argument, given) or None for argument, given in names.items()},
            **{argument: given or None for argument, given in others.items()},
        },
    )


def _names(argument: str, names: Names) -> tuple[str, ...]:
    if isinstance(names, str):
        given = tuple(stripped for name in names.split(",") if (stripped := name.strip()))
    else:
        given = listed(argument, names, "a list of field names")
    # The API takes names with commas between them; a list that was rendered to text would name nothing.
    if not all(isinstance(name, str) and name and "," not in name for name in given) or (
        isinstance(names, str) and names.strip().startswith("[")
    ):
        raise ApifyConfigurationError(
            f"`{argument}` must be a list of field names, or names with commas between them, got {names!r}; "
            "a name cannot hold a comma. In a template, use `| join(',')`. Nothing was read."
        )
    return given
