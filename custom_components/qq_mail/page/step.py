"""An automation's step as text, and what its templates become."""

from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError, TemplateError
from homeassistant.helpers.template import Template, is_template_string
from homeassistant.util.yaml import dump
from homeassistant.util.yaml.loader import HAS_C_LOADER

from ..const import DOMAIN
from ..content.errors import field_error

MAX_LENGTH: Final = 200_000
"""Characters of a step, which may hold the HTML of a mail."""
_MAX_LEVELS: Final = 50
"""Of lists and mappings within each other: with each more, reading takes longer."""
_ACTION: Final = f"{DOMAIN}.send_message"
_BINARY: Final = "tag:yaml.org,2002:binary"
_ACTIONS: Final = (_ACTION, f"{DOMAIN}.preview_message")


def write_step(target: dict[str, Any], data: dict[str, Any]) -> str:
    """Return a step that sends a message, as automations' editor takes it."""
    step = {"action": _ACTION, "target": target, "data": data}
    return dump({key: value for key, value in step.items() if value})


def read_step(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return target and data of a step, or of a list with one. It blocks.

    Raises ServiceValidationError where it is no step that sends a message.
    """
    # By the plain loader: Home Assistant's reads files that a text names.
    loader = yaml.CSafeLoader if HAS_C_LOADER else yaml.SafeLoader
    level = 0
    try:
        for event in yaml.parse(text, loader):
            # Copies of copies could become larger than the memory.
            if isinstance(event, yaml.AliasEvent):
                raise _no_step("*")
            if isinstance(event, yaml.ScalarEvent) and event.tag == _BINARY:
                raise _no_step("!!binary")
            level += isinstance(event, yaml.CollectionStartEvent)
            level -= isinstance(event, yaml.CollectionEndEvent)
            if level > _MAX_LEVELS:
                raise _no_step("[[[…")
        step = loader(text).get_single_data()
    except (yaml.YAMLError, ValueError, KeyError, AttributeError) as err:
        # Of no day, as 2026-02-30, or of a tag that its value does not fit.
        raise _no_step(" ".join(str(err).split())) from err
    if isinstance(step, list) and len(step) == 1:
        (step,) = step
    known = isinstance(step, dict) and step.get("action", step.get("service"))
    if known not in _ACTIONS:
        raise _no_step(_ACTION)
    target, data = step.get("target") or {}, step.get("data") or {}
    if not isinstance(target, dict) or not isinstance(data, dict):
        raise _no_step("target, data")
    return target, data


def render(hass: HomeAssistant, value: Any, unknown: list[str]) -> Any:
    """Return a value with its templates rendered.

    One that fails, as by a variable that only the automation knows, stays as it is
    written, and what is wrong with it is added to `unknown`.
    """
    if isinstance(value, dict):
        return {key: render(hass, one, unknown) for key, one in value.items()}
    if isinstance(value, list):
        return [render(hass, one, unknown) for one in value]
    if not isinstance(value, str) or not is_template_string(value):
        return value
    try:
        return Template(value, hass).async_render(strict=True)
    except TemplateError as err:
        unknown.append(str(err))
        return value


def _no_step(reason: str) -> ServiceValidationError:
    return field_error("page_no_step", reason=reason)
