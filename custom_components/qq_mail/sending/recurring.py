"""What goes wrong again and again in the mails of one automation or script."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.trace import trace_get, trace_path_get
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..issues import async_show_issue
from ..texts import Texts, literal

RECURRING: Final = "recurring"
"""The issue, and its key in the translations."""
_TIMES: Final = 3
_VARIES: Final = {"reason", "size", "value"}
"""What may differ in a note although the same thing went wrong."""

type _What = tuple[str | None, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class _Troubles:
    """What went wrong in the last mail of one action, and how often in a row."""

    times: dict[_What, int] = field(default_factory=dict)
    recurring: list[str] = field(default_factory=list)
    """The notes of what did three times or more."""


_DATA_TROUBLES: HassKey[dict[str, dict[tuple[str, str], _Troubles]]] = HassKey(
    f"{DOMAIN}_troubles"
)
"""By the automation's entity id, and by its action and the account."""


@callback
def async_recurring(
    hass: HomeAssistant,
    account: str,
    failures: Sequence[HomeAssistantError],
    texts: Texts,
) -> list[HomeAssistantError]:
    """Return what went wrong for the third time in a row, or more often.

    Its readers can do nothing about it, so a repair issue takes the place of their note.
    """
    caller = _caller()
    state = hass.states.get(caller) if caller else None
    if state is None:
        return []
    places = hass.data.setdefault(_DATA_TROUBLES, {}).setdefault(state.entity_id, {})
    troubles = places.setdefault((trace_path_get(), account), _Troubles())
    troubles.times = {
        what: troubles.times.get(what, 0) + 1 for what in map(_what, failures)
    }
    found = [one for one in failures if troubles.times[_what(one)] >= _TIMES]
    troubles.recurring = [texts.of(one) for one in found]
    notes = dict.fromkeys(note for one in places.values() for note in one.recurring)
    # As it is: a value may look like Markdown.
    what = "\n".join(f"- {literal(note)}" for note in notes)
    shown = {"name": state.name, "what": what} if notes else None
    async_show_issue(hass, RECURRING, state.entity_id, shown)
    return found


def _caller() -> str | None:
    """Return the entity id of the automation or script that runs; None: nothing does."""
    first = next(iter((trace_get(clear=False) or {}).values()), None)
    variables = first[0].as_dict().get("changed_variables", {}) if first else {}
    # Not every automation in YAML stands in a registry, but each knows itself.
    this = variables.get("this") or {}
    return this.get("entity_id")


def _what(failure: HomeAssistantError) -> _What:
    given = (failure.translation_placeholders or {}).items()
    same = frozenset((name, text) for name, text in given if name not in _VARIES)
    return failure.translation_key, same
