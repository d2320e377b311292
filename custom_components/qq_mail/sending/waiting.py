"""Words for the plan: why a message waits, and until when."""

from datetime import datetime

from homeassistant.exceptions import HomeAssistantError

from ..content.errors import translated_error
from ..outbox.core.models import Plan, Reason
from ..outbox.outbox import Outbox
from ..smtp.replies import Treatment
from ..texts import time_of


def why_it_waits(outbox: Outbox, plan: Plan, now: datetime) -> HomeAssistantError:
    """Return in words why a message is not sent now, and when it is tried."""
    key = f"waits_{plan.reason}"
    if plan.reason is Reason.PAUSED and plan.cause:
        rate = plan.cause.treatment is Treatment.PAUSE
        key = "waits_paused_rate" if rate else "waits_paused_login"
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
