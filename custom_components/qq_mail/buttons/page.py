"""The page that a button in a mail opens: no script, nothing from outside."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from homeassistant.util import dt as dt_util

from ..texts import Texts
from .models import Button

CONFIRMED = "confirmed"
"""What is in the query of whoever was asked once more."""

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_TEMPLATE = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
).get_template("page.html.jinja")
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
"""Of every answer."""

# Explicit directional formatting characters (Unicode standard annex 9, section 2).
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Pages:
    """All pages, in one language. Each is constant but for what it is given."""

    language: str
    texts: Texts

    def ask(self, button: Button) -> str:
        """Return the page with a button; nothing was done yet."""
        title = _undirected(button.action.title)
        return self._page(
            title,
            self._mail(button),
            self.texts("answer_ask"),
            button=title,
            destructive=button.action.destructive,
            small=self._small(button),
        )

    def ask_once_more(self, button: Button) -> str:
        """Return the page that asks whether that is really meant."""
        return self._page(
            self.texts("answer_sure"),
            self._mail(button),
            self.texts("answer_sure_text", title=_isolated(button.action.title)),
            button=self.texts("answer_sure_yes", title=_isolated(button.action.title)),
            target=f"?{CONFIRMED}",
            destructive=True,
            small=self._small(button),
        )

    def done(self, button: Button, *, heard: bool, kept: bool) -> str:
        """Return the page after a press.

        `heard`: whether an automation listens to it; `kept`: whether the disk took it.
        """
        what = "answer_done_text" if heard else "answer_unheard_text"
        texts = [self.texts(what, title=_isolated(button.action.title))]
        if not kept:
            texts.append(self.texts("answer_not_kept_text"))
        return self._page(self.texts("answer_done"), *texts, small=self._mail(button))

    def over(self, button: Button) -> str:
        """Return the page of a button that acts no more: it was pressed, or has ended."""
        why, times = str(button.ended), {}
        if button.used_at:
            why, times = "done_before", {"time": _time(button.used_at)}
        return self._page(
            self.texts(f"answer_{why}", **times),
            self.texts(f"answer_{why}_text", title=_isolated(button.action.title)),
            small=self._mail(button),
        )

    def why(self, reason: str) -> str:
        """Return the page that says why nothing was done, whichever button it is."""
        return self._page(
            self.texts(f"answer_{reason}"), self.texts(f"answer_{reason}_text")
        )

    def _mail(self, button: Button) -> str:
        mail = button.mail
        return self.texts(
            "answer_mail", subject=_isolated(mail.subject), time=_time(mail.time)
        )

    def _small(self, button: Button) -> str:
        return self.texts("answer_small", time=_time(button.group.expires_at))

    def _page(
        self,
        heading: str,
        *texts: str,
        button: str | None = None,
        target: str = "",
        destructive: bool = False,
        small: str = "",
    ) -> str:
        return _TEMPLATE.render(
            language=self.language,
            # Our own file, whose hash stands in the header.
            style=Markup(_STYLE),  # noqa: S704 - nobody else's text is in it
            heading=heading,
            texts=texts,
            button=button,
            target=target,
            destructive=destructive,
            small=small,
        )


def _undirected(text: str) -> str:
    """Return a text that reads as it is written."""
    return _DIRECTIONS.sub("", text)


def _isolated(text: str) -> str:
    """Return a text that does not turn round what stands beside it."""
    return f"\u2068{_undirected(text)}\u2069"


def _time(time: datetime) -> str:
    """Return a time as people at home read it; without the date, if that is today."""
    local = dt_util.as_local(time)
    today = local.date() == dt_util.now().date()
    return f"{local:%H:%M}" if today else f"{local:%Y-%m-%d %H:%M}"
