"""What a button is, whose it is, and what is told when it is pressed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from ..typed import PASSING

ACTION_PATH: Final = "/api/qq_mail/action"
"""A button's address is this, a slash and its token."""


class Ended(StrEnum):
    """Why a button acts no more, although nobody pressed it."""

    ACKNOWLEDGED = "acknowledged"
    """Somebody acknowledged the alarm in another of its mails."""
    REPLACED = "replaced"
    """The alarm was raised anew, and has another mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a button does; one that only opens an address is a plain link, and none."""

    action: str
    """What automations know it by."""
    title: str
    """What people read on it."""
    destructive: bool = False
    """Whether the page asks once more, and an answer has to give the title."""
    in_words: bool = False
    """Whether it asks for a text: an answer gives it, and the button is not used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The mail whose buttons they are."""

    account: str
    """The id of its account's entry."""
    queue_id: str
    tag: str
    """Empty: it has none."""
    subject: str
    recipients: tuple[str, ...]
    """The addr_specs of its envelope, as the outbox tells of them."""
    time: datetime
    """When the alert was raised."""


class Channel(StrEnum):
    """How a button was pressed."""

    LINK = "link"
    """By its link, which does not tell who opens it."""
    MAIL = "mail"
    """By an answer to its mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody who has the mail pressed a button of it, for the first time."""

    mail: Mail
    action: Action
    by: str = ""
    """The addr_spec of who answered the mail."""

    @property
    def channel(self) -> Channel:
        """How it was pressed."""
        return Channel.MAIL if self.by else Channel.LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to a mail in somebody's own words."""

    mail: Mail
    sender: str
    """The addr_spec of who wrote it."""
    text: str
    """What the sender wrote, without quotes and signatures; at most 2,000 characters."""
    action: str = ""
    """Of the button that asked for it; empty: none did, or it may be any of several."""


@dataclass(slots=True, kw_only=True)
class Secret:
    """What only those know who have a mail, and what they may do by it for a while."""

    mail: Mail
    digest: str = field(metadata=PASSING)
    """Its SHA-256, by which it is known; it itself is kept nowhere."""
    expires_at: datetime
    """By the clock on the wall, as the mail says it."""
    lifetime: float
    """Seconds from when it was issued: it never works for longer."""
    deadline: float = field(default=0.0, metadata=PASSING)
    """When it is over, by the steady clock."""
    restored: bool = False
    """It comes from a backup, and works once a person has decided."""


@dataclass(slots=True, kw_only=True)
class Button(Secret):
    """One button of one mail, as long as its token works."""

    action: Action
    used_at: datetime | None = None
    used_by: str = ""
    """The addr_spec of who answered the mail, if that used it."""
    ended: Ended | None = None
