"""A submission server that behaves like QQ Mail's, for tests and for the demo."""

from .accepted import AcceptedMessage
from .actions import Answer, Close, Hang, Raw, Stall, Step
from .certificates import Certificate, Certificates
from .server import QQServer

__all__ = [
    "AcceptedMessage",
    "Answer",
    "Certificate",
    "Certificates",
    "Close",
    "Hang",
    "QQServer",
    "Raw",
    "Stall",
    "Step",
]
