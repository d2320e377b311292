"""Answers, and the buttons that they mean."""

from datetime import UTC, datetime

import pytest

from custom_components.qq_mail.answers.choice import Meaning, choose
from custom_components.qq_mail.buttons.models import Action, Button, Mail, MailButtons

NOW = datetime(2026, 11, 28, tzinfo=UTC)
MAIL = Mail(account="", queue_id="", tag="", subject="", recipients=(), time=NOW)


def offered(*actions: Action) -> tuple[Button, ...]:
    """Return what a mail with these buttons offers."""
    buttons = [Button(action=one, digest=str(at)) for at, one in enumerate(actions)]
    MailButtons(mail=MAIL, expires_at=NOW, lifetime=0, buttons=buttons)
    return tuple(buttons)


def button(title: str, action: str, **more: bool) -> Action:
    """Return a button."""
    return Action(title=title, action=action, **more)


CHOICES = offered(
    button("关总阀", "CLOSE_VALVE", destructive=True),
    button("I have seen it", "acknowledge"),
    button("Light on", "LIGHT_ON"),
)
VALVE, SEEN, LIGHT = CHOICES
WORDS = offered(
    button("Say it", "REPLY", in_words=True),
    button("Light on", "LIGHT_ON"),
    button("Go", "acknowledge", in_words=True),
)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("3", Meaning(LIGHT), id="number"),
        pytest.param("３。", Meaning(LIGHT), id="full width"),
        pytest.param("③", Meaning(LIGHT), id="circled"),
        pytest.param("#3", Meaning(LIGHT), id="number sign"),
        pytest.param("\n  3  \n\nThank you", Meaning(LIGHT), id="first line"),
        pytest.param("light  ON!", Meaning(LIGHT), id="title"),
        pytest.param("“Light on”", Meaning(LIGHT), id="title in quotes"),
        pytest.param("Li\u200bght on", Meaning(LIGHT), id="unseen character"),
        pytest.param("3 Light on", Meaning(LIGHT), id="number and title"),
        pytest.param("light_on", Meaning(LIGHT), id="action"),
        pytest.param("关总阀", Meaning(VALVE), id="destructive"),
        pytest.param("1 关总阀", Meaning(VALVE), id="destructive with number"),
        pytest.param("1", Meaning(VALVE, needs_title=True), id="destructive by number"),
        pytest.param(
            "close_valve", Meaning(VALVE, needs_title=True), id="destructive by action"
        ),
        pytest.param("收到", Meaning(SEEN), id="received"),
        pytest.param("确认。", Meaning(SEEN), id="confirmed"),
        pytest.param("我知道了！", Meaning(SEEN), id="known"),
        pytest.param("OK", Meaning(SEEN), id="ok"),
        pytest.param("[OK]", Meaning(SEEN), id="ok in QQ"),
        pytest.param("👍", Meaning(SEEN), id="thumb"),
        pytest.param("4", Meaning(text="4"), id="no such number"),
        pytest.param("2 Light on", Meaning(text="2 Light on"), id="number of another"),
        pytest.param("33", Meaning(text="33"), id="other number"),
        pytest.param("ok, 3", Meaning(text="ok, 3"), id="more than a word"),
        pytest.param("Not 3", Meaning(text="Not 3"), id="sentence"),
        pytest.param(
            " 水温多少？\n谢谢 ", Meaning(text="水温多少？\n谢谢"), id="question"
        ),
        pytest.param("...", Meaning(text="..."), id="punctuation"),
        pytest.param("", Meaning(text=""), id="nothing"),
        pytest.param("x" * 3000, Meaning(text="x" * 2000), id="long"),
    ],
)
def test_choose(text: str, meaning: Meaning) -> None:
    """What the first line says."""
    assert choose(CHOICES, text) == meaning


@pytest.mark.parametrize(
    ("actions", "text", "meaning"),
    [
        pytest.param((), "1", None, id="no buttons"),
        pytest.param(
            [button("Light on", "X")], "收到", None, id="nothing to acknowledge"
        ),
        pytest.param(
            [button("收到", "X"), button("Seen", "acknowledge")],
            "收到",
            0,
            id="title before word",
        ),
        pytest.param([button("!", "")], "?", None, id="title of nothing"),
    ],
)
def test_odd_buttons(actions: list[Action], text: str, meaning: int | None) -> None:
    """They are found where they can be."""
    choices = offered(*actions)
    expected = Meaning(text=text) if meaning is None else Meaning(choices[meaning])
    assert choose(choices, text) == expected


@pytest.mark.parametrize(
    ("titles", "text"),
    [
        pytest.param(("A", "a!"), "a", id="of a title"),
        pytest.param(("2", "1"), "1", id="numbers as titles"),
    ],
)
def test_several(titles: tuple[str, ...], text: str) -> None:
    """Where two are meant, none is; a number and a title tell one from the other."""
    choices = offered(*(button(title, title) for title in titles))
    assert choose(choices, text) == Meaning(several=choices)
    for one in choices:
        assert choose(choices, f"{one.number} {one.action.title}") == Meaning(one)


def test_destructive_by_word() -> None:
    """A common word is not its title."""
    choices = offered(button("Go", "acknowledge", destructive=True))
    assert choose(choices, "ok") == Meaning(choices[0], needs_title=True)


@pytest.mark.parametrize(
    ("choices", "text", "meaning"),
    [
        pytest.param(WORDS[:2], "1", Meaning(WORDS[1]), id="number"),
        pytest.param(WORDS[:2], "2", Meaning(WORDS[0], "2"), id="no number"),
        pytest.param(WORDS[:2], "At 8", Meaning(WORDS[0], "At 8"), id="text"),
        pytest.param(WORDS[:2], "Say it", Meaning(WORDS[0]), id="title"),
        pytest.param(
            WORDS[:2], "Say it:\nAt 8", Meaning(WORDS[0], "At 8"), id="title and text"
        ),
        pytest.param(
            WORDS[:2], "None Say it", Meaning(WORDS[0], "None Say it"), id="none"
        ),
        pytest.param(WORDS[:2], "", Meaning(WORDS[0]), id="nothing"),
        pytest.param(WORDS, "At 8", Meaning(text="At 8"), id="two that ask"),
        pytest.param(WORDS[1:], "ok", Meaning(WORDS[2], "ok"), id="no word for it"),
    ],
)
def test_in_words(choices: tuple[Button, ...], text: str, meaning: Meaning) -> None:
    """What presses nothing is for the button that asks for a text, if it is one."""
    assert choose(choices, text) == meaning
