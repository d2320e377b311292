"""States as people read them: in the house's language, zone and way of writing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
import re

from homeassistant.const import ATTR_DEVICE_CLASS, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State, callback, split_entity_id
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from ..texts import Texts, time_of

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
