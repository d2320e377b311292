"""Entities as rows of a card: names, states and times as people read them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import (
    DOMAIN as SENSOR_DOMAIN,
    SensorDeviceClass,
    async_rounded_state,
)
from homeassistant.const import (
    ATTR_DEVICE_CLASS,
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
)
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)
from homeassistant.helpers.translation import async_translate_state
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..mime.card import Row
from ..texts import Texts
from .fields import EXCLUDE


@callback
def async_rows(
    hass: HomeAssistant, target: Mapping[str, Any], now: datetime, texts: Texts
) -> tuple[tuple[Row, ...], list[HomeAssistantError]]:
    """Return a row for each entity, and an error for each one that does not exist."""
    if not target:
        return (), []
    excluded = _found(hass, target.get(EXCLUDE, {}))
    # In the order in which they were named; an area has none.
    named = [
        one for one in dict.fromkeys(target.get("entity_id", ())) if one not in excluded
    ]
    found = sorted(_found(hass, target) - excluded - set(named))
    rows: list[Row] = []
    missing: list[HomeAssistantError] = []
    for entity_id in named + found:
        if state := hass.states.get(entity_id):
            rows.append(_row(hass, state, now, texts))
        elif entity_id in named:
            missing.append(
                HomeAssistantError(
                    translation_domain=DOMAIN,
                    translation_key="entity_not_found",
                    translation_placeholders={"entity": entity_id},
                )
            )
    return tuple(rows), missing


def _found(hass: HomeAssistant, target: Mapping[str, Any]) -> set[str]:
    """Return every entity in a target, in groups, areas and so on."""
    ids = {kind: some for kind, some in target.items() if kind != EXCLUDE}
    selected = async_extract_referenced_entity_ids(hass, TargetSelection(ids))
    return selected.referenced | selected.indirectly_referenced


def _row(hass: HomeAssistant, state: State, now: datetime, texts: Texts) -> Row:
    return Row(
        state.name,
        _state_text(hass, state, now, texts),
        _time_text(state.last_changed, now),
    )


def _state_text(hass: HomeAssistant, state: State, now: datetime, texts: Texts) -> str:
    """Return a state as the front end shows it."""
    if state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
        return texts(f"card_{state.state}")
    device_class: str | None = state.attributes.get(ATTR_DEVICE_CLASS)
    if device_class == SensorDeviceClass.TIMESTAMP and (
        time := dt_util.parse_datetime(state.state)
    ):
        return _time_text(time, now)
    if state.domain == SENSOR_DOMAIN:
        text = async_rounded_state(hass, state.entity_id, state)
    else:
        text = state.state
    if text == state.state:
        registered = er.async_get(hass).async_get(state.entity_id)
        text = async_translate_state(
            hass,
            text,
            state.domain,
            registered.platform if registered else None,
            registered.translation_key if registered else None,
            device_class,
        )
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    return f"{text} {unit}" if unit else text


def _time_text(time: datetime, now: datetime) -> str:
    """Return a time without what it has in common with now, which the mail says."""
    local, today = dt_util.as_local(time), dt_util.as_local(now)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{local:%m-%d %H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"
