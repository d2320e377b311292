"""States as people read them: in the house's language, zone and way of writing.

Also those of the entities that a call names, as rows of a card.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
import re
from typing import Any

from homeassistant.components.sensor import DOMAIN as SENSOR_DOMAIN, async_rounded_state
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_ENTITY_ID,
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import HomeAssistant, State, callback, split_entity_id
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import (
    SelectedEntities,
    TargetSelection,
    async_extract_referenced_entity_ids,
)
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from ..mime.card import Row
from ..texts import Texts, time_of
from .errors import field_error
from .reading import EXCLUDE, TARGET_KEYS, Ids

# Not all that Python takes for a time: 20261123 may as well be a meter reading.
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
)
_DATE_LENGTH = len("2026-11-23")
_FULL_MINUTE = re.compile(r"\d\d:\d\d:00")
# Elsewhere 00:05:00 may be how long something takes.
_CLOCK_DOMAINS = ("input_datetime", "time")


@dataclass(frozen=True, slots=True)
class StateTexts:
    """Writes the states of entities for one mail; call it."""

    hass: HomeAssistant
    words: Mapping[str, str]
    """Home Assistant's translations of states, by their keys."""
    now: datetime
    """When the mail was made; a time of the same day is written without its day."""
    texts: Texts

    @callback
    def __call__(self, state: State, value: str) -> str:
        """Return a state of an entity, its own or an earlier one, as a text."""
        if value in (STATE_UNAVAILABLE, STATE_UNKNOWN):
            return self.texts(f"card_{value}")
        if state.domain in _CLOCK_DOMAINS and _FULL_MINUTE.fullmatch(value):
            return value.removesuffix(":00")
        if _TIME.fullmatch(value):
            return self._time(value)
        return self._word(state, value)

    def _time(self, value: str) -> str:
        try:
            time = dt_util.as_local(datetime.fromisoformat(value))
        except ValueError, OverflowError:
            # February 30, or the first day of year 1 in a zone where it is still
            # year 0.
            return value
        if len(value) > _DATE_LENGTH:
            return time_of(time, self.now)
        same_year = time.year == dt_util.as_local(self.now).year
        return f"{time:%m-%d}" if same_year else value

    def _word(self, state: State, value: str) -> str:
        """Return a state's translation, looked up as Home Assistant does."""
        domain = state.domain
        device_class = state.attributes.get(ATTR_DEVICE_CLASS)
        keys = [
            f"component.{domain}.entity_component.{device_class}.state.{value}",
            f"component.{domain}.entity_component._.state.{value}",
        ]
        if entry := er.async_get(self.hass).async_get(state.entity_id):
            entity = f"{entry.platform}.entity.{domain}.{entry.translation_key}"
            keys.insert(0, f"component.{entity}.state.{value}")
        return next((self.words[key] for key in keys if key in self.words), value)


async def async_state_texts(
    hass: HomeAssistant, entity_ids: Iterable[str], now: datetime, texts: Texts
) -> StateTexts:
    """Return the texts for the states of these entities.

    Home Assistant has not loaded all translations right after a start or a change of
    the language, so those that are missing are read from disk.
    """
    registry = er.async_get(hass)
    components: set[str] = set()
    for entity_id in entity_ids:
        components.add(split_entity_id(entity_id)[0])
        if entry := registry.async_get(entity_id):
            components.add(entry.platform)
    # Home Assistant warns of those that it does not know.
    components &= hass.config.components
    words: dict[str, str] = {}
    for category in ("entity_component", "entity"):
        words |= await async_get_translations(
            hass, hass.config.language, category, components
        )
    return StateTexts(hass, words, now, texts)


async def async_rows(
    hass: HomeAssistant, target: Mapping[str, Any], now: datetime, texts: Texts
) -> tuple[tuple[Row, ...], list[HomeAssistantError]]:
    """Return a row for each entity, and notes on what is gone or empty."""
    if not target:
        return (), []
    ids = {kind: some for kind, some in target.items() if kind != EXCLUDE}
    excluded = _found(hass, target.get(EXCLUDE, {}))
    # In the order in which they were named; an area has none.
    named = [
        one for one in dict.fromkeys(ids.get(ATTR_ENTITY_ID, ())) if one not in excluded
    ]
    entity_ids = named + sorted(_found(hass, ids) - excluded - set(named))
    state_texts = await async_state_texts(hass, entity_ids, now, texts)
    rows: list[Row] = []
    notes: list[HomeAssistantError] = []
    for entity_id in entity_ids:
        if state := hass.states.get(entity_id):
            rows.append(_row(hass, state, state_texts))
        elif entity_id in named:
            notes.append(field_error("entity_not_found", entity=entity_id))
    notes += async_not_found(
        hass,
        ids,
        "entities",
        lambda some: bool(_selected(hass, some).indirectly_referenced),
    )
    for entity_id in ids.get(ATTR_ENTITY_ID, ()):
        state = hass.states.get(entity_id)
        # A group without members.
        if state and state.attributes.get(ATTR_ENTITY_ID) in ([], ()):
            notes.append(empty(f"entities.{ATTR_ENTITY_ID}", entity_id))
    return tuple(rows), notes


@callback
def async_not_found(
    hass: HomeAssistant, target: Ids, field: str, holds: Callable[[Ids], bool]
) -> list[ServiceValidationError]:
    """Return notes on areas, floors, labels and devices that are gone or empty.

    `holds` tells whether a part of the target holds anything.
    """
    found: list[ServiceValidationError] = []
    for kind in (key for key in TARGET_KEYS if key != ATTR_ENTITY_ID):
        for one in target.get(kind, []):
            selected = _selected(hass, {kind: [one]})
            if (
                selected.missing_areas
                or selected.missing_devices
                or selected.missing_floors
                or selected.missing_labels
            ):
                found.append(
                    field_error("target_not_found", field=f"{field}.{kind}", value=one)
                )
            elif not holds({kind: [one]}):
                found.append(empty(f"{field}.{kind}", one))
    return found


def empty(field: str, value: str) -> ServiceValidationError:
    """Return the note on an area, a group or the like that holds nothing."""
    return field_error("target_empty", field=field, value=value)


def _selected(hass: HomeAssistant, ids: Ids) -> SelectedEntities:
    return async_extract_referenced_entity_ids(hass, TargetSelection({**ids}))


def _found(hass: HomeAssistant, ids: Ids) -> set[str]:
    """Return every entity in a target, in groups, areas and so on."""
    selected = _selected(hass, ids)
    return selected.referenced | selected.indirectly_referenced


@callback
def _row(hass: HomeAssistant, state: State, state_texts: StateTexts) -> Row:
    value = state.state
    if state.domain == SENSOR_DOMAIN:
        value = async_rounded_state(hass, state.entity_id, state)
    text = state_texts(state, value)
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    if unit and value not in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        text = f"{text} {unit}"
    return Row(state.name, text, time_of(state.last_changed, state_texts.now))
