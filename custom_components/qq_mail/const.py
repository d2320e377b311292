"""Names and limits of the QQ Mail integration."""

from datetime import timedelta
import logging
from typing import Final

DOMAIN: Final = "qq_mail"
LOGGER = logging.getLogger(__package__)

DEFAULT_HOST: Final = "smtp.qq.com"
DEFAULT_PORT: Final = 465

CONF_BCC: Final = "bcc"
CONF_CC: Final = "cc"
CONF_ENCRYPTION: Final = "encryption"
CONF_RECIPIENTS: Final = "recipients"
CONF_REPLY_TO: Final = "reply_to"
CONF_SENDER_NAME: Final = "sender_name"
CONF_SERVICE_NAME: Final = "service_name"
CONF_TO: Final = "to"

SUBENTRY_TYPE_RECIPIENT: Final = "recipient"

DEFAULT_TIMEOUT: Final = 30
"""Seconds for connecting and for each answer: QQ answers within one or two."""
MIN_TIMEOUT: Final = 5
MAX_TIMEOUT: Final = 300

LOGIN_PAUSE = timedelta(minutes=15)
"""After a refused login: each further one counts against QQ's login limit."""

QQ_DOMAINS: Final = ("qq.com", "vip.qq.com", "foxmail.com")
"""QQ Mail's own; any other domain is hosted at Tencent Exmail."""

CODE_URL: Final = "https://help.mail.qq.com/detail/106/985"
"""QQ Mail's help page on the authorization code."""
