"""Notes on areas, floors, labels, devices and groups that are gone or empty."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.target import (
    TargetSelection,
    async_extract_referenced_entity_ids,
)

from .errors import field_error
from .reading import TARGET_KEYS, Ids


@callback
def async_not_found_in_table(
    hass: HomeAssistant, target: Mapping[str, Any]
) -> list[ServiceValidationError]:
    """Return notes on the places and groups of a table that are gone or empty."""
    field = "entities"

    def holds(ids: Ids) -> bool:
        selected = async_extract_referenced_entity_ids(hass, TargetSelection({**ids}))
        return bool(selected.indirectly_referenced)

    groups = (one for one in target.get(ATTR_ENTITY_ID, []) if _is_empty(hass, one))
    return [
        *async_not_found(hass, target, field, holds),
        *(empty(f"{field}.{ATTR_ENTITY_ID}", one) for one in groups),
    ]


@callback
def async_not_found(
    hass: HomeAssistant,
    target: Mapping[str, Any],
    field: str,
    holds: Callable[[Ids], bool],
) -> list[ServiceValidationError]:
    """Return notes on areas, floors, labels and devices that are gone or empty.

    `holds` tells whether a part of the target holds anything.
    """
    found: list[ServiceValidationError] = []
    for kind in (key for key in TARGET_KEYS if key != ATTR_ENTITY_ID):
        for one in target.get(kind, []):
            selected = async_extract_referenced_entity_ids(
                hass, TargetSelection({kind: [one]})
            )
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


def _is_empty(hass: HomeAssistant, entity_id: str) -> bool:
    """Whether an entity is a group without members."""
    state = hass.states.get(entity_id)
    return state is not None and state.attributes.get(ATTR_ENTITY_ID) in ([], ())
