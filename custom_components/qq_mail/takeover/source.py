"""What is set up in Home Assistant's own integration `smtp`, as an account of ours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    """What an entry of core's becomes."""

    entry_id: str
    data: Mapping[str, Any]
    """As our entry has it; without a code where core logs in without one."""
    options: Mapping[str, Any]
    recipients: tuple[ConfigSubentryData, ...]
    """Our subentries, with the unique ids that core's have."""
    sender: str
    """Whom core names as the sender; QQ takes the user name alone."""
    unencrypted: bool
    in_yaml: bool
    """Whether core made it from configuration.yaml, and will read that again."""

    @property
    def username(self) -> str:
        """The account's address."""
        return str(self.data[CONF_USERNAME])

    @classmethod
    def read(cls, entry: ConfigEntry) -> Self | None:
        """Read an entry of core's; None: it has no address that could log in."""
        core, options = entry.data, entry.options
        sender = _mailbox(core.get(CONF_SENDER))
        user = _mailbox(core.get(CONF_USERNAME)) or sender
        if not user:
            return None
        unencrypted = core.get(CONF_ENCRYPTION) == _NO_ENCRYPTION
        data = {
            CONF_USERNAME: user.addr_spec.lower(),
            CONF_HOST: core[_CONF_SERVER],
            CONF_PORT: STARTTLS_PORT if unencrypted else core[CONF_PORT],
            CONF_ENCRYPTION: Encryption.STARTTLS.value
            if unencrypted
            else core[CONF_ENCRYPTION],
        }
        if code := core.get(CONF_PASSWORD):
            data[CONF_PASSWORD] = code
        recipients = tuple(_recipients(entry))
        return cls(
            entry_id=entry.entry_id,
            data=data,
            options=_options(core, options, recipients),
            recipients=recipients,
            sender=(sender or user).addr_spec.lower(),
            unencrypted=unencrypted,
            in_yaml=entry.source == SOURCE_IMPORT,
        )


def core_accounts(hass: HomeAssistant) -> list[CoreAccount]:
    """Return the accounts of core's that are QQ's, enabled, and none of ours yet."""
    entries = hass.config_entries.async_entries(
        CORE_DOMAIN, include_ignore=False, include_disabled=False
    )
    ours = {
        entry.unique_id
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
    }
    return [
        account
        for account in map(CoreAccount.read, filter(_is_qq, entries))
        if account and account.username not in ours
    ]


@callback
def async_offer(hass: HomeAssistant) -> None:
    """Offer each of them by a card under Devices & services, once."""
    for account in core_accounts(hass):
        async_create_flow(
            hass,
            DOMAIN,
            ConfigFlowContext(source=SOURCE_INTEGRATION_DISCOVERY),
            {"entry_id": account.entry_id},
        )


def _is_qq(entry: ConfigEntry) -> bool:
    addresses = (entry.data.get(key, "") for key in (CONF_SENDER, CONF_USERNAME))
    domains = {address.rpartition("@")[2].lower() for address in addresses}
    return entry.data[_CONF_SERVER].lower() in IMAP_HOSTS or bool(
        domains.intersection(QQ_DOMAINS)
    )


def _options(
    core: Mapping[str, Any],
    options: Mapping[str, Any],
    recipients: tuple[ConfigSubentryData, ...],
) -> dict[str, Any]:
    """Return our options: core's `notify.<title>` sends to all of its recipients."""
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
        ours[CONF_RECIPIENTS] = [
            mailbox
            for recipient in recipients
            for mailbox in recipient["data"][CONF_TO]
        ]
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
            unique_id=subentry.unique_id,
            data={CONF_NAME: name, CONF_TO: [str(Mailbox(mailbox.addr_spec, shown))]},
        )


def _display_name(text: str) -> str:
    """Return a name as it may stand before an address."""
    return one_line("".join(char for char in text if char not in NOT_IN_NAMES))


def _mailbox(text: str | None) -> Mailbox | None:
    """Return the address in a text, None where there is none."""
    try:
        return Mailbox.parse(text or "")
    except InvalidMailboxError:
        return None
