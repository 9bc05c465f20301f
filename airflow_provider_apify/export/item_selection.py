"""Which rows of a dataset are wanted, and in which shape: the items parameters of Apify's API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.api.arguments import number
from airflow_provider_apify.api.errors import ApifyConfigurationError

Names = Sequence[str] | str | None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows of a dataset, oldest first, in the words of "Get dataset items" (API reference)."""

    offset: int = 0
    limit: int | None = None
    fields: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    unwind: tuple[str, ...] = ()
    flatten: tuple[str, ...] = ()
    clean: bool = False
    skip_hidden: bool = False
    skip_empty: bool = False
    view: str | None = None

    @property
    def one_row_per_item(self) -> bool:
        """Whether the number of rows says how many items were read; a view may filter and unwind, too."""
        return not (self.clean or self.skip_empty or self.unwind or self.view)

    @property
    def last(self) -> int | None:
        """Position after the last item that is wanted; None if that is the dataset's end."""
        return None if self.limit is None else self.offset + self.limit

    @property
    def shape(self) -> dict[str, Any]:
        """The API's parameters, but for `offset` and `limit`."""
        return {
            "fields": self.fields or None,
            "omit": self.omit or None,
            "unwind": self.unwind or None,
            "flatten": self.flatten or None,
            "clean": self.clean or None,
            "skipHidden": self.skip_hidden or None,
            "skipEmpty": self.skip_empty or None,
            "view": self.view or None,
        }


def select(
    *,
    offset: int | str | None = None,
    limit: int | str | None = None,
    fields: Names = None,
    omit: Names = None,
    unwind: Names = None,
    flatten: Names = None,
    **others: Any,
) -> Selection:
    """
    Make a selection from a user's arguments, in which templates may have left numbers and lists as text.

    :raises ApifyConfigurationError: if an argument is not a number, or not names of fields.
    """
    return Selection(
        offset=number("offset", offset, int) or 0,
        limit=number("limit", limit, int, least=1),
        fields=_names("fields", fields),
        omit=_names("omit", omit),
        unwind=_names("unwind", unwind),
        flatten=_names("flatten", flatten),
        **others,
    )


def _names(argument: str, names: Names) -> tuple[str, ...]:
    if isinstance(names, str):
        given = tuple(stripped for name in names.split(",") if (stripped := name.strip()))
    else:
        given = tuple(names or ())
    # The API takes names with commas between them; a list that was rendered to text would name nothing.
    if not all(isinstance(name, str) and name and "," not in name for name in given) or (
        isinstance(names, str) and names.strip().startswith("[")
    ):
        raise ApifyConfigurationError(
            f"`{argument}` must be a list of field names, or names with commas between them, got {names!r}; "
            "a name cannot hold a comma. In a template, use `| join(',')`. Nothing was read."
        )
    return given
