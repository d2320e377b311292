"""The dialog of a repair issue: what is to become of messages from a backup."""

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.helpers import issue_registry as ir

from .calls.house import DATA_HOUSE
from .log_entries import async_log_discarded
from .outbox.outbox import Outbox
from .texts import async_texts


class RestoredFlow(RepairsFlow):
    """Sends what comes from a backup, or discards it."""

    def __init__(self, entry_id: str) -> None:
        """Keep which account it is about."""
        self._entry_id = entry_id

    async def async_step_init(
        self, _user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask which of the two."""
        issue = ir.async_get(self.hass).async_get_issue(self.handler, self.issue_id)
        return self.async_show_menu(
            step_id="init",
            menu_options=["send", "discard"],
            description_placeholders=issue.translation_placeholders if issue else None,
        )

    async def async_step_send(
        self, _user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Send them: what comes twice is better than what does not come."""
        if outbox := self._outbox:
            for queue_id in outbox.restored:
                outbox.async_retry(queue_id)
            self.hass.data[DATA_HOUSE].decide(self._entry_id, send=True)
        return self.async_create_entry(data={})

    async def async_step_discard(
        self, _user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Discard them: they went out before the backup was restored."""
        if outbox := self._outbox:
            texts = await async_texts(self.hass)
            entry = self.hass.config_entries.async_get_known_entry(self._entry_id)
            for queue_id in outbox.restored:
                # Home Assistant does not tell who answers a dialog.
                messages = await outbox.async_discard(queue_id)
                async_log_discarded(self.hass, entry, messages, texts)
            house = self.hass.data[DATA_HOUSE]
            house.decide(self._entry_id, send=False)
            await house.manager.async_written()
        return self.async_create_entry(data={})

    @property
    def _outbox(self) -> Outbox | None:
        rooms = self.hass.data[DATA_HOUSE].rooms.get(self._entry_id)
        return rooms.outbox if rooms else None
