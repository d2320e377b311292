"""What a chart says, for people: rows beside the picture, and sentences."""

from itertools import islice

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN, async_rounded_state
from homeassistant.const import ATTR_DEVICE_CLASS, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_translate_state

from ...mime.chart import ChartRow, Mark
from ...mime.signs import signs_of
from ...texts import Texts
from .axes import HOUR, MINUTE
from .models import Amounts, Numbers, States, number_of

_MOST_DECIMALS = 2
_LONG = 1e9
_MOST_STATES = 8
"""Of a row: what was only for a moment is seen, and not listed."""

type Said = tuple[ChartRow, str]
"""A row, and the same as a sentence."""


@callback
def said_of_numbers(
    hass: HomeAssistant, state: State, numbers: Numbers, colour: str, texts: Texts
) -> Said:
    """Say what a number is, and what it was."""
    now = state.state
    if number_of(now) is not None and state.domain == SENSOR_DOMAIN:
        now = async_rounded_state(hass, state.entity_id, state)
    if now != state.state:
        decimals = _decimals(now)
    else:
        shown = (now, f"{numbers.lowest:g}", f"{numbers.highest:g}")
        decimals = min(max(map(_decimals, shown)), _MOST_DECIMALS)
    number = number_of(now)
    now = (
        _state_text(hass, state, now, texts)
        if number is None
        else _rounded(number, decimals)
    )
    lowest, highest, mean = (
        _rounded(value, decimals)
        for value in (numbers.lowest, numbers.highest, numbers.mean)
    )
    row = ChartRow(name=state.name, colour=colour, values=(now, lowest, highest, mean))
    return row, texts(
        "chart_numbers",
        name=state.name,
        now=now,
        lowest=lowest,
        highest=highest,
        mean=mean,
    )


@callback
def said_of_amounts(state: State, amounts: Amounts, colour: str, texts: Texts) -> Said:
    """Say how much was used."""
    known = [value for value in amounts.values if value is not None]
    total, mean, highest = (
        _short(value) for value in (sum(known), sum(known) / len(known), max(known))
    )
    row = ChartRow(name=state.name, colour=colour, values=(total, mean, highest))
    return row, texts(
        "chart_amounts", name=state.name, total=total, mean=mean, highest=highest
    )


@callback
def said_of_states(
    hass: HomeAssistant,
    state: State,
    states: States,
    colours: dict[str, str],
    texts: Texts,
) -> Said:
    """Say how long each state was."""
    marks = tuple(
        Mark(
            colours[text],
            f"{_state_text(hass, state, text, texts)} {_duration(seconds, texts)}",
        )
        for text, seconds in islice(states.lasted.items(), _MOST_STATES)
    )
    signs = signs_of(hass.config.language)
    said = signs.comma.join(mark.text for mark in marks)
    return ChartRow(name=state.name, marks=marks), signs.said(state.name, said)


def _state_text(hass: HomeAssistant, state: State, text: str, texts: Texts) -> str:
    """Return what a state is called in the reader's language."""
    if text in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        return texts(f"card_{text}")
    registered = er.async_get(hass).async_get(state.entity_id)
    return async_translate_state(
        hass,
        text,
        state.domain,
        registered.platform if registered else None,
        registered.translation_key if registered else None,
        state.attributes.get(ATTR_DEVICE_CLASS),
    )


def _decimals(text: str) -> int:
    return len(text.partition(".")[2]) if "e" not in text.lower() else 0


def _rounded(number: float, decimals: int) -> str:
    """Return a number as its sensor shows it; very long ones are cut."""
    return f"{number:z.{decimals}f}" if abs(number) < _LONG else f"{number:.4g}"


def _short(number: float) -> str:
    """Return an amount with three digits, if it has as many."""
    for limit, decimals in ((100, 0), (10, 1)):
        if abs(number) >= limit:
            return _rounded(number, decimals)
    return _rounded(number, _MOST_DECIMALS)


def _duration(seconds: float, texts: Texts) -> str:
    """Return a time in its two largest units; nobody says 12 hours and 0 minutes."""
    minutes = round(seconds / MINUTE)
    if not minutes:
        return texts("chart_minutes", minutes="<1")
    hours, minutes = divmod(minutes, HOUR // MINUTE)
    days, hours = divmod(hours, 24)
    units = (
        (days, texts("chart_days", days=str(days))),
        (hours, texts("chart_hours", hours=str(hours))),
        (minutes, texts("chart_minutes", minutes=str(minutes))),
    )
    largest = 0 if days else 1
    return " ".join(text for number, text in units[largest : largest + 2] if number)
