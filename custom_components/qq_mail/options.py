"""The options of an account: one table for the form, for reading, and for diagnostics.

A new option is a line here, its texts in the translations, and the place that reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from homeassistant.const import CONF_TIMEOUT, UnitOfInformation, UnitOfTime

from .const import (
    CONF_ANSWERS,
    CONF_ANSWERS_FROM,
    CONF_FALLBACK,
    CONF_IMAP_HOST,
    CONF_IMAP_PORT,
    CONF_RECIPIENTS,
    CONF_REPLY_TO,
    CONF_SENDER_NAME,
    IMAP_PORT,
)


class Kind(StrEnum):
    """What an option holds, which decides on its field in the form."""

    NAME = "name"
    """A display name, as recipients see it."""
    MAILBOX = "mailbox"
    MAILBOXES = "mailboxes"
    SWITCH = "switch"
    HOST = "host"
    ACCOUNT = "account"
    """The id of another account."""
    NUMBER = "number"
    """A whole number, from `least` to `most`."""


class Section(StrEnum):
    """The collapsed parts of the form, in this order; numbers alone stand in them.

    Home Assistant shows an error inside a section at the section, never at the field.
    """

    LIMITS = "limits"
    TIMES = "times"


@dataclass(frozen=True, slots=True)
class Option:
    """One option; an empty one that has no default is not stored."""

    key: str
    kind: Kind
    default: Any = None
    least: int = 0
    most: int = 0
    unit: str | None = None
    section: Section | None = None
    """None: among what people look for first."""
    private: bool = False
    """It may name a person, so diagnostics leave it out."""
    elsewhere: bool = False
    """It is asked for only where the server is neither QQ's nor Tencent Exmail's."""
    several: bool = False
    """It is asked for only where there is another account."""


OPTIONS = (
    Option(CONF_SENDER_NAME, Kind.NAME, private=True),
    Option(CONF_RECIPIENTS, Kind.MAILBOXES, private=True),
    # It reads what comes to the account, which a person has to want.
    Option(CONF_ANSWERS, Kind.SWITCH, default=False),
    # Each with the recipient as its name whose mails it may answer; without: anybody's.
    Option(CONF_ANSWERS_FROM, Kind.MAILBOXES, private=True),
    Option(CONF_IMAP_HOST, Kind.HOST, elsewhere=True),
    Option(CONF_IMAP_PORT, Kind.NUMBER, IMAP_PORT, 1, 65535, elsewhere=True),
    Option(CONF_FALLBACK, Kind.ACCOUNT, several=True),
    # Who has a second account for alarms may not want it to send all that waits.
    Option("fallback_for_all", Kind.SWITCH, default=False, several=True),
    Option(CONF_REPLY_TO, Kind.MAILBOX, private=True),
    # Floods become one mail: nobody reads a hundred, and QQ refuses them.
    Option("digest", Kind.SWITCH, default=True),
    # Below high priority a title may be a code to log in with.
    Option("history_titles", Kind.SWITCH, default=True),
    # QQ takes a few hundred a day, as far as people know.
    Option("messages_per_day", Kind.NUMBER, 400, 0, 10_000, "messages", Section.LIMITS),
    # So many were seen to pass within three seconds.
    Option("burst", Kind.NUMBER, 5, 1, 100, "messages", Section.LIMITS),
    # Below the 15 a minute that people estimate as QQ's limit.
    Option("messages_per_minute", Kind.NUMBER, 10, 0, 600, "messages", Section.LIMITS),
    # QQ takes 50 MB, once they are encoded.
    Option(
        "size_budget",
        Kind.NUMBER,
        20,
        1,
        50,
        UnitOfInformation.MEGABYTES,
        Section.LIMITS,
    ),
    # Who has not heard of an alarm within a day has heard of it otherwise.
    Option(
        "expires_after", Kind.NUMBER, 24, 1, 30 * 24, UnitOfTime.HOURS, Section.TIMES
    ),
    # What people still remember, and ask about.
    Option("history_days", Kind.NUMBER, 7, 0, 30, UnitOfTime.DAYS, Section.TIMES),
    # For connecting and for each answer: QQ answers within one or two seconds.
    Option(CONF_TIMEOUT, Kind.NUMBER, 30, 5, 300, UnitOfTime.SECONDS, Section.TIMES),
)

DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {one.key: one.default for one in OPTIONS}
)


def option(options: Mapping[str, Any], key: str) -> Any:
    """Return what is stored for an option, or its default. Raises KeyError."""
    return options.get(key, DEFAULTS[key])
