"""Which buttons work: kept in memory, and on disk for after a restart."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
import secrets
from typing import Any

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN, LOGGER, MAX_LINKS
from ..loading import async_load_page
from ..outbox.clock import Now, read_clock
from .links import PLAIN_HTTP, async_tell_plain_http
from .models import Action, Click, Link, Mail

_KEY = f"{DOMAIN}.answers"
_VERSION = 1
_TOKEN_OCTETS = 32
TOKEN_LENGTH = 2 * _TOKEN_OCTETS
"""Characters: in hex, as QQ's pages mangle what has a meaning in a URL."""
_SAVE_DELAY = 1.0
"""Seconds in which what is revoked at once is written once."""

_DATA_ANSWERS: HassKey[Answers] = HassKey(_KEY)


class Answers:
    """All accounts' buttons, and who hears of it when one is pressed."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with none."""
        self._hass = hass
        self._store: Store[dict[str, Any]] = Store(
            hass, _VERSION, _KEY, private=True, atomic_writes=True
        )
        self._loading = asyncio.Lock()
        self._loaded = False
        self._links: dict[str, Link] = {}
        """By their digests, the oldest first."""
        self._refused: dict[str, set[str]] = {}
        """Who will never get a mail, by its queue id."""
        self._listeners: set[Callable[[Click], None]] = set()

    @callback
    def async_add_listener(self, listener: Callable[[Click], None]) -> CALLBACK_TYPE:
        """Hear of each button that is pressed."""
        self._listeners.add(listener)
        return partial(self._listeners.discard, listener)

    async def async_load(self) -> None:
        """Read what an earlier run has kept, whatever the disk makes of it."""
        async with self._loading:
            if self._loaded:
                return
            stored = None
            try:
                stored = await self._store.async_load()
            except Exception as err:  # noqa: BLE001 - the reader raises what it happens to meet
                LOGGER.error("The buttons of earlier mails cannot be read: %s", err)
            self._loaded = True
            if stored is not None:
                self._read(stored)

    @callback
    def issue(
        self, mail: Mail, actions: Sequence[Action], lasts: timedelta
    ) -> tuple[str, ...]:
        """Return a token for each action; they work from now on, for so long.

        For all who have the mail, each once. `async_save` has them survive a restart.
        """
        # From now on, not from the mail's time: the clock may have been set since.
        now = read_clock()
        tokens = tuple(secrets.token_hex(_TOKEN_OCTETS) for _ in actions)
        for token, action in zip(tokens, actions, strict=True):
            link = Link(
                mail=mail,
                action=action,
                digest=_digest(token),
                expires_at=now.wall + lasts,
                lifetime=lasts.total_seconds(),
                deadline=now.steady + lasts.total_seconds(),
            )
            self._links[link.digest] = link
        self._prune(now)
        self._load_page_soon()
        async_tell_plain_http(self._hass)
        return tokens

    async def async_save(self) -> None:
        """Put on disk what is known; where that fails, links work until a restart."""
        try:
            await self._store.async_save(self._stored())
        except OSError as err:
            # What Home Assistant expects to go wrong, it logs itself.
            LOGGER.error("The buttons of mails cannot be kept: %s", err)

    @callback
    def revoke(self, *queue_ids: str) -> None:
        """Have the buttons of these mails work no longer."""
        chosen = set(queue_ids)
        self._remove(link for link in self.all() if link.mail.queue_id in chosen)

    @callback
    def revoke_tag(self, entry_id: str, tag: str) -> None:
        """Have the buttons of an account's mails with this tag work no longer."""
        self._remove(
            link
            for link in self.all()
            if (link.mail.entry_id, link.mail.tag) == (entry_id, tag)
        )

    @callback
    def revoke_entry(self, entry_id: str) -> None:
        """Have an account's buttons work no longer."""
        self._remove(link for link in self.all() if link.mail.entry_id == entry_id)
        if not self._links:
            ir.async_delete_issue(self._hass, DOMAIN, PLAIN_HTTP)

    @callback
    def revoke_for(self, queue_id: str, recipients: Iterable[str]) -> None:
        """Know who will never get a mail; once that is all, its buttons go."""
        for link in self.all():
            if link.mail.queue_id == queue_id:
                refused = self._refused.setdefault(queue_id, set())
                refused.update(recipients)
                if refused.issuperset(link.mail.recipients):
                    self.revoke(queue_id)
                return

    @callback
    def find(self, token: str) -> Link | None:
        """Return the button with this token, if it works or was used."""
        link = self._links.get(_digest(token))
        if link is None:
            return None
        now = read_clock()
        # People were told a time by the wall; a clock that is set back adds nothing.
        if now.wall >= link.expires_at or now.steady >= link.deadline:
            return None
        return link

    @callback
    def press(self, link: Link) -> None:
        """Use a button up and tell everyone, with nothing that could come between."""
        link.used_at = read_clock().wall
        mail = link.mail
        click = Click(
            entry_id=mail.entry_id,
            queue_id=mail.queue_id,
            action=link.action.action,
            title=link.action.title,
            tag=mail.tag,
            subject=mail.subject,
            recipients=mail.recipients,
        )
        for listener in list(self._listeners):
            try:
                listener(click)
            except Exception:  # noqa: BLE001 - whatever it is, the others hear of it
                LOGGER.exception("A listener failed at a button of %s", mail.queue_id)

    def _load_page_soon(self) -> None:
        """Load what a link opens before an update can put another in its place."""
        self._hass.async_create_background_task(
            async_load_page(self._hass), f"{DOMAIN} load page"
        )

    def all(self) -> list[Link]:
        """Return every button that is known, the oldest first."""
        return list(self._links.values())

    def _remove(self, links: Iterable[Link]) -> None:
        removed = [self._links.pop(link.digest) for link in links]
        for link in removed:
            self._refused.pop(link.mail.queue_id, None)
        if removed:
            self._store.async_delay_save(self._stored, _SAVE_DELAY)

    def _prune(self, now: Now) -> None:
        """Forget what is over, and the oldest of an account that has too many."""
        numbers: dict[str, int] = {}
        for link in reversed(self.all()):
            entry_id = link.mail.entry_id
            numbers[entry_id] = numbers.get(entry_id, 0) + 1
            if now.steady >= link.deadline or numbers[entry_id] > MAX_LINKS:
                del self._links[link.digest]
                self._refused.pop(link.mail.queue_id, None)

    def _stored(self) -> dict[str, Any]:
        return {"links": [_to_stored(link) for link in self._links.values()]}

    def _read(self, stored: dict[str, Any]) -> None:
        now, damaged = read_clock(), 0
        try:
            rows = list(stored["links"])
        except KeyError, TypeError:
            rows, damaged = [], 1
        for row in rows:
            try:
                link = _from_stored(row, now)
            except KeyError, TypeError, ValueError:
                damaged += 1
            else:
                self._links.setdefault(link.digest, link)
        self._prune(now)
        if self._links:
            self._load_page_soon()
        if damaged:
            LOGGER.error("Of the buttons of earlier mails %d are damaged", damaged)


@callback
def get_answers(hass: HomeAssistant) -> Answers:
    """Return the answers, whether they were read from disk yet or not."""
    if (answers := hass.data.get(_DATA_ANSWERS)) is None:
        answers = hass.data[_DATA_ANSWERS] = Answers(hass)
    return answers


async def async_answers(hass: HomeAssistant) -> Answers:
    """Return the answers; the first time they are read from disk."""
    answers = get_answers(hass)
    await answers.async_load()
    return answers


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _to_stored(link: Link) -> dict[str, Any]:
    """Return what is kept of a button, in times that a restart does not change."""
    return {
        "sha256": link.digest,
        "entry_id": link.mail.entry_id,
        "queue_id": link.mail.queue_id,
        "tag": link.mail.tag,
        "subject": link.mail.subject,
        "recipients": list(link.mail.recipients),
        "time": link.mail.time.isoformat(),
        "action": link.action.action,
        "title": link.action.title,
        "destructive": link.action.destructive,
        "expires_at": link.expires_at.isoformat(),
        "lifetime": link.lifetime,
        "used_at": link.used_at and link.used_at.isoformat(),
    }


def _from_stored(row: dict[str, Any], now: Now) -> Link:
    """Read that again; raises KeyError, TypeError or ValueError where it is damaged.

    A clock that was set back while Home Assistant was away gives no more than the
    button had in the beginning.
    """
    expires_at = _time(row["expires_at"])
    lifetime = float(row["lifetime"])
    left = min((expires_at - now.wall).total_seconds(), lifetime)
    return Link(
        mail=Mail(
            entry_id=str(row["entry_id"]),
            queue_id=str(row["queue_id"]),
            tag=str(row["tag"]),
            subject=str(row["subject"]),
            recipients=tuple(map(str, row["recipients"])),
            time=_time(row["time"]),
        ),
        action=Action(
            action=str(row["action"]),
            title=str(row["title"]),
            destructive=bool(row["destructive"]),
        ),
        digest=str(row["sha256"]),
        expires_at=expires_at,
        lifetime=lifetime,
        deadline=now.steady + left,
        used_at=_time(row["used_at"]) if row["used_at"] else None,
    )


def _time(text: str) -> datetime:
    """Read a time; one without a zone is damaged, and would not compare."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time
