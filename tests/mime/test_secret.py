"""Secrets that come back however a mail program writes them."""

import pytest

from custom_components.qq_mail.mime.secret import (
    find_secrets,
    make_secret,
    without_secrets,
)

SECRET = "hqabcdefghijklmnopqrstuvwxyz"
OTHER = "hq234567abcdefghijklmnopqrst"


def test_made() -> None:
    """Each is another one, of letters and digits, and is found again."""
    made = {make_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {28}
    for secret in made:
        assert secret.isascii()
        assert secret.isalnum()
        assert find_secrets(f"Re: {secret}.") == (secret,)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(f"<{SECRET}@qq.com> <tencent_A@qq.com>", (SECRET,), id="field"),
        pytest.param(f"回复：关总阀（{OTHER}）", (OTHER,), id="subject"),
        pytest.param(SECRET.upper(), (SECRET,), id="upper case"),
        pytest.param(f"mailto:a@qq.com?subject=1%20{OTHER}%0A", (OTHER,), id="link"),
        pytest.param(f"> {OTHER}\n> {SECRET} {OTHER}", (OTHER, SECRET), id="two"),
        pytest.param(f"x{OTHER}", (), id="within a word"),
        pytest.param(f"{OTHER}x", (), id="too long"),
        pytest.param(OTHER[:-1], (), id="too short"),
        pytest.param("hq0189abcdefghijklmnopqrstuv", (), id="other digits"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_found(text: str, found: tuple[str, ...]) -> None:
    """Once each, in the order of the text."""
    assert find_secrets(text) == found


def test_no_more_than_some() -> None:
    """Who sends thousands of guesses has twenty of them looked up."""
    assert len(find_secrets(" ".join(make_secret() for _ in range(100)))) == 20


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param(f"关总阀\n\n[{OTHER.upper()}]", "关总阀", id="brackets"),
        pytest.param(f"{SECRET} At [eight]", "At [eight]", id="alone"),
        pytest.param(f"[x{OTHER}]", f"[x{OTHER}]", id="another word"),
    ],
)
def test_left_out(text: str, left: str) -> None:
    """What people write is passed on without it."""
    assert without_secrets(text) == left
