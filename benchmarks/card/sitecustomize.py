"""Loaded by a Home Assistant whose disk is to sync one file at a time, as a card does.

How long each takes is strace's business; but that lets several take it together.
"""

from collections.abc import Callable
import os
from threading import Lock
from typing import Any

_CARD = Lock()


def _alone(sync: Callable[[Any], None]) -> Callable[[Any], None]:
    def sync_alone(file: Any) -> None:
        with _CARD:
            sync(file)

    return sync_alone


# Whoever calls these looks them up in the module.
vars(os).update(fsync=_alone(os.fsync), fdatasync=_alone(os.fdatasync))
