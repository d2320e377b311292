"""The store: everything that must survive, in one journal.

It knows nothing of what it keeps: JSON objects by their keys, and texts.
"""

from .damage import Damage
from .journal import Journal, LargeText
from .line import Key
from .records import Records, as_octets, read_all
from .store import Store

__all__ = [
    "Damage",
    "Journal",
    "Key",
    "LargeText",
    "Records",
    "Store",
    "as_octets",
    "read_all",
]
