"""A disk in memory whose power can be cut, that can be full, broken or read-only.

A disk without barriers keeps what was synced; of all else it keeps what it likes, in
any order: names, and sectors of what was written.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
import errno
from functools import partial
from io import BytesIO
import os
from pathlib import Path
from random import Random
from typing import BinaryIO, override

from custom_components.qq_mail.store import LargeText
from custom_components.qq_mail.store.disk import Disk
from custom_components.qq_mail.store.line import SECTOR, sum_of

type State = dict[Path, bytes | None]
"""What a disk shows: the content of each file; None: a folder."""


@dataclass(eq=False)
class Node:
    """A file, or a folder, whatever its names."""

    is_folder: bool = False
    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""

    def shown(self, choose: Callable[[int], bool]) -> bytes:
        """Return what may be there after a power cut: of each sector, old or new."""
        old, new = self.durable, bytes(self.content)
        if old == new:
            return old
        size = len(new) if choose(-1) else len(old)
        longest = max(len(old), len(new))
        # What was cut off is there or not, but never zeros.
        old, new = old.ljust(longest, b"\0"), new + old[len(new) :]
        sectors = [
            (new if choose(place // SECTOR) else old)[place : place + SECTOR]
            for place in range(0, longest, SECTOR)
        ]
        return b"".join(sectors)[:size]


@dataclass(frozen=True)
class Naming:
    """A change of names in a folder that was not synced."""

    node: Node
    name: Path | None
    """None: the node has none any more."""
    old: Path | None = None

    def apply(self, names: dict[Path, Node]) -> None:
        """Change them."""
        if self.old and names.get(self.old) is self.node:
            del names[self.old]
        if self.name:
            names[self.name] = self.node

    def is_in(self, folder: Path) -> bool:
        """Tell whether it becomes durable with a folder."""
        path = self.name or self.old
        return path is not None and path.parent == folder


class SimulatedDisk(Disk):
    """Does in memory what the store asks for; hears of each step before it is done."""

    def __init__(self, state: State | None = None) -> None:
        """Begin with what a disk shows."""
        self.before: Callable[[str], None] = lambda _: None
        """Told of each step that changes something; may raise OSError."""
        self.room: int | None = None
        """How many octets files may still grow by; None: any number."""
        self.syncs = 0
        self.now: dict[Path, Node] = {}
        for path, content in (state or {}).items():
            octets = content or b""
            self.now[path] = Node(content is None, bytearray(octets), octets)
        self._durable = dict(self.now)
        self._pending: list[Naming] = []
        self.opened: dict[int, Node] = {}
        self._next = 3

    def state(self) -> State:
        """Return what a process that is killed leaves."""
        return {
            path: None if node.is_folder else bytes(node.content)
            # A thread may be at work.
            for path, node in list(self.now.items())
        }

    def states(self, seed: int, number: int) -> Iterator[State]:
        """Go through what may be there after a power cut now: some by chance."""
        yield self._shown(lambda _: False, lambda _: False)
        yield self._shown(lambda _: True, lambda _: False)
        yield self._shown(lambda _: False, lambda _: True)
        yield self._shown(lambda _: True, lambda _: True)
        yield self._shown(lambda _: True, lambda sector: sector % 2 == 0)
        yield self._shown(lambda _: True, lambda sector: sector % 2 == 1)
        random = Random(seed)  # noqa: S311
        for share in (0.2, 0.8)[:number]:
            names = partial(_by_chance, random, 0.7)
            yield self._shown(names, partial(_by_chance, random, share))

    def _shown(
        self, keep_name: Callable[[int], bool], keep_sector: Callable[[int], bool]
    ) -> State:
        names = dict(self._durable)
        for index, naming in enumerate(self._pending):
            if keep_name(index):
                naming.apply(names)
        return {
            path: None if node.is_folder else node.shown(keep_sector)
            for path, node in sorted(names.items())
            if path.parent in names or path.parent not in self.now
        }

    def _rename(self, naming: Naming) -> None:
        naming.apply(self.now)
        self._pending.append(naming)

    def _node(self, path: Path) -> Node:
        node = self.now.get(path)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return node

    def _opened(self, node: Node) -> int:
        self._next += 1
        self.opened[self._next] = node
        return self._next

    @override
    def names(self, folder: Path) -> list[str]:
        self._node(folder)
        return sorted(path.name for path in self.now if path.parent == folder)

    @override
    def exists(self, path: Path) -> bool:
        return path in self.now

    @override
    def is_linked(self, descriptor: int) -> bool:
        return any(self.opened[descriptor] is node for node in self.now.values())

    @override
    def make_folder(self, folder: Path) -> None:
        if folder not in self.now:
            self.before("mkdir")
            self._rename(Naming(Node(is_folder=True), folder))

    @override
    def create(self, file: Path) -> int:
        self._node(file.parent)
        self.before("create")
        if file in self.now:
            self.now[file].content.clear()
        else:
            self._rename(Naming(Node(), file))
        return self._opened(self.now[file])

    @override
    def open(self, file: Path, *, write: bool = False) -> int:
        return self._opened(self._node(file))

    @override
    def stream(self, file: Path) -> BinaryIO:
        return BytesIO(self._node(file).content)

    @override
    def close(self, descriptor: int) -> None:
        del self.opened[descriptor]

    @override
    def length(self, file: Path) -> int:
        return len(self._node(file).content)

    @override
    def read(self, descriptor: int, place: int, length: int) -> bytes:
        return bytes(self.opened[descriptor].content[place : place + length])

    @override
    def write(self, descriptor: int, place: int, octets: bytes) -> None:
        self.before("write")
        content = self.opened[descriptor].content
        growth = max(0, place + len(octets) - len(content))
        if self.room is not None and growth > self.room:
            # What fits is written.
            octets = octets[: max(0, len(octets) - growth + self.room)]
        content.extend(bytes(max(0, place - len(content))))
        content[place : place + len(octets)] = octets
        if self.room is not None:
            if growth > self.room:
                self.room = 0
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= growth

    @override
    def truncate(self, descriptor: int, length: int) -> None:
        self.before("truncate")
        content = self.opened[descriptor].content
        if self.room is not None:
            self.room += max(0, len(content) - length)
        content.extend(bytes(max(0, length - len(content))))
        del content[length:]

    @override
    def sync(self, descriptor: int) -> None:
        self.before("sync")
        self.syncs += 1
        node = self.opened[descriptor]
        node.durable = bytes(node.content)

    @override
    def sync_folder(self, folder: Path) -> None:
        self.before("sync")
        self.syncs += 1
        still = []
        for naming in self._pending:
            if naming.is_in(folder):
                naming.apply(self._durable)
            else:
                still.append(naming)
        self._pending = still

    @override
    def unlink(self, path: Path) -> None:
        if path in self.now:
            self.before("unlink")
            self._rename(Naming(self.now[path], None, path))

    @override
    def replace(self, source: Path, target: Path) -> None:
        node = self._node(source)
        self.before("replace")
        self._rename(Naming(node, target, source))

    @override
    def free_space(self, folder: Path) -> int:
        return 1 << 30 if self.room is None else self.room


def _by_chance(random: Random, share: float, _: int) -> bool:
    return random.random() < share


def write(disk: Disk, file: Path, octets: bytes) -> LargeText:
    """Write a file, as who makes a draft does."""
    descriptor = disk.create(file)
    disk.write(descriptor, 0, octets)
    disk.close(descriptor)
    return LargeText(file, sum_of(octets))
