"""What is set up in Home Assistant's own integration `smtp`, as accounts of ours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

from homeassistant.config_entries import (
    SOURCE_IMPORT,
    SOURCE_INTEGRATION_DISCOVERY,
    ConfigEntry,
    ConfigFlowContext,
    ConfigSubentryData,
)
from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_SENDER,
    CONF_TIMEOUT,
    CONF_USERNAME,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.discovery_flow import async_create_flow

from ..const import (
    CONF_ENCRYPTION,
    CONF_RECIPIENTS,
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    CONF_TO,
    DOMAIN,
    IMAP_HOSTS,
    LOGGER,
    QQ_DOMAINS,
    SENDER_NAME_MAX_BYTES,
    STARTTLS_PORT,
    SUBENTRY_TYPE_RECIPIENT,
)
from ..mime.address import NOT_IN_NAMES, InvalidMailboxError, Mailbox, one_line
from ..options import OPTIONS
from ..smtp.models import Encryption

CORE_DOMAIN = "smtp"
# Core's names where they are not ours: smtp/const.py, in 2026.8 and in 2026.11.
_CONF_SERVER = "server"
_CONF_REPLY_TO_NAME = "reply_to_name"
_NO_ENCRYPTION = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreAccount:
    """The entries of core's that have one user name, as one account.

    YAML makes one for each person.
    """

    username: str
    """The account's address."""
    entry_ids: tuple[str, ...]
    titles: tuple[str, ...]
    data: Mapping[str, Any]
    """As our entry has it; without a code where core logs in without one."""
    options: Mapping[str, Any]
    recipients: tuple[ConfigSubentryData, ...]
    """Our subentries, with the unique ids of core's entities."""
    senders: tuple[str, ...]
    """Other senders that core names; QQ accepts the user name alone."""
    unencrypted: bool
    in_yaml: bool
    """Whether core made it from configuration.yaml, and will read that again."""

    @classmethod
    def read(cls, username: str, entries: Sequence[ConfigEntry]) -> Self:
        """Read entries of core's: the settings of the first, the recipients of all."""
        core, options = entries[0].data, entries[0].options
        senders = dict.fromkeys(_address(entry, CONF_SENDER) for entry in entries)
        unencrypted = core.get(CONF_ENCRYPTION) == _NO_ENCRYPTION
        data = {
            CONF_USERNAME: username,
            CONF_HOST: core[_CONF_SERVER],
            CONF_PORT: STARTTLS_PORT if unencrypted else core[CONF_PORT],
            CONF_ENCRYPTION: Encryption.STARTTLS.value
            if unencrypted
            else core[CONF_ENCRYPTION],
        }
        if code := core.get(CONF_PASSWORD):
            data[CONF_PASSWORD] = code
        recipients = tuple(chain.from_iterable(map(_recipients, entries)))
        return cls(
            username=username,
            entry_ids=tuple(entry.entry_id for entry in entries),
            titles=tuple(entry.title for entry in entries),
            data=data,
            options=_options(core, options, recipients),
            recipients=recipients,
            senders=tuple(one for one in senders if one not in ("", username)),
            unencrypted=unencrypted,
            in_yaml=any(entry.source == SOURCE_IMPORT for entry in entries),
        )


def core_accounts(hass: HomeAssistant) -> dict[str, CoreAccount]:
    """Return those of core's that are QQ's, enabled, and none of ours yet, by user name."""
    entries = hass.config_entries.async_entries(
        CORE_DOMAIN, include_ignore=False, include_disabled=False
    )
    ours = {
        entry.unique_id
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    }
    accounts: dict[str, list[ConfigEntry]] = {}
    for entry in filter(_is_qq, entries):
        # Without an address, it could not log in.
        username = _address(entry, CONF_USERNAME) or _address(entry, CONF_SENDER)
        if username and username not in ours:
            accounts.setdefault(username, []).append(entry)
    return {user: CoreAccount.read(user, several) for user, several in accounts.items()}


@callback
def async_offer(hass: HomeAssistant) -> None:
    """Offer each of them by a card under Devices & services, once."""
    for username in core_accounts(hass):
        async_create_flow(
            hass,
            DOMAIN,
            ConfigFlowContext(source=SOURCE_INTEGRATION_DISCOVERY),
            {CONF_USERNAME: username},
        )


def _is_qq(entry: ConfigEntry) -> bool:
    addresses = (entry.data.get(key) or "" for key in (CONF_SENDER, CONF_USERNAME))
    domains = {address.rpartition("@")[2].lower() for address in addresses}
    return entry.data[_CONF_SERVER].lower() in IMAP_HOSTS or bool(
        domains.intersection(QQ_DOMAINS)
    )


def _options(
    core: Mapping[str, Any],
    options: Mapping[str, Any],
    recipients: tuple[ConfigSubentryData, ...],
) -> dict[str, Any]:
    """Return our options; who is a recipient is one by default, as in core."""
    ours: dict[str, Any] = {}
    name = one_line(core.get(CONF_SENDER_NAME) or "")
    if name and len(name.encode()) <= SENDER_NAME_MAX_BYTES:
        ours[CONF_SENDER_NAME] = name
    if reply_to := _mailbox(options.get(CONF_REPLY_TO)):
        shown = _display_name(options.get(_CONF_REPLY_TO_NAME) or "")
        ours[CONF_REPLY_TO] = str(Mailbox(reply_to.addr_spec, shown))
    if timeout := options.get(CONF_TIMEOUT):
        (limits,) = (one for one in OPTIONS if one.key == CONF_TIMEOUT)
        ours[CONF_TIMEOUT] = min(max(int(timeout), limits.least), limits.most)
    if recipients:
        ours[CONF_RECIPIENTS] = list(
            dict.fromkeys(
                mailbox
                for recipient in recipients
                for mailbox in recipient["data"][CONF_TO]
            )
        )
    return ours


def _recipients(entry: ConfigEntry) -> Iterator[ConfigSubentryData]:
    for subentry in entry.subentries.values():
        mailbox = _mailbox(subentry.unique_id)
        if not mailbox:
            LOGGER.warning(
                "The recipient %s of %s has no mail address, so it is not taken over",
                subentry.title,
                entry.title,
            )
            continue
        name = one_line(subentry.title)
        # Core calls a recipient without a name by the address.
        shown = "" if name == mailbox.addr_spec else _display_name(name)
        yield ConfigSubentryData(
            subentry_type=SUBENTRY_TYPE_RECIPIENT,
            title=name,
            unique_id=f"{entry.entry_id}_{subentry.unique_id}",
            data={CONF_NAME: name, CONF_TO: [str(Mailbox(mailbox.addr_spec, shown))]},
        )


def _address(entry: ConfigEntry, key: str) -> str:
    """Return an address that core has, empty where it has none."""
    mailbox = _mailbox(entry.data.get(key))
    return mailbox.addr_spec.lower() if mailbox else ""


def _display_name(text: str) -> str:
    """Return a name as it may stand before an address."""
    return one_line("".join(char for char in text if char not in NOT_IN_NAMES))


def _mailbox(text: str | None) -> Mailbox | None:
    """Return the address in a text, None where there is none."""
    try:
        return Mailbox.parse(text or "")
    except InvalidMailboxError:
        return None
