"""What belongs into one picture, in which colours, and what is said of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from homeassistant.components.sensor import (
    ATTR_STATE_CLASS,
    DOMAIN as SENSOR_DOMAIN,
    SensorStateClass,
)
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, State, callback

from ...texts import Texts
from .axes import caption
from .models import (
    Amounts,
    BarGroups,
    Bars,
    Kind,
    Line,
    Lines,
    Numbers,
    Plot,
    Recorded,
    Span,
    States,
    Stretch,
    Timeline,
)
from .words import Said, said_of_amounts, said_of_numbers, said_of_states

_NUMBER_DOMAINS = ("counter", "input_number", "number")
_AMOUNTS = (SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING)

COLOURS = (
    *("#0072b2", "#d55e00", "#6a1040", "#10a080"),
    *("#705000", "#3090f0", "#2a2a98", "#8a5078"),
)
"""Seen on the ground of a chart, and told apart by colour-blind people: the first two
are Okabe's and Ito's, and of the others the first are the most different."""
AT_REST = "#9aa7b3"
_REST = (
    *("off", "closed", "idle", "not_home", "standby", "locked", "docked"),
    *("disarmed", "below_horizon"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A chart that only has to be drawn."""

    plot: Plot
    span: Span
    caption: str
    columns: tuple[str, ...]
    said: tuple[Said, ...]


def kind_of(state: State) -> Kind:
    """Return what an entity shows, as Home Assistant's own charts see it."""
    state_class = state.attributes.get(ATTR_STATE_CLASS)
    if state.domain == SENSOR_DOMAIN and state_class in _AMOUNTS:
        return Kind.AMOUNT
    if (
        state_class is not None
        or ATTR_UNIT_OF_MEASUREMENT in state.attributes
        or state.domain in _NUMBER_DOMAINS
    ):
        return Kind.NUMBER
    return Kind.STATE


@callback
def plans(
    hass: HomeAssistant,
    states: Mapping[str, State],
    recorded: Mapping[str, Recorded],
    span: Span,
    accent: str,
    texts: Texts,
) -> list[Plan]:
    """Return a chart for each unit, in the order in which the entities were named."""
    numbers: dict[str, list[tuple[State, Numbers]]] = {}
    amounts: dict[str, list[tuple[State, Amounts]]] = {}
    timelines: list[tuple[State, States]] = []
    order: dict[tuple[Kind, str], None] = {}
    for entity_id, state in states.items():
        unit = str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, ""))
        match recorded.get(entity_id):
            case Numbers() as found:
                numbers.setdefault(unit, []).append((state, found))
                order[Kind.NUMBER, unit] = None
            case Amounts() as found:
                amounts.setdefault(unit, []).append((state, found))
                order[Kind.AMOUNT, unit] = None
            case States() as found:
                timelines.append((state, found))
                order[Kind.STATE, ""] = None
    result: list[Plan] = []
    for kind, unit in order:
        match kind:
            case Kind.NUMBER:
                plan = _of_numbers(hass, numbers[unit], unit, span, accent, texts)
            case Kind.AMOUNT:
                plan = _of_amounts(amounts[unit], unit, accent, texts)
            case _:
                plan = _of_states(hass, timelines, span, accent, texts)
        result.append(plan)
    return result


def _of_numbers(
    hass: HomeAssistant,
    group: list[tuple[State, Numbers]],
    unit: str,
    span: Span,
    accent: str,
    texts: Texts,
) -> Plan:
    colours = _colours(len(group), accent)
    lines = tuple(
        Line(colour, numbers.points, numbers.held)
        for (_, numbers), colour in zip(group, colours, strict=True)
    )
    columns = (
        texts("chart_now"),
        texts("chart_lowest"),
        texts("chart_highest"),
        texts("chart_mean"),
    )
    return Plan(
        Lines(lines),
        span,
        _joined(caption(span), unit),
        columns,
        tuple(
            said_of_numbers(hass, state, numbers, colour, texts)
            for (state, numbers), colour in zip(group, colours, strict=True)
        ),
    )


def _of_amounts(
    group: list[tuple[State, Amounts]], unit: str, accent: str, texts: Texts
) -> Plan:
    colours = _colours(len(group), accent)
    first = group[0][1]
    bars = tuple(
        Bars(colour, amounts.values)
        for (_, amounts), colour in zip(group, colours, strict=True)
    )
    per = texts("chart_daily") if first.daily else texts("chart_hourly")
    columns = (texts("chart_total"), texts("chart_mean"), texts("chart_highest"))
    return Plan(
        BarGroups(first.edges, bars, first.daily),
        first.span,
        _joined(caption(first.span, daily=first.daily), unit, per),
        columns,
        tuple(
            said_of_amounts(state, amounts, colour, texts)
            for (state, amounts), colour in zip(group, colours, strict=True)
        ),
    )


def _of_states(
    hass: HomeAssistant,
    group: list[tuple[State, States]],
    span: Span,
    accent: str,
    texts: Texts,
) -> Plan:
    lasted: Counter[str] = Counter()
    for _, states in group:
        lasted.update({text: round(time) for text, time in states.lasted.items()})
    active = [text for text, _ in lasted.most_common() if text not in _REST]
    colours = dict.fromkeys(lasted, AT_REST)
    palette = _colours(len(active), accent)
    # Of more states than colours, those that lasted shortest have the last.
    last = palette[-1] if palette else AT_REST
    for place, text in enumerate(active):
        colours[text] = palette[place] if place < len(palette) else last
    rows = tuple(
        tuple(
            Stretch(start, end, colours.get(text, last))
            for start, end, text in states.stretches
        )
        for _, states in group
    )
    return Plan(
        Timeline(rows),
        span,
        caption(span),
        (),
        tuple(
            said_of_states(hass, state, states, colours, texts)
            for state, states in group
        ),
    )


def _colours(number: int, accent: str) -> tuple[str, ...]:
    """Return the card's own colour for one alone: beside others it may be alike."""
    return (accent,) if number == 1 else COLOURS[:number]


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))
