"""From an action call to a draft, and to the outbox."""

from collections.abc import Iterable, Mapping
from email.utils import make_msgid
from functools import partial
from typing import Any

from homeassistant.components.notify import ATTR_TITLE_DEFAULT
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .const import (
    CONF_BCC,
    CONF_CC,
    CONF_RECIPIENTS,
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    CONF_TO,
    DOMAIN,
)
from .coordinator import QQMailConfigEntry
from .errors import action_error, invalid_address
from .mail.exceptions import InvalidMailboxError, MailError
from .mail.message import compose
from .mail.models import Draft, Mailbox, Recipients


def default_recipients(entry: QQMailConfigEntry) -> Recipients:
    """Return who gets a message that names nobody: by default the account."""
    return Recipients(
        to=_stored(entry.options.get(CONF_RECIPIENTS) or [entry.data[CONF_USERNAME]])
    )


def subentry_recipients(data: Mapping[str, Any]) -> Recipients:
    """Return who belongs to a recipient that was set up."""
    return Recipients(
        to=_stored(data.get(CONF_TO, [])),
        cc=_stored(data.get(CONF_CC, [])),
        bcc=_stored(data.get(CONF_BCC, [])),
    )


def called_recipients(targets: Iterable[str]) -> Recipients:
    """Return who a call names. Raises ServiceValidationError."""
    try:
        return Recipients(
            to=tuple(
                mailbox for text in targets for mailbox in Mailbox.parse_list(text)
            )
        )
    except InvalidMailboxError as err:
        raise invalid_address(err) from err


async def async_send(
    hass: HomeAssistant,
    entry: QQMailConfigEntry,
    recipients: Recipients,
    message: str,
    title: str | None,
) -> None:
    """Compose a message and have it submitted.

    Raises HomeAssistantError where it was not accepted for every recipient.
    """
    outbox = entry.runtime_data.outbox
    reply_to = entry.options.get(CONF_REPLY_TO)
    sender = Mailbox(outbox.account.username, entry.options.get(CONF_SENDER_NAME, ""))
    draft = Draft(
        recipients=recipients,
        subject=title or ATTR_TITLE_DEFAULT,
        text=message,
        reply_to=Mailbox.parse(reply_to) if reply_to else None,
    )
    submission = await hass.async_add_executor_job(
        partial(
            compose,
            draft,
            sender=sender,
            # With a domain given, the machine's name is neither looked up nor told.
            message_id=make_msgid(domain=sender.domain),
            date=dt_util.now(),
        )
    )
    try:
        result = await outbox.submit(submission)
    except MailError as err:
        raise action_error(err, outbox.account) from err
    if result.refused:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="partly_refused",
            translation_placeholders={
                "accepted": ", ".join(result.accepted),
                "refused": ", ".join(
                    f"{address} ({reply})" for address, reply in result.refused.items()
                ),
            },
        )


def _stored(mailboxes: Iterable[str]) -> tuple[Mailbox, ...]:
    """Read what the flows have checked and stored."""
    return tuple(Mailbox.parse(text) for text in mailboxes)
