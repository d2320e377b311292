"""What a button is, whose it is, and what is told when it is pressed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from homeassistant.util.signal_type import SignalType

from ..const import DOMAIN
from ..typed import PASSING

LINGER: Final = 3600.0
"""Seconds after its buttons' end in which who answers a mail is told that it is over."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody who has the mail pressed a button of it, for the first time."""

    mail: Mail
    action: Action
    by: str = ""
    """The addr_spec of who answered the mail; empty: its link does not tell who."""


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


SIGNAL_PRESS: SignalType[Press] = SignalType(f"{DOMAIN}_press")
"""Every press of a button, of all accounts."""
SIGNAL_REPLY: SignalType[Reply] = SignalType(f"{DOMAIN}_reply")
"""Every answer in somebody's own words, to all accounts."""
PRESSES_KEY: Final = "action"
"""The key of the event entity that tells of presses, in its unique id."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody who answered a mail is told."""

    to: str
    """The addr_spec of who answered it."""
    text: str
    answers: str
    """The Message-ID of the answer."""


@dataclass(slots=True, kw_only=True)
class Button:
    """One button of one mail, as long as its token works."""

    action: Action
    digest: str
    """The SHA-256 of its token, by which it is known; that itself is kept nowhere."""
    used_at: datetime | None = None
    used_by: str = ""
    """The addr_spec of who answered the mail, if that used it."""
    ended: Ended | None = None
    group: MailButtons = field(init=False, repr=False, compare=False, metadata=PASSING)
    """All of its mail."""

    @property
    def mail(self) -> Mail:
        """The mail that it is in."""
        return self.group.mail

    @property
    def number(self) -> int | None:
        """Its place in the mail among those that are pressed; None: it asks for a text."""
        if self.action.in_words:
            return None
        pressed = [one for one in self.group.buttons if not one.action.in_words]
        return (self.group.first or 1) + pressed.index(self)

    @property
    def shown(self) -> str:
        """What may be answered: a destructive one needs its title.

        In a digest others may have the same.
        """
        alone = self.action.destructive and not self.group.first
        if alone or not self.number:
            return self.action.title
        return f"{self.number} {self.action.title}"


@dataclass(slots=True, kw_only=True, eq=False)
class MailButtons:
    """The buttons of one mail, what only who has it knows, and until when that counts."""

    mail: Mail
    expires_at: datetime
    """By the clock on the wall, as the mail says it."""
    lifetime: float
    """Seconds from when they were issued: they never work for longer."""
    deadline: float = field(default=0.0, metadata=PASSING)
    """When it is over, by the steady clock."""
    restored: bool = False
    """It comes from a backup, and works once a person has decided."""
    over: bool = False
    """Its tag was cleared: its links are unknown, and who answers it is told so."""
    buttons: list[Button]
    """In their order."""
    secret: str = ""
    """The SHA-256 of what an answer brings back; empty: it cannot be answered."""
    sent_by: str = ""
    """The account that has sent it for its own: answers come to its inbox as well."""
    told: int = 0
    """How often somebody was told what became of an answer."""
    owed: tuple[Told, ...] = ()
    """What of that is not in the outbox yet."""
    confused: bool = False
    """Whether somebody was told that an answer was not understood."""
    first: int = 0
    """The number of its first button in a digest; 0: it is in none."""
    refused: set[str] = field(default_factory=set, metadata=PASSING)
    """Who will never get the mail."""

    def __post_init__(self) -> None:
        """Have its buttons know it."""
        for button in self.buttons:
            button.group = self

    @property
    def spent(self) -> bool:
        """Whether all its buttons were used, or ended."""
        return all(one.used_at or one.ended for one in self.buttons)

    @property
    def people(self) -> set[str]:
        """Who may answer it, in lower case."""
        return {one.lower() for one in self.mail.recipients}

    @property
    def forgotten_at(self) -> float:
        """When nothing of it needs to be known any more, by the steady clock."""
        return self.deadline + (LINGER if self.secret else 0.0)
