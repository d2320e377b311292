"""Secrets that come back however a mail program writes them."""

import pytest

from custom_components.qq_mail.mime.secret import find_secrets, make_secret

SECRET = "hqabcdefghijklmnopqrstuvwxyz"
SHORT = "hq234567abcdefg"


def test_made() -> None:
    """Each is another one, of letters and digits, and is found again."""
    made = {make_secret() for _ in range(100)} | {make_secret(64) for _ in range(100)}
    assert len(made) == 200
    assert {len(secret) for secret in made} == {15, 28}
    for secret in made:
        assert secret.isascii()
        assert secret.isalnum()
        assert find_secrets(f"Re: {secret}.") == (secret,)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(f"<{SECRET}@qq.com> <tencent_A@qq.com>", (SECRET,), id="field"),
        pytest.param(f"回复：关总阀（{SHORT}）", (SHORT,), id="subject"),
        pytest.param(SECRET.upper(), (SECRET,), id="upper case"),
        pytest.param(f"mailto:a@qq.com?subject=1%20{SHORT}%0A", (SHORT,), id="link"),
        pytest.param(f"> {SHORT}\n> {SECRET} {SHORT}", (SHORT, SECRET), id="two"),
        pytest.param(f"x{SHORT}", (), id="within a word"),
        pytest.param(f"{SHORT}x", (), id="too long"),
        pytest.param(SHORT[:-1], (), id="too short"),
        pytest.param("hq0189abcdefghi", (), id="other digits"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_found(text: str, found: tuple[str, ...]) -> None:
    """Once each, in the order of the text."""
    assert find_secrets(text) == found


def test_no_more_than_some() -> None:
    """Who sends thousands of guesses has twenty of them looked up."""
    assert len(find_secrets(" ".join(make_secret(64) for _ in range(100)))) == 20
