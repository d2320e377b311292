"""Finds the recipients of a mail: those of a call, of an entity, or the default ones."""

from collections.abc import Iterable

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_USERNAME

from ..const import CONF_RECIPIENTS, CONF_TO, MAX_NOTES
from ..content.errors import invalid_address
from ..content.reading import is_away
from ..content.request import MessageRequest
from ..mime.address import Mailbox, Recipients

_NOBODY = Recipients()


def default_recipients(entry: ConfigEntry) -> Recipients:
    """Return the account's default recipients; without any set, the account itself."""
    addresses = entry.options.get(CONF_RECIPIENTS) or [entry.data[CONF_USERNAME]]
    return Recipients.stored({CONF_TO: addresses})


def recipients_from(entry: ConfigEntry, core_id: str) -> Recipients:
    """Return those that were taken over from an entry of core's, as they are now."""
    return join_recipients(
        Recipients.stored(one.data)
        for one in entry.subentries.values()
        if (one.unique_id or "").startswith(f"{core_id}_")
    )


def chosen_recipients(
    entry: ConfigEntry,
    request: MessageRequest,
    several: Iterable[Recipients] = (),
    default: Recipients = _NOBODY,
) -> Recipients:
    """Return those that a call names, else those given, else the default recipients.

    A sensor that is away names nobody.

    Raises ServiceValidationError where there is no mail address among those named.
    """
    named = join_recipients([*several, request.recipients])
    if named != _NOBODY:
        return named
    if not all(map(is_away, request.refused)):
        raise invalid_address(*request.refused[:MAX_NOTES])
    return default_recipients(entry) if default == _NOBODY else default


def join_recipients(several: Iterable[Recipients]) -> Recipients:
    """Return all recipients, each address once: in To rather than Cc, in Cc rather than Bcc."""
    joined = list(several)
    known: set[str] = set()

    def new(mailboxes: Iterable[Mailbox]) -> tuple[Mailbox, ...]:
        kept: list[Mailbox] = []
        for mailbox in mailboxes:
            if mailbox.addr_spec.lower() not in known:
                known.add(mailbox.addr_spec.lower())
                kept.append(mailbox)
        return tuple(kept)

    return Recipients(
        to=new(mailbox for each in joined for mailbox in each.to),
        cc=new(mailbox for each in joined for mailbox in each.cc),
        bcc=new(mailbox for each in joined for mailbox in each.bcc),
    )
