"""Home Assistant makes a backup while mail comes and goes."""

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.components.backup.const import DATA_MANAGER
from homeassistant.components.backup.manager import BackupManager
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from .conftest import Events
from .house import notify, outbox_of, store_folder, subjects, until, waiting
from .qq_server import QQServer


async def manager_of(hass: HomeAssistant) -> BackupManager:
    """Return what makes backups, once it knows the integration."""
    assert await async_setup_component(hass, "backup", {})
    await hass.async_block_till_done()
    manager = hass.data[DATA_MANAGER]
    assert "qq_mail" in manager.platforms
    return manager


async def test_backup_while_mail_goes(
    hass: HomeAssistant, loaded_entry: MockConfigEntry, server: QQServer, events: Events
) -> None:
    """Whatever waited when it began stays where it is until the backup is made."""
    manager = await manager_of(hass)
    server.stop()
    await notify(hass, "Waits")
    await events.wait(1)
    folder = store_folder(hass)

    await manager.async_pre_backup_actions()
    before = {
        file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()
    }
    assert any(b"Waits" in octets for octets in before.values())
    server.start()
    outbox_of(loaded_entry).async_retry()
    await until(lambda: subjects(server) == ["Waits"])
    await until(lambda: not waiting(hass))
    for name, octets in before.items():
        # What is free in a segment is zeros.
        assert (folder / name).read_bytes().startswith(octets.rstrip(b"\0"))

    await manager.async_post_backup_actions()
