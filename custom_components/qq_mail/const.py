"""Names and limits of the QQ Mail integration."""

from datetime import timedelta
import logging
from types import MappingProxyType
from typing import Final

DOMAIN: Final = "qq_mail"
LOGGER = logging.getLogger(__package__)

PANEL: Final = "qq-mail"
"""The path of the page in Home Assistant's front end."""

DEFAULT_HOST: Final = "smtp.qq.com"
DEFAULT_PORT: Final = 465
STARTTLS_PORT: Final = 587

CONF_ANSWERS: Final = "answers_by_mail"
CONF_ANSWERS_FROM: Final = "answers_from"
CONF_BCC: Final = "bcc"
CONF_CC: Final = "cc"
CONF_ENCRYPTION: Final = "encryption"
CONF_FALLBACK: Final = "fallback"
CONF_IMAP_HOST: Final = "imap_host"
CONF_IMAP_PORT: Final = "imap_port"
CONF_RECIPIENTS: Final = "recipients"
CONF_REPLY_TO: Final = "reply_to"
CONF_SENDER_NAME: Final = "sender_name"
CONF_SERVICE_NAME: Final = "service_name"
CONF_TAKEN_OVER: Final = "taken_over"
CONF_TO: Final = "to"

SUBENTRY_TYPE_RECIPIENT: Final = "recipient"

DEFAULT_WAIT: Final = 10.0
"""Seconds that an action waits for the first attempt."""

MAX_AGAIN: Final = 200_000
"""Characters of a call that is repeated: it is kept until somebody acknowledges it."""
ACKNOWLEDGE: Final = "acknowledge"
"""The action whose button ends an alarm that is repeated."""

MEGABYTE: Final = 1024**2
"""Octets, as QQ's limit counts them: what smtp.qq.com announces is 70 of these."""
DEFAULT_MAX_SIZE: Final = 70 * MEGABYTE
"""Octets of a message: what smtp.qq.com announces, until a server has said it."""

LATE_AFTER = timedelta(minutes=5)
"""A message that goes out later than this says so."""

MAX_MESSAGES: Final = 10_000
MAX_BYTES: Final = 1024**3
MAX_SHARE_OF_DISK: Final = 0.1
"""What may wait for an account; a tenth of the free disk, if that is less."""

STOP_GRACE: Final = 1.0
"""Seconds that an attempt in progress gets when Home Assistant stops."""

QQ_DOMAINS: Final = ("qq.com", "vip.qq.com", "foxmail.com")
"""QQ Mail's own; any other domain is hosted at Tencent Exmail."""

IMAP_HOSTS: Final = MappingProxyType(
    {
        "smtp.qq.com": "imap.qq.com",
        "smtp.exmail.qq.com": "imap.exmail.qq.com",
        "hwsmtp.exmail.qq.com": "imap.exmail.qq.com",
    }
)
"""Servers of QQ Mail and of Tencent Exmail, and where their accounts' mail is read."""
IMAP_PORT: Final = 993

OTHER_PROVIDERS: Final = frozenset(
    {
        *("163.com", "126.com", "yeah.net", "188.com", "vip.163.com", "vip.126.com"),
        *("139.com", "189.cn", "wo.cn", "21cn.com", "aliyun.com", "tom.com"),
        *("sina.com", "sina.cn", "vip.sina.com", "sohu.com"),
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com"),
        *("live.cn", "msn.com", "icloud.com", "me.com", "yahoo.com", "proton.me"),
    }
)
"""Domains of mailboxes that are certainly not QQ's; any other may be hosted there."""

QQ_CODE_LENGTH: Final = 16
"""Characters of an authorization code of smtp.qq.com, in lower case, without signs."""

CODE_URL: Final = "https://help.mail.qq.com/detail/106/985"
"""QQ Mail's help page on the authorization code."""

SENDER_NAME_MAX_BYTES: Final = 45
"""What fits into one encoded-word (RFC 2047 section 2), in UTF-8: 15 Hanzi."""

FETCH_TIMEOUT: Final = 10
"""Seconds for each attachment: a camera that takes longer is not to hold up an alert."""
FIT_TIMEOUT: Final = 30
"""Seconds for making all of them fit; a large picture takes one or two."""
MAX_READS: Final = 4
"""Files that are looked at, or hang, at the same time."""
MAX_NOTES: Final = 50
"""In a mail: a template can make a list with thousands of mistakes."""
MAX_MATCHES: Final = 50
"""Files of one glob: a folder of recordings can hold thousands."""
MAX_REDIRECTS: Final = 3
"""More than that is a loop, not a server that moved."""
MAX_PIXELS: Final = 50_000_000
"""Of a picture that is made smaller: decoded, this takes 200 MB."""
PICTURE_SIDES: Final = (1920, 1280, 800)
"""Pixels of the longer side, tried in turn: a screen's, a tablet's, a phone's."""
PICTURE_QUALITY: Final = 80
"""Of a JPEG: above it files grow faster than anyone sees."""

MAX_PREVIEWED: Final = 500_000
"""Octets of pictures in the HTML of a preview: a page that shows it as text gets slow."""
MAX_CHARTS: Final = 6
MAX_CHARTED: Final = 8
"""Entities of a chart: more lines cannot be told apart."""
CHART_TIMEOUT: Final = 10
"""Seconds for all charts of a message."""

MAX_ACTIONS: Final = 5
"""Buttons that act, in one mail: more than that nobody reads in an alarm."""
DEFAULT_ACTIONS_EXPIRE_AFTER = timedelta(hours=24)

MAX_BUTTONS: Final = 1000
"""Buttons of an account's mails that are remembered; then the oldest go."""
