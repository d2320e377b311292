"""What a button is, whose it is, and what is told when it is pressed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

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
    """Whether the page asks once more."""


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


@dataclass(slots=True, kw_only=True)
class Button:
    """One button of one mail, as long as its token works."""

    mail: Mail
    action: Action
    digest: str
    """The SHA-256 of its token, which itself is kept nowhere."""
    expires_at: datetime
    """By the clock on the wall, as the mail says it."""
    lifetime: float
    """Seconds from when it was issued: it never works for longer."""
    deadline: float
    """When they are over, by the steady clock."""
    used_at: datetime | None = None
    ended: Ended | None = None
    restored: bool = False
    """It comes from a backup, and works once a person has decided."""
