"""What the records of buttons and of mails that can be answered have in common."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from ..clock import Now
from .models import Mail


def digest_of(secret: str) -> str:
    """Return by what a secret is known again that is kept nowhere."""
    return sha256(secret.encode()).hexdigest()


def read_times(record: Mapping[str, Any], now: Now) -> dict[str, Any]:
    """Read for how long buttons work.

    A clock that was set back while Home Assistant was away gives no more than they had
    in the beginning.
    """
    expires_at = read_time(record["expires_at"])
    lifetime = float(record["lifetime"])
    left = min((expires_at - now.wall).total_seconds(), lifetime)
    return {
        "expires_at": expires_at,
        "lifetime": lifetime,
        "deadline": now.steady + left,
    }


def read_mail(account: str, record: Mapping[str, Any]) -> Mail:
    """Read what is kept of a mail."""
    return Mail(
        account=account,
        queue_id=str(record["queue_id"]),
        tag=str(record["tag"]),
        subject=str(record["subject"]),
        recipients=tuple(map(str, record["recipients"])),
        time=read_time(record["time"]),
    )


def read_time(text: str) -> datetime:
    """Read a time; one without a zone is damaged, and would not compare."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time
