"""Errors that a person reads: of what a server said, and of why a message waits."""

from datetime import datetime

from homeassistant.exceptions import HomeAssistantError

from .const import QQ_DOMAINS
from .content.errors import translated_error
from .mime.address import Mailbox
from .outbox.core.models import OutboxEvent, Plan, Reason
from .outbox.outbox import Outbox
from .smtp.errors import MailError
from .smtp.models import Account
from .smtp.replies import Cause
from .texts import time_of

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


def why_it_waits(outbox: Outbox, plan: Plan, now: datetime) -> HomeAssistantError:
    """Return in words why a message is not sent now, and when it is tried."""
    key = f"waits_{plan.reason}"
    if plan.reason is Reason.PAUSED and plan.cause:
        key = f"waits_paused_{'login' if plan.cause.of_login else 'rate'}"
    at = outbox.time_of(plan)
    account, by = outbox.account, outbox.manager.hands.get(plan.by)
    if plan.reason is Reason.FALLBACK:
        if plan.by == outbox.id:
            key = "waits_fallback_home"
    elif by:
        # It is already with that one.
        account = by.account
    return translated_error(
        key,
        account=account.username,
        host=account.host,
        by=outbox.name_of(plan.by),
        time=time_of(at, now) if at else "",
    )
