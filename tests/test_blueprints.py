"""The blueprints load and make automations."""

from pathlib import Path
import shutil
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint import models
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

FOLDER = Path(__file__).parent.parent / "blueprints/automation/qq_mail"
ME = ["notify.me"]
INPUTS: dict[str, dict[str, Any]] = {
    "doorbell_snapshot": {
        "doorbell": "binary_sensor.door",
        "camera": "camera.door",
        "recipient": ME,
    },
    "low_batteries": {"recipient": ME},
    "daily_report": {"recipient": ME, "reported": ["sun.sun"]},
    "mail_failed": {},
}


@pytest.fixture
async def installed(hass: HomeAssistant) -> None:
    """Put the blueprints where Home Assistant looks for them."""
    target = Path(hass.config.path("blueprints/automation/qq_mail"))
    await hass.async_add_executor_job(shutil.copytree, FOLDER, target)
    assert await async_setup_component(hass, "qq_mail", {})


def test_every_blueprint_is_tested() -> None:
    """The table holds every blueprint."""
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(INPUTS)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.usefixtures("installed")
async def test_blueprint(hass: HomeAssistant, name: str) -> None:
    """Home Assistant loads the blueprint and accepts an automation made of it."""
    assert await async_setup_component(hass, "automation", {})
    path = f"qq_mail/{name}.yaml"
    blueprint = await async_get_blueprints(hass).async_get_blueprint(path)
    assert isinstance(blueprint, models.Blueprint)
    assert blueprint.validate() is None
    assert str(blueprint.metadata["source_url"]).endswith(f"/{path}")
    result = await async_validate_config_item(
        hass, name, {"use_blueprint": {"path": path, "input": INPUTS[name]}}
    )
    assert result is not None
    assert result.validation_error is None


@pytest.mark.parametrize(
    ("state", "messages"),
    [
        pytest.param("12", ["Door: 12 %"], id="low"),
        pytest.param("80", [], id="full"),
        pytest.param("unavailable", [], id="unavailable"),
    ],
)
@pytest.mark.usefixtures("installed")
async def test_low_batteries(
    hass: HomeAssistant, state: str, messages: list[str]
) -> None:
    """Ask for a mail only when a battery is low."""
    calls = async_mock_service(hass, "qq_mail", "send_message")
    hass.states.async_set(
        "sensor.door", state, {"device_class": "battery", "friendly_name": "Door"}
    )
    assert await async_setup_component(
        hass,
        "automation",
        {
            "automation": {
                "alias": "batteries",
                "use_blueprint": {
                    "path": "qq_mail/low_batteries.yaml",
                    "input": INPUTS["low_batteries"],
                },
            }
        },
    )
    await hass.services.async_call(
        "automation",
        "trigger",
        {"entity_id": "automation.batteries", "skip_condition": False},
        blocking=True,
    )
    await hass.async_block_till_done()
    assert [call.data["message"].strip() for call in calls] == messages
    # Or its timer outlives the test.
    await hass.services.async_call(
        "automation", "turn_off", {"entity_id": "automation.batteries"}, blocking=True
    )
