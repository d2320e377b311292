"""What becomes of the buttons of a mail that goes nowhere, and who reads of a press."""

from collections.abc import Collection

from homeassistant.components.event import DOMAIN as EVENT_DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .buttons import Answers, Click, get_answers
from .const import DOMAIN
from .event import CLICKS
from .outbox.outcome import OutboxEvent, Outcome
from .texts import async_texts


@callback
def async_setup_logbook(hass: HomeAssistant) -> None:
    """Write an entry for each button that is pressed, for as long as the house runs."""

    @callback
    def log(click: Click) -> None:
        # It is there or it is not; nobody loads a recorder for this.
        if "logbook" in hass.config.components:
            hass.async_create_task(_async_log(hass, click))

    get_answers(hass).async_add_listener(log)


@callback
def async_hear_discarded(answers: Answers, queue_ids: Collection[str]) -> None:
    """Revoke the buttons of what a person takes back, be it accepted in this moment."""
    answers.revoke(*queue_ids)


@callback
def async_hear_outcome(answers: Answers, event: OutboxEvent | None) -> None:
    """Revoke the buttons of a mail that nobody gets."""
    if event and event.outcome in (Outcome.REJECTED, Outcome.EXPIRED):
        answers.revoke_for(event.queue_id, event.recipients)


async def _async_log(hass: HomeAssistant, click: Click) -> None:
    """Say in words who can have pressed what: whoever has the mail."""
    from homeassistant.components.logbook import async_log_entry  # noqa: PLC0415 - only where it is loaded

    texts = await async_texts(hass)
    async_log_entry(
        hass,
        click.subject,
        texts(
            "answer_logged",
            title=click.title,
            # Pages show the entity's name in place of this entry's.
            subject=click.subject,
            recipients=", ".join(click.recipients),
        ),
        DOMAIN,
        er.async_get(hass).async_get_entity_id(
            EVENT_DOMAIN, DOMAIN, f"{click.entry_id}_{CLICKS.key}"
        ),
    )
