"""The one place where a MailError becomes an error that a person reads."""

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


def action_error(
    failure: MailError | OutboxEvent, account: Account
) -> HomeAssistantError:
    """Return what happened and what to do, as an action raises it."""
    key: str = failure.cause or Cause.REFUSED
    exmail = Mailbox(account.username).domain not in QQ_DOMAINS
    if exmail and key in _CAUSES_WITH_EXMAIL_TEXT:
        key = f"{key}_exmail"
    return translated_error(
        key,
        account=account.username,
        host=account.host,
        port=str(account.port),
        reply=str(failure.reply or failure.detail),
    )
