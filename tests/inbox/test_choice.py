"""Answers, and the buttons that they mean."""

import pytest

from custom_components.qq_mail.inbox.choice import (
    Choice,
    Meaning,
    Pressed,
    Said,
    TitleNeeded,
    choose,
)

VALVE = Choice(1, "关总阀", "CLOSE_VALVE", destructive=True)
SEEN = Choice(2, "I have seen it", "acknowledge")
LIGHT = Choice(3, "Light on", "LIGHT_ON")
CHOICES = (VALVE, SEEN, LIGHT)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        pytest.param("3", Pressed(LIGHT), id="number"),
        pytest.param("３。", Pressed(LIGHT), id="full width"),
        pytest.param("③", Pressed(LIGHT), id="circled"),
        pytest.param("#3", Pressed(LIGHT), id="number sign"),
        pytest.param("\n  3  \n\nThank you", Pressed(LIGHT), id="first line"),
        pytest.param("light  ON!", Pressed(LIGHT), id="title"),
        pytest.param("“Light on”", Pressed(LIGHT), id="title in quotes"),
        pytest.param("Li\u200bght on", Pressed(LIGHT), id="unseen character"),
        pytest.param("3 Light on", Pressed(LIGHT), id="number and title"),
        pytest.param("light_on", Pressed(LIGHT), id="action"),
        pytest.param("关总阀", Pressed(VALVE), id="destructive"),
        pytest.param("1 关总阀", Pressed(VALVE), id="destructive with number"),
        pytest.param("1", TitleNeeded(VALVE), id="destructive by number"),
        pytest.param("close_valve", TitleNeeded(VALVE), id="destructive by action"),
        pytest.param("收到", Pressed(SEEN), id="received"),
        pytest.param("确认。", Pressed(SEEN), id="confirmed"),
        pytest.param("我知道了！", Pressed(SEEN), id="known"),
        pytest.param("OK", Pressed(SEEN), id="ok"),
        pytest.param("[OK]", Pressed(SEEN), id="ok in QQ"),
        pytest.param("👍", Pressed(SEEN), id="thumb"),
        pytest.param("4", Said("4"), id="no such number"),
        pytest.param("2 Light on", Said("2 Light on"), id="number of another"),
        pytest.param("33", Said("33"), id="other number"),
        pytest.param("ok, 3", Said("ok, 3"), id="more than a word"),
        pytest.param("Not 3", Said("Not 3"), id="sentence"),
        pytest.param(" 水温多少？\n谢谢 ", Said("水温多少？\n谢谢"), id="question"),
        pytest.param("...", Said("..."), id="punctuation"),
        pytest.param("", Said(""), id="nothing"),
        pytest.param("x" * 3000, Said("x" * 2000), id="long"),
    ],
)
def test_choose(text: str, meaning: Meaning) -> None:
    """What the first line says."""
    assert choose(CHOICES, text) == meaning


@pytest.mark.parametrize(
    ("choices", "text", "meaning"),
    [
        pytest.param((), "1", Said("1"), id="no buttons"),
        pytest.param((LIGHT,), "收到", Said("收到"), id="nothing to acknowledge"),
        pytest.param(
            (Choice(1, "收到", "X"), SEEN),
            "收到",
            Pressed(Choice(1, "收到", "X")),
            id="title before word",
        ),
        pytest.param(
            (Choice(1, "A", "X"), Choice(2, "a!", "Y")),
            "a",
            Said("a"),
            id="two of a title",
        ),
        pytest.param(
            (Choice(1, "2", "X"), Choice(2, "1", "Y")),
            "1",
            Said("1"),
            id="numbers as titles",
        ),
        pytest.param((Choice(1, "!", ""),), "?", Said("?"), id="title of nothing"),
        pytest.param(
            (Choice(1, "Go", "acknowledge", destructive=True),),
            "ok",
            TitleNeeded(Choice(1, "Go", "acknowledge", destructive=True)),
            id="destructive by word",
        ),
    ],
)
def test_odd_buttons(choices: tuple[Choice, ...], text: str, meaning: Meaning) -> None:
    """Where two are meant, none is."""
    assert choose(choices, text) == meaning
