"""What a person should know of an outbox, as long as it holds, and can do about it."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import override

import voluptuous as vol

from homeassistant.components.repairs import (
    ConfirmRepairFlow,
    RepairsFlow,
    RepairsFlowResult,
)
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import CONF_USERNAME
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.selector import SelectSelector, SelectSelectorConfig
from homeassistant.util import dt as dt_util

from .accounts import QQMailConfigEntry
from .answers.issues import STRANGER
from .buttons.models import SIGNAL_PRESS, Press
from .calls.house import DATA_HOUSE, House, Rooms
from .const import CODE_URL, CONF_ANSWERS_FROM, CONF_FALLBACK, DOMAIN, LOGGER, PANEL
from .errors import why_it_waits
from .fallback import OFFER, OfferFlow
from .issues import async_show_issue
from .log_entries import async_log_discarded
from .mime.address import Mailbox
from .outbox.core.models import OutboxEvent, Outcome
from .texts import Texts, async_texts, literal

_MOST_TITLES = 10
"""In the list of what was dropped."""
_LEFT_TO_WARN_AT = 0.2
"""Of a day's messages."""
_OUTBOX = f"/{PANEL}/outbox"
_ISSUES_URL = "https://github.com/qq-mail-ha/qq-mail/issues"


class Issue(StrEnum):
    """What can be wrong; each is a key in the translations."""

    PAUSED = "paused"
    """QQ limits the account's rate."""
    LOGIN_REFUSED = "login_refused"
    """QQ refused a login, and a new code was not asked for yet."""
    DELAYED = "delayed"
    """Messages wait for longer than they should."""
    EXPIRED = "expired"
    """Messages were given up, and none was accepted since."""
    DAMAGED = "damaged"
    """Records of the store could not be read, and were set aside."""
    RESTORED = "restored"
    """Messages come from a backup: a person has to decide whether they are sent."""
    TROUBLE = "trouble"
    """Something went wrong in the outbox that nobody expected."""
    DAY_NEARLY_USED = "day_nearly_used"
    """Four fifths of what may go out within 24 hours did."""
    UNHEARD = "unheard"
    """A button was pressed that no automation listens to."""
    HELPED = "helped"
    """Another account sends what this one may not."""
    REMOVED = "removed"
    """The account was removed while messages waited."""


_ERRORS = {Issue.DAMAGED, Issue.DELAYED, Issue.EXPIRED, Issue.TROUBLE}
_FIXABLE = {Issue.DAMAGED, Issue.EXPIRED, Issue.RESTORED, Issue.TROUBLE}


async def async_create_fix_flow(
    _hass: HomeAssistant,
    issue_id: str,
    data: dict[str, str | int | float | None] | None,
) -> RepairsFlow:
    """Ask what is to be done, or only whether an issue was read."""
    if issue_id == OFFER:
        return OfferFlow()
    if issue_id.startswith(STRANGER):
        return StrangerFlow()
    return RestoredFlow() if data else ConfirmRepairFlow()


@callback
def async_tell_removed(
    hass: HomeAssistant, entry: QQMailConfigEntry, waiting: Collection[tuple[str, str]]
) -> None:
    """Tell what was dropped with an account: its titles, and for whom it was."""
    if not waiting:
        return
    numbers = Counter(waiting)
    account = entry.data[CONF_USERNAME]
    LOGGER.warning(
        "%s was removed with %d messages that had not been accepted",
        account,
        len(waiting),
    )
    lines = [
        f"- {literal(title)} → {people}" + (f" ({n})" if n > 1 else "")
        for (title, people), n in numbers.most_common(_MOST_TITLES)
    ]
    if len(numbers) > _MOST_TITLES:
        lines.append("- …")
    titles = "\n".join(lines)
    async_show_issue(
        hass,
        Issue.REMOVED,
        entry.entry_id,
        {"account": account, "number": str(len(waiting)), "titles": titles},
        is_fixable=True,
        # Who removes it restarts as well, and reads this afterwards.
        is_persistent=True,
    )


@callback
def async_watch_presses(hass: HomeAssistant) -> None:
    """Report buttons that somebody pressed and nobody listens to."""
    buttons = hass.data[DATA_HOUSE].buttons

    @callback
    def hear(press: Press) -> None:
        action = press.action.action
        texts = {
            "title": press.action.title,
            "action": action,
            "subject": press.mail.subject,
        }
        heard = buttons.is_heard(press)
        async_show_issue(hass, Issue.UNHEARD, action, None if heard else texts)

    async_dispatcher_connect(hass, SIGNAL_PRESS, hear)


class AccountIssues:
    """Raises and withdraws an account's issues, for as long as it has its outbox."""

    def __init__(
        self, hass: HomeAssistant, house: House, rooms: Rooms, texts: Texts
    ) -> None:
        """Listen to the outbox, and begin with what is wrong already."""
        self._texts = texts
        self._hass = hass
        self._house = house
        self._entry, self._outbox = rooms.entry, rooms.outbox
        self._restored = True
        """Whether something may come from a backup; nothing comes later."""
        self._damaged = 0
        self._troubles = 0
        self._asked = 0
        self._update(None)
        rooms.outbox.listeners.async_add(self._update)
        rooms.outbox.async_on_close(self._withdraw_all)

    def _update(self, event: OutboxEvent | None) -> None:
        """Compare the issues with the outbox."""
        self._show(Issue.PAUSED, self._paused())
        self._show(Issue.LOGIN_REFUSED, self._login_refused())
        self._show(Issue.DELAYED, self._delayed())
        self._show(Issue.HELPED, self._helped())
        self._show(Issue.DAY_NEARLY_USED, self._day_nearly_used())
        self._ask_for_code()
        if self._restored:
            restored = self._house.restored(self._entry.entry_id)
            self._restored = any(restored.values())
            texts = {kind: str(number) for kind, number in restored.items()}
            texts["page"] = _OUTBOX
            self._show(Issue.RESTORED, texts if self._restored else None)
        self._tell_damage()
        if self._outbox.manager.troubles > self._troubles:
            self._troubles = self._outbox.manager.troubles
            self._show(Issue.TROUBLE, {"url": _ISSUES_URL, "page": _OUTBOX})
        if event and event.outcome is Outcome.EXPIRED:
            self._tell_expired()
        elif event and event.outcome is Outcome.ACCEPTED:
            self._show(Issue.EXPIRED, None)

    def _withdraw_all(self) -> None:
        for issue in Issue:
            self._show(issue, None)

    def _show(self, issue: Issue, texts: dict[str, str] | None) -> None:
        tab = "check" if issue is Issue.LOGIN_REFUSED else "outbox"
        entry_id = self._entry.entry_id
        account = {"account": self._outbox.account.username}
        async_show_issue(
            self._hass,
            issue,
            entry_id,
            None if texts is None else account | texts,
            is_fixable=issue in _FIXABLE,
            is_error=issue in _ERRORS,
            # Those that are fixable open a dialog of their own, which has no such link.
            learn_more_url=f"homeassistant://{PANEL}/{tab}",
            data={"entry_id": entry_id} if issue is Issue.RESTORED else None,
        )

    @property
    def _advice(self) -> str:
        """What helps the next time, where no other account does already."""
        helped = CONF_FALLBACK in self._entry.options
        return "" if helped else self._texts("advice_second_account")

    def _paused(self) -> dict[str, str] | None:
        pause = self._outbox.pause
        if not pause or pause.cause.of_login:
            return None
        return {"advice": self._advice, "time": _day_and_time(pause.until)}

    def _login_refused(self) -> dict[str, str] | None:
        """Tell of a refused login at once; a second one asks for a new code."""
        pause, state = self._outbox.pause, self._outbox.state
        if not pause or not state.paused_for_login or state.asked:
            return None
        return {
            "advice": self._advice,
            "time": f"{dt_util.as_local(pause.until):%H:%M}",
            # QQ ends with a link, which would go on into what follows.
            "reply": literal(str(pause.reply or pause.cause)),
            "url": CODE_URL,
        }

    def _ask_for_code(self) -> None:
        """Ask for a new code whenever the old one was refused, or withdraw that."""
        hass, asked = self._hass, self._outbox.state.asked
        if asked > self._asked:
            self._entry.async_start_reauth(hass)
        elif self._asked and not asked:
            for flow in list(self._entry.async_get_active_flows(hass, {SOURCE_REAUTH})):
                hass.config_entries.flow.async_abort(flow["flow_id"])
        self._asked = asked

    def _delayed(self) -> dict[str, str] | None:
        """Say what waits too long, why, and when it is tried next."""
        if not (delay := self._outbox.delays.current):
            return None
        why = why_it_waits(self._outbox, delay.plan, dt_util.utcnow())
        return {
            "number": str(delay.number),
            "titles": "\n".join(f"- {literal(one)}" for one in delay.titles),
            "why": self._texts.of(why),
        }

    def _helped(self) -> dict[str, str] | None:
        """Say which account sends instead, and since when."""
        since, by = self._outbox.helped_since, self._outbox.helped_by
        return {"by": by, "time": _day_and_time(since)} if since and by else None

    def _day_nearly_used(self) -> dict[str, str] | None:
        """Name who sends most while there is time to do something about it."""
        state, left = self._outbox.state, self._outbox.left_today
        limit = state.limits.settings.per_day
        if left is None or left > limit * _LEFT_TO_WARN_AT:
            return None
        titles = [f"- {literal(one)}: {n}" for one, n in state.tally.most()]
        return {
            "sent": str(limit - left),
            "limit": str(limit),
            "titles": "\n".join(titles),
        }

    def _tell_damage(self) -> None:
        """Report what cannot be read once: who has confirmed it is not asked again."""
        damage = self._house.manager.damage
        number = len(damage) + len(self._outbox.unreadable)
        if number > self._damaged:
            self._damaged = number
            folders = sorted({str(one.file.parent) for one in damage if one.file})
            texts = {"number": str(number), "folder": ", ".join(folders)}
            self._show(Issue.DAMAGED, texts | {"page": _OUTBOX})

    def _tell_expired(self) -> None:
        issue_id = f"{Issue.EXPIRED}_{self._entry.entry_id}"
        known = ir.async_get(self._hass).async_get_issue(DOMAIN, issue_id)
        told = (known and known.translation_placeholders) or {"number": "0"}
        number = str(int(told["number"]) + 1)
        self._show(Issue.EXPIRED, {"number": number, "page": f"/{PANEL}/history"})


def _day_and_time(time: datetime) -> str:
    return f"{dt_util.as_local(time):%Y-%m-%d %H:%M}"


class RestoredFlow(ConfirmRepairFlow):
    """Sends what comes from a backup, or discards it."""

    @override
    async def async_step_init(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask which of the two."""
        form = await super().async_step_init()
        return self.async_show_menu(
            step_id="init",
            menu_options=["send", "discard"],
            description_placeholders=form["description_placeholders"],
        )

    async def async_step_send(
        self, _user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Send them: what comes twice is better than what does not come."""
        return await self._decide(send=True)

    async def async_step_discard(
        self, _user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Discard them: they went out before the backup was restored."""
        return await self._decide(send=False)

    async def _decide(self, *, send: bool) -> RepairsFlowResult:
        house, entry_id = self.hass.data[DATA_HOUSE], str((self.data or {})["entry_id"])
        if rooms := house.rooms.get(entry_id):
            texts = await async_texts(self.hass)
            for queue_id in rooms.outbox.restored:
                if send:
                    rooms.outbox.async_retry(queue_id)
                    continue
                # Home Assistant does not tell who answers a dialog.
                messages = await rooms.outbox.async_discard(queue_id)
                async_log_discarded(self.hass, rooms.entry, messages, texts)
            house.decide(entry_id, send=send)
            await house.manager.async_written()
        return self.async_create_entry(data={})


class StrangerFlow(ConfirmRepairFlow):
    """Lets an address answer the mails of one recipient, or leaves it at that."""

    @override
    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask whose address it is; nobody's is an answer as well."""
        result, data = await super().async_step_confirm(user_input), self.data or {}
        if user_input is None:
            recipients = str(data["recipients"]).split(",")
            choice = SelectSelector(SelectSelectorConfig(options=recipients))
            result["data_schema"] = vol.Schema({vol.Optional("recipient"): choice})
            return result
        entry = self.hass.config_entries.async_get_entry(str(data["entry_id"]))
        if entry and (recipient := user_input.get("recipient")):
            allowed = entry.options.get(CONF_ANSWERS_FROM, [])
            another = str(Mailbox(str(data["address"]), recipient))
            self.hass.config_entries.async_update_entry(
                entry, options={**entry.options, CONF_ANSWERS_FROM: [*allowed, another]}
            )
        return result
