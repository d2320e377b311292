"""The store: everything that must survive, in one journal.

It knows nothing of what it keeps: JSON objects by their keys, and texts.
"""

from .damage import Damage
from .journal import LARGE, Change, Journal
from .line import Key
from .loading import Contents
from .records import Records, as_octets, read_all
from .store import Store

__all__ = [
    "LARGE",
    "Change",
    "Contents",
    "Damage",
    "Journal",
    "Key",
    "Records",
    "Store",
    "as_octets",
    "read_all",
]
