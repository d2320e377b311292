"""SMTP and IMAP servers that behave like QQ Mail's, for tests and for the demo."""

from .accepted import AcceptedMessage
from .actions import Answer, Close, Hang, ImapStep, Raw, Stall, Step, Tagged
from .certificates import Certificate, Certificates
from .imap import Habits, Imap
from .server import QQServer

__all__ = [
    "AcceptedMessage",
    "Answer",
    "Certificate",
    "Certificates",
    "Close",
    "Habits",
    "Hang",
    "Imap",
    "ImapStep",
    "QQServer",
    "Raw",
    "Stall",
    "Step",
    "Tagged",
]
