"""The one place where a MailError becomes an error that a person reads."""

from collections.abc import Collection

from homeassistant.exceptions import HomeAssistantError

from .const import QQ_DOMAINS
from .content.errors import translated_error
from .mime.address import Mailbox
from .outbox.core.models import OutboxEvent
from .smtp.errors import MailError
from .smtp.models import Account
from .smtp.replies import Cause

# Their texts differ where the account may belong to Tencent Exmail, which has
# hosts of its own and a client-specific password.
_CAUSES_WITH_EXMAIL_TEXT = (
    Cause.LOGIN_AMBIGUOUS,
    Cause.LOGIN_CLOSED,
    Cause.LOGIN_NEEDS_CODE,
    Cause.LOGIN_REFUSED,
)


type Failure = MailError | OutboxEvent


def translation_key(failure: Failure, account: Account) -> str:
    """Return the key of the text that says what happened and what to do."""
    cause = failure.cause or Cause.REFUSED
    exmail = Mailbox(account.username).domain not in QQ_DOMAINS
    if exmail and cause in _CAUSES_WITH_EXMAIL_TEXT:
        return f"{cause}_exmail"
    return cause


def placeholders(failure: Failure, account: Account) -> dict[str, str]:
    """Return what the texts may name."""
    return {
        "account": account.username,
        "host": account.host,
        "port": str(account.port),
        "reply": str(failure.reply or failure.detail),
    }


def form_field(err: MailError, fields: Collection[str]) -> str:
    """Return the field of a form at which an error belongs."""
    return err.cause.field if err.cause.field in fields else "base"


def action_error(failure: Failure, account: Account) -> HomeAssistantError:
    """Return what an action raises when its message was not accepted."""
    key = translation_key(failure, account)
    return translated_error(key, **placeholders(failure, account))
