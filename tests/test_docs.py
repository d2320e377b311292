"""The examples in the documentation can be pasted."""

from pathlib import Path
import re
from typing import Any

import pytest

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict, parse_yaml

ROOT = Path(__file__).parent.parent
EXAMPLES = (ROOT / "docs/examples.md", ROOT / "docs/examples.zh-Hans.md")


def blocks(path: Path) -> list[str]:
    """Return a page's YAML blocks."""
    return re.findall(r"```yaml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def load(block: str) -> Any:
    """Load a block, whatever it holds."""
    return parse_yaml(block)


AUTOMATIONS = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in EXAMPLES
    for number, block in enumerate(blocks(path))
]


@pytest.mark.parametrize("block", AUTOMATIONS)
async def test_home_assistant_accepts(hass: HomeAssistant, block: str) -> None:
    """Home Assistant's own validation accepts each automation."""
    assert await async_setup_component(hass, "automation", {})
    assert await async_setup_component(hass, "qq_mail", {})
    config = load(block)
    result = await async_validate_config_item(hass, "example", config)
    assert result is not None
    assert result.validation_error is None


def test_fields_exist() -> None:
    """The action has every field that an example uses."""
    services = load_yaml_dict(str(ROOT / "custom_components/qq_mail/services.yaml"))
    fields = services["send_message"]["fields"]
    known = set(fields).union(*(field.get("fields", {}) for field in fields.values()))
    used = {
        field
        for path in EXAMPLES
        for block in blocks(path)
        for step in load(block)["actions"]
        if step.get("action") == "qq_mail.send_message"
        for field in step["data"]
    }
    assert used
    assert used <= known


def test_languages_agree() -> None:
    """Both languages show the same examples."""
    english, chinese = (blocks(path) for path in EXAMPLES)
    assert len(english) == 11
    assert english == chinese
