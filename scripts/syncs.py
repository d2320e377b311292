"""Weigh designs of a spool by what a slow disk makes of them.

Each keeps, marks and removes alerts of 2 kB as the outbox does: one by itself, and
twenty at once, of which the first is kept alone and the others while that is synced. A
round trip carries MAIL, RCPT and DATA, another the text; with twenty, the next message's
commands go with the text before. A sync is as slow as on an SD card, one at a time.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
import os
from pathlib import Path
import sqlite3
import sys
from tempfile import TemporaryDirectory
from threading import Lock
import time
from typing import Protocol

from custom_components.qq_mail.clock import Now
from custom_components.qq_mail.outbox.core.models import Message
from custom_components.qq_mail.outbox.record import as_json
from custom_components.qq_mail.outbox.spool import Change, Spool

SYNC, ROUND_TRIP = (float(value) / 1000 for value in [*sys.argv[1:], "30", "20"][:2])
BODY = b"x" * 2000
NOW = Now(0.0, datetime.now(UTC))
MESSAGE = Message(
    queue_id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
    subject="Fire",
    reverse_path="a@qq.com",
    recipients=("b@example.com",),
    message_id="<1@qq.com>",
    importance=1,
    size=len(BODY),
    dated=NOW.wall,
    raised=0.0,
    arrived=0.0,
    lifetime=3600.0,
)
RECORD = as_json(MESSAGE, NOW)

type Numbers = Sequence[int]


class Disk:
    """Takes its time for each sync, one after the other, and counts them."""

    def __init__(self) -> None:
        """Begin with none."""
        self.syncs = 0
        self._lock = Lock()

    def sync(self, fd: object) -> None:
        """Sync; what, is of no interest here."""
        del fd
        with self._lock:
            self.syncs += 1
            time.sleep(SYNC)


DISK = Disk()
os.fsync = DISK.sync


def write(file: Path, content: bytes, flags: int = os.O_TRUNC) -> None:
    """Write a file and sync it."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(folder: Path) -> None:
    """Sync the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Design(Protocol):
    """A way to keep messages."""

    def change(self, new: Numbers, marked: Numbers, gone: Numbers) -> None:
        """Make it durable that some are new, some may be QQ's, and some are gone."""


class TwoFiles:
    """As it was: the message, and its record, which is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        """Use a folder."""
        self._folder = folder

    def change(self, new: Numbers, marked: Numbers, gone: Numbers) -> None:
        """Write file by file."""
        for number in new:
            self._replace(f"{number}.eml", BODY)
        for number in (*new, *marked):
            self._replace(f"{number}.json", RECORD.encode())
        for number in gone:
            (self._folder / f"{number}.json").unlink()
            (self._folder / f"{number}.eml").unlink()
        if gone:
            sync(self._folder)

    def _replace(self, name: str, content: bytes) -> None:
        temporary = self._folder / f"{name}.tmp"
        write(temporary, content)
        temporary.replace(self._folder / name)
        sync(self._folder)


class OneFile:
    """(a) One file for the message and its first record, a journal for what changes."""

    def __init__(self, folder: Path) -> None:
        """Use a folder."""
        self._folder = folder

    def change(self, new: Numbers, marked: Numbers, gone: Numbers) -> None:
        """Share what can be shared: the folder's sync, and the journal's."""
        for number in new:
            write(self._folder / f"{number}.eml", RECORD.encode() + BODY)
        if new:
            sync(self._folder)
        lines = [RECORD] * len(marked) + ["gone"] * len(gone)
        if lines:
            write(self._folder / "journal", "\n".join(lines).encode(), os.O_APPEND)
        for number in gone:
            (self._folder / f"{number}.eml").unlink()


class InTheJournal:
    """(b) Small messages in the journal, too: the spool as it is."""

    def __init__(self, folder: Path) -> None:
        """Use a folder."""
        self._spool = Spool(folder / "spool")

    def change(self, new: Numbers, marked: Numbers, gone: Numbers) -> None:
        """Write as the outbox does."""
        record = partial(as_json, MESSAGE, NOW)
        changes = [Change(str(number), record, self._draft(number)) for number in new]
        changes += [Change(str(number), record) for number in marked]
        changes += [Change(str(number), None) for number in gone]
        self._spool.write(changes)

    def rest(self) -> None:
        """Do what is done while nothing is to be written."""
        while self._spool.untidy:
            self._spool.tidy()

    def _draft(self, number: int) -> Path:
        draft = self._spool.temporary(str(number))
        self._spool.write_draft(draft, lambda stream: stream.write(BODY))
        return draft


class Sqlite:
    """(c) SQLite with WAL and synchronous=FULL: one sync for each transaction.

    That is what its documentation says; it does not sync by way of Python, so that the
    time is put on top.
    """

    def __init__(self, folder: Path) -> None:
        """Use a folder."""
        self._folder = folder
        with closing(self._open()) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE mail (id PRIMARY KEY, record, body)")

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._folder / "spool.db")
        database.execute("PRAGMA synchronous=FULL")
        return database

    def change(self, new: Numbers, marked: Numbers, gone: Numbers) -> None:
        """Do all in one transaction."""
        with closing(self._open()) as database, database:
            database.executemany(
                "INSERT INTO mail VALUES (?, ?, ?)", [(n, RECORD, BODY) for n in new]
            )
            database.executemany(
                "UPDATE mail SET record = ? WHERE id = ?", [(RECORD, n) for n in marked]
            )
            database.executemany("DELETE FROM mail WHERE id = ?", [(n,) for n in gone])
        DISK.sync(0)


def one(design: Design) -> tuple[int, int]:
    """Send one alert; return the syncs before the final dot, and all."""
    before = DISK.syncs
    design.change([0], [], [])
    time.sleep(ROUND_TRIP)
    design.change([], [0], [])
    dot = DISK.syncs - before
    time.sleep(ROUND_TRIP)
    design.change([], [], [0])
    return dot, DISK.syncs - before


def twenty(design: Design) -> float:
    """Send twenty alerts that are raised at once; return the syncs for each."""
    before = DISK.syncs
    numbers = range(1, 21)
    design.change(numbers[:1], [], [])
    design.change(numbers[1:], [], [])
    time.sleep(ROUND_TRIP)
    gone: list[int] = []
    for number in numbers:
        design.change([], [number], gone)
        time.sleep(ROUND_TRIP)
        gone = [number]
    design.change([], [], gone)
    return (DISK.syncs - before) / len(numbers)


def beside(design: InTheJournal) -> tuple[float, float]:
    """Write while others wait; return how long what somebody waits for took.

    That is the longest of 100 alerts, one after the other, while 65 wait; and a change
    of 1,000 that wait. What is put off until nobody waits is done after each.
    """
    design.change(range(1000, 1065), [], [])
    times = []
    for number in range(100):
        start = time.perf_counter()
        design.change([number], [], [])
        times.append(time.perf_counter() - start)
        design.change([], [number], [])
        design.change([], [], [number])
        design.rest()
    many = range(2000, 3000)
    design.change(many, [], [])
    design.rest()
    start = time.perf_counter()
    design.change([], many, [])
    return max(times), time.perf_counter() - start


def main() -> None:
    """Print two tables."""
    print("| Design | Syncs before the dot | In all | One alert | Each of 20 | 20 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in (TwoFiles, OneFile, InTheJournal, Sqlite):
        with TemporaryDirectory() as folder:
            design: Design = kind(Path(folder))
            one(design)
            start = time.perf_counter()
            dot, total = one(design)
            middle = time.perf_counter()
            each = twenty(design)
            end = time.perf_counter()
        name = (kind.__doc__ or "").splitlines()[0].partition(":")[0]
        print(
            f"| {name} | {dot} | {total} | {(middle - start) * 1000:.0f} ms"
            f" | {each:.1f} | {end - middle:.2f} s |"
        )
    with TemporaryDirectory() as folder:
        alert, change = beside(InTheJournal(Path(folder)))
    print(
        f"\nAn alert beside 65 that wait is kept after {alert * 1000:.0f} ms at most."
    )
    print(f"A change of 1,000 that wait is written after {change * 1000:.0f} ms.")


if __name__ == "__main__":
    main()
