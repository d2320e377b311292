"""Reading what a call says of its charts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ...const import MAX_CHARTED, MAX_CHARTS
from ..errors import field_error
from ..reading import (
    Notes,
    Reader,
    as_list,
    is_empty,
    note_unknown,
    period_of,
    read_fields,
    read_ids,
    read_line,
    unusable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRequest:
    """What a call wants in one chart."""

    entities: tuple[str, ...]
    period: timedelta = timedelta(days=1)
    """How far back from now the chart begins."""
    title: str = ""


def read_charts(value: Any, name: str, notes: Notes) -> tuple[ChartRequest, ...]:
    """Read one chart or a list of them; a fault in one does not concern the others."""
    found = tuple(
        chart for item in as_list(value) if (chart := _chart(item, name, notes))
    )
    if len(found) > MAX_CHARTS:
        notes.append(field_error("chart_too_many", number=str(MAX_CHARTS)))
    return found[:MAX_CHARTS]


def _chart(item: Any, name: str, notes: Notes) -> ChartRequest | None:
    """Read one chart; return None, with a note, where it names no entity."""
    if isinstance(item, str):
        item = {"entities": item}
    if not isinstance(item, Mapping):
        notes.append(unusable(name, item, "chart_entities"))
        return None
    note_unknown(item, _READERS, notes, "unknown_field_of_chart")
    if is_empty(item.get("entities")):
        notes.append(unusable(name, item, "chart_entities"))
        return None
    values = read_fields(item, _READERS, notes, f"{name}.")
    return ChartRequest(**values) if values["entities"] else None


def _entities(value: Any, name: str, notes: Notes) -> tuple[str, ...]:
    ids = read_ids({"entity_id": value}, notes, name, "chart_entities")
    found = list(dict.fromkeys(ids.get("entity_id", [])))
    if len(found) > MAX_CHARTED:
        notes.append(field_error("chart_too_long", number=str(MAX_CHARTED)))
    return tuple(found[:MAX_CHARTED])


_READERS: dict[str, Reader] = {
    "entities": _entities,
    "period": period_of(timedelta(hours=1), timedelta(days=31), "invalid_period"),
    "title": read_line,
}
