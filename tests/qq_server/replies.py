"""What QQ's servers say when they refuse, word for word."""

from .actions import Answer

_HELP = "http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=28&&no=1001256"

# Logging in
LOGIN_AMBIGUOUS = Answer(
    535,
    "Login fail. Account is abnormal, service is not open, password is incorrect, "
    "login frequency limited, or system is busy. More information at "
    "https://help.mail.qq.com/detail/108/1023",
)
LOGIN_NEEDS_CODE = Answer(
    535,
    "Login Fail. Please enter your authorization code to login. "
    f"More information in {_HELP}",
)
LOGIN_NEEDS_CODE_GBK = Answer(
    535,
    b"Error: " + "请使用授权码登录。详情请看".encode("gbk") + f": {_HELP}".encode(),
)
LOGIN_EXMAIL = Answer(535, "Error: authentication failed, system busy")

# Submitting
START_INPUT = Answer(354, "End data with <CR><LF>.<CR><LF>.")
SENDER_MISMATCH = Answer(501, "Mail from address must be same as authorization user.")
INVALID_INPUT = Answer(
    502, "Invalid input from 127.0.0.1 to newxmesmtplogicsvrszb20-0.qq.com."
)
NEED_AUTH = Answer(503, "Error: need EHLO and AUTH first !")
NEED_MAIL = Answer(503, "Send command mailfrom first")
TLS_REQUIRED = Answer(530, "Error: A secure connection is requiered(such as ssl).")
FROM_HEADER = Answer(
    550,
    'The "From" header is missing or invalid. Please follow RFC5322, RFC2047, RFC822 '
    "standard protocol. https://service.mail.qq.com/detail/124/995.",
)
CONTENT = Answer(550, "The mail may contain inappropriate words or content.")
CONTENT_EXMAIL = Answer(
    550,
    "Error: content rejected.http://mail.qq.com/zh_CN/help/content/rejectedmail.html",
)
TOO_MANY_ATTEMPTS = Answer(550, "Too many attempts. Unable to send. Try again later")
FREQUENCY_LIMITED = Answer(550, "Connection frequency limited")
MAILBOX_NOT_FOUND = Answer(550, "Mailbox not found or access denied")

# No reply of this kind was ever seen from QQ; RFC 1870 section 6.1.
TOO_LARGE = Answer(552, "Message size exceeds fixed limit")

# What the servers that receive say: an opaque token and a help address follow.
INBOUND = {
    text: Answer(
        550,
        f"{text} [MAAAADZ1bG9uZ2Vy IP: 127.0.0.1]. https://service.mail.qq.com/detail/122",
    )
    for text in (
        "Mail content denied",
        "Mailbox not found",
        "Mailbox unavailable or access denied",
        "Ip frequency limited",
        "Domain frequency limited",
        "Sender frequency limited",
        "Connection denied",
        "Message too large",
        "Suspected spam",
        "Suspected spam ip",
        "SPF check failed",
        "DMARC check failed",
        "Mail is rejected by recipients",
    )
}
