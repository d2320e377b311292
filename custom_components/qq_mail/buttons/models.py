"""What a button is, whose it is, and what is told when it is pressed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

ACTION_PATH: Final = "/api/qq_mail/action"
"""A link is this, a slash and its token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button that acts; one that only opens an address is a plain link, and no action."""

    action: str
    """What automations know it by."""
    title: str
    """What people read on it."""
    destructive: bool = False
    """Whether the page asks once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The mail whose buttons they are."""

    entry_id: str
    queue_id: str
    tag: str
    """Empty: it has none."""
    subject: str
    recipients: tuple[str, ...]
    """The addr_specs of its envelope, as the outbox tells of them."""
    time: datetime
    """When the alert was raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody who has the mail pressed a button of it, for the first time."""

    entry_id: str
    queue_id: str
    action: str
    title: str
    tag: str
    subject: str
    recipients: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Link:
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
