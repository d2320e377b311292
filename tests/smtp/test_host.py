"""Servers as people type and paste them."""

import pytest

from custom_components.qq_mail.smtp.host import InvalidHostError, read_host


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        pytest.param("smtp.qq.com", "smtp.qq.com", None, id="name"),
        pytest.param(" SMTP.QQ.com. ", "smtp.qq.com", None, id="blanks, case, dot"),
        pytest.param("ｓｍｔｐ。qq．com：４６５", "smtp.qq.com", 465, id="full width"),
        pytest.param("smtp\u200b.qq.com\ufeff", "smtp.qq.com", None, id="invisible"),
        pytest.param("smtp.qq.com:465", "smtp.qq.com", 465, id="port"),
        pytest.param("smtp.qq.com:", "smtp.qq.com", None, id="colon"),
        pytest.param("smtp://smtp.qq.com:587", "smtp.qq.com", 587, id="smtp URL"),
        pytest.param("smtps://smtp.qq.com", "smtp.qq.com", None, id="smtps URL"),
        pytest.param("https://smtp.qq.com/", "smtp.qq.com", None, id="web address"),
        pytest.param("smtp.qq.com/a?b#c", "smtp.qq.com", None, id="path"),
        pytest.param("::1", "::1", None, id="IPv6"),
        pytest.param("[::1]", "::1", None, id="IPv6 in brackets"),
        pytest.param("[::1]:465", "::1", 465, id="IPv6 and port"),
        pytest.param("smtp://[fe80::1%eth0]:25/", "fe80::1%eth0", 25, id="IPv6 zone"),
        pytest.param("192.168.1.2:25", "192.168.1.2", 25, id="IPv4"),
        pytest.param("my_nas", "my_nas", None, id="name in the house"),
        pytest.param("邮件.中国", "xn--5nq051n.xn--fiqs8s", None, id="Chinese"),
        pytest.param("a." * 126 + "b", "a." * 126 + "b", None, id="253 characters"),
        pytest.param("smtp.qq.com:99999", "smtp.qq.com", 99999, id="no such port"),
    ],
)
def test_understood(text: str, host: str, port: int | None) -> None:
    """What is meant is read; whether there is such a port is not asked here."""
    assert read_host(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" \u3000\u200b", id="blank"),
        pytest.param("smtp .qq.com", id="blank inside"),
        pytest.param("smtp\0.qq.com", id="NUL"),
        pytest.param("smtp\n.qq.com", id="line end"),
        pytest.param("smtp\x1b.qq.com", id="control character"),
        pytest.param("smtp..qq.com", id="two dots"),
        pytest.param(".qq.com", id="dot first"),
        pytest.param("-smtp.qq.com", id="hyphen first"),
        pytest.param("10001@qq.com", id="mail address"),
        pytest.param("smtps://", id="no host in the URL"),
        pytest.param(":465", id="port alone"),
        pytest.param("smtp.qq.com:tls", id="no number"),
        pytest.param("a:b:c", id="two colons"),
        pytest.param("[]", id="nothing in brackets"),
        pytest.param("[smtp.qq.com]", id="name in brackets"),
        pytest.param("fe80::1%e th0", id="blank in a zone"),
        pytest.param("a" * 64 + ".com", id="label too long"),
        pytest.param("邮" * 60 + ".com", id="label too long once encoded"),
        pytest.param("邮件." * 60 + "com", id="too long once encoded"),
        pytest.param("a." * 126 + "bc", id="254 characters"),
        pytest.param("邮" * 1_000_000, id="a million"),
        pytest.param("\ud800.com", id="not to be encoded"),
    ],
)
def test_refused(text: str) -> None:
    """It is no server, and no exception but the one that says so."""
    with pytest.raises(InvalidHostError):
        read_host(text)
