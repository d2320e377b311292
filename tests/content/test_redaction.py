"""Whatever others say, no secret of a URL is told on."""

import pytest

from custom_components.qq_mail.content.redaction import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("It is offline.", "It is offline.", id="no url"),
        pytest.param("/config/www/a.jpg", "/config/www/a.jpg", id="path"),
        pytest.param("see http://host:80/a b", "see http://host:80/a b", id="plain"),
        pytest.param("(rtsp://me:pw@host/a), x", "(rtsp://host/a), x", id="user"),
        pytest.param("http://me:p@w@host/a", "http://host/a", id="at in password"),
        pytest.param("http://me:p/w@host/a", "http://host/a", id="slash in password"),
        pytest.param("http://me:p?w@host/a", "http://…", id="mark in password"),
        pytest.param("http://me:p#w@host/a", "http://…", id="hash in password"),
        pytest.param("http://h/a?user=me&pwd=pw", "http://h/a?…", id="query"),
        pytest.param("http://h/a?user=me@x&pwd=pw", "http://…", id="at in query"),
        pytest.param("http://me:pw@h/a?b=c@d", "http://h/a?…", id="both"),
        pytest.param("//me:pw@host", "//host", id="without a scheme"),
        pytest.param("http://a,http://me:pw@b", "http://b", id="two in a word"),
    ],
)
def test_redacted(text: str, shown: str) -> None:
    """Rather too little is left than too much."""
    assert redacted(text) == shown
