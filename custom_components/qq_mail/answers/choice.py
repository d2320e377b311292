"""Which button of a mail an answer means."""

from collections.abc import Sequence
from dataclasses import dataclass
import re
from typing import Final

from ..buttons.models import Button
from ..const import ACKNOWLEDGE
from ..mime.address import tidy

MAX_TEXT: Final = 2000
"""Characters of an answer that are passed on."""

_ACKNOWLEDGED = re.compile(
    "已?收到了?|已?(?:确认|確認)|我?知道了|好的|了解|已[阅閱]|👍"
    "|ok|okay|got it|ack|acknowledged?|confirm(?:ed)?"
)
# What people write around a word: punctuation, quotes, brackets.
_AROUND = " \t.,;:!?~'\"()[]<>、《》「」『』【】“”\u2018\u2019…"
_NUMBER = re.compile(r"(?:no\. ?|nr\. ?|#|№)?([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an answer means."""

    button: Button | None = None
    """The button that it presses; None: it is a text of its own."""
    text: str = ""
    """Such a text, or that for a button which asks for one."""
    needs_title: bool = False
    """Whether the button is destructive, and its title was not given."""
    several: tuple[Button, ...] = ()
    """Those that it may mean, if their numbers alone tell one from another."""


def choose(buttons: Sequence[Button], text: str) -> Meaning:
    """Return what an answer means, by its first line that is not blank.

    A button is meant by its title, its number, both, its action's name, or by a common
    word for *acknowledge*; a destructive one by its title alone. Where two are meant,
    as in a digest, none is. Any other text is for the button that asks for one, if that
    is just one.
    """
    line, *rest = text.strip().splitlines() or [""]
    said = _plain(line)
    titled = [
        button
        for button in buttons
        if _plain(button.action.title)
        and said
        in (
            _plain(button.action.title),
            _plain(f"{button.number or ''} {button.action.title}"),
        )
    ]
    number = _NUMBER.fullmatch(said)
    meant = titled + [
        button
        for button in buttons
        if button not in titled
        and (
            said == _plain(button.action.action) != ""
            or (number and int(number[1]) == button.number)
        )
    ]
    if not meant and _ACKNOWLEDGED.fullmatch(said):
        meant = [
            button
            for button in buttons
            if button.number and button.action.action.lower() == ACKNOWLEDGE
        ]
    if number and not meant and any(button.group.first for button in buttons):
        # Of a digest it may be the number of an alert that was forgotten.
        return Meaning()
    if len(meant) == 1:
        (button,) = meant
        if button.action.in_words:
            return Meaning(button, text="\n".join(rest).strip()[:MAX_TEXT])
        return Meaning(button, needs_title=button.action.destructive and not titled)
    several = tuple(one for one in buttons if one in meant and one.number)
    if len(several) > 1:
        return Meaning(several=several)
    asking = [button for button in buttons if button.action.in_words]
    return Meaning(
        asking[0] if len(asking) == 1 else None, text=text.strip()[:MAX_TEXT]
    )


def _plain(text: str) -> str:
    """Leave out what does not tell one title from another: width, case, punctuation."""
    return " ".join(tidy(text).casefold().split()).strip(_AROUND)
