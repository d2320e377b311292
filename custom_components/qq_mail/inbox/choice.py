"""Which button of a mail an answer means."""

from collections.abc import Sequence
from dataclasses import dataclass
import re
from typing import Final

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
class Choice:
    """A button that acts, as its mail offers it."""

    number: int | None
    """Its place among them, from 1; None: it has none, as it is answered in words."""
    title: str
    action: str
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """The answer presses this button."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class TitleNeeded:
    """The answer means a destructive button, but does not give its title."""

    choice: Choice


@dataclass(frozen=True, slots=True)
class Said:
    """The answer is a text of its own."""

    text: str


type Meaning = Pressed | TitleNeeded | Said


def choose(choices: Sequence[Choice], text: str) -> Meaning:
    """Return what an answer means, by its first line that is not blank.

    A button is meant by its title, its number, both, its action's name, or by a common
    word for *acknowledge*; a destructive one by its title alone. Where two are meant,
    none is.
    """
    line = next(filter(None, map(str.strip, text.splitlines())), "")
    said = _plain(line)
    titled = [
        choice
        for choice in choices
        if _plain(choice.title)
        and said in (_plain(choice.title), _plain(f"{choice.number} {choice.title}"))
    ]
    number = _NUMBER.fullmatch(said)
    meant = titled + [
        choice
        for choice in choices
        if choice not in titled
        and (
            said == _plain(choice.action) != ""
            or (number and int(number[1]) == choice.number)
        )
    ]
    if not meant and _ACKNOWLEDGED.fullmatch(said):
        meant = [
            choice
            for choice in choices
            if choice.number and choice.action.lower() == ACKNOWLEDGE
        ]
    if len(meant) != 1:
        return Said(text.strip()[:MAX_TEXT])
    (choice,) = meant
    if choice.destructive and not titled:
        return TitleNeeded(choice)
    return Pressed(choice)


def _plain(text: str) -> str:
    """Leave out what does not tell one title from another: width, case, punctuation."""
    return " ".join(tidy(text).casefold().split()).strip(_AROUND)
