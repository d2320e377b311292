"""A disk whose power can be cut: what it may show afterwards, after each step.

It lies below `os`: every step is really done, in a folder below its root, and noted. A
disk without barriers keeps what was synced; of all else it keeps what it likes, in any
order: names, and beginnings, ends or nothing but zeros of what was written.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
import os
from pathlib import Path
from typing import Any

import pytest

type State = dict[str, bytes | None]
"""What a disk shows: the content of each file by its name; None: a folder."""

_FEW = 4
"""Changes of names of which every selection is tried."""


@dataclass(eq=False)
class Node:
    """A file, or a folder, whatever its names."""

    descriptor: int
    is_folder: bool
    durable: bytes = b""

    def content(self) -> bytes:
        """Return what the running system reads of it."""
        return os.pread(self.descriptor, os.fstat(self.descriptor).st_size, 0)

    def contents(self) -> list[bytes]:
        """Return what may be read of it after a power cut."""
        old, new = self.durable, self.content()
        if old == new:
            return [old]
        if not new.startswith(old):
            return [old, new]
        added = new[len(old) :]
        half = len(added) // 2
        rest = len(added) - half
        torn = [
            added[:half],
            added[:-1],
            added[:half] + bytes(rest),
            bytes(half) + added[half:],
            bytes(len(added)),
        ]
        return [old, new, *(old + part for part in torn)]


@dataclass(frozen=True)
class Naming:
    """A change of names in a folder that was not synced."""

    node: Node
    name: str
    """Empty: the node has none any more."""
    old: str = ""

    def apply(self, names: dict[str, Node]) -> None:
        """Change them."""
        if names.get(self.old) is self.node:
            del names[self.old]
        if self.name:
            names[self.name] = self.node

    def is_in(self, folder: str) -> bool:
        """Tell whether it becomes durable with a folder."""
        return (Path(self.name or self.old).parent) == Path(folder)


class Disk:
    """What was done to the files below a folder; hears of each step before it is done."""

    def __init__(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, before: Callable[[], None]
    ) -> None:
        self._root = root
        self._before = before
        self._durable: dict[str, Node] = {}
        self._now: dict[str, Node] = {}
        self._pending: list[Naming] = []
        self._real = {
            name: getattr(os, name)
            for name in (
                "open",
                "write",
                "fsync",
                "ftruncate",
                "mkdir",
                "unlink",
                "replace",
            )
        }
        for name in self._real:
            monkeypatch.setattr(os, name, getattr(self, f"_{name}"))
        self._durable["."] = self._now["."] = self._folder(root)

    def states(self, *, thorough: bool = True) -> Iterator[State]:
        """Go through what may be there after a power cut now."""
        nodes = dict.fromkeys([*self._durable.values(), *self._now.values()])
        nodes |= dict.fromkeys(naming.node for naming in self._pending)
        contents = {node: node.contents() for node in nodes if not node.is_folder}
        most = max(map(len, contents.values()), default=1)
        ways = range(most if thorough else min(most, 3))
        for selection, way in product(self._selections(thorough), ways):
            names = dict(self._durable)
            for naming in selection:
                naming.apply(names)
            yield {
                name: contents[node][way % len(contents[node])]
                if node in contents
                else None
                for name, node in sorted(names.items())
                # Without its folder nobody finds it.
                if {str(parent) for parent in Path(name).parents} <= names.keys()
            }

    def _selections(self, thorough: bool) -> list[Sequence[Naming]]:
        """Return which of the changes of names have come to the disk."""
        pending = self._pending
        if thorough and len(pending) <= _FEW:
            masks = product([False, True], repeat=len(pending))
            return [
                [one for one, kept in zip(pending, mask, strict=True) if kept]
                for mask in masks
            ]
        each = range(len(pending) if thorough else 0)
        return [
            [],
            pending,
            pending[-1:],
            *(pending[:end] for end in each),
            *([pending[place]] for place in each),
            *(pending[:place] + pending[place + 1 :] for place in each),
        ]

    def _name(self, path: Any) -> str | None:
        try:
            return str(Path(path).relative_to(self._root))
        except ValueError:
            return None

    def _node(self, descriptor: int) -> Node | None:
        stat = os.fstat(descriptor)
        for node in self._now.values():
            if os.path.samestat(os.fstat(node.descriptor), stat):
                return node
        return None

    def _folder(self, path: Path) -> Node:
        return Node(self._real["open"](path, os.O_RDONLY), is_folder=True)

    def _rename(self, naming: Naming) -> None:
        naming.apply(self._now)
        self._pending.append(naming)

    def _open(self, path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        name = self._name(path)
        if name is None or not flags & os.O_CREAT:
            descriptor: int = self._real["open"](path, flags, *args, **kwargs)
            return descriptor
        self._before()
        descriptor = self._real["open"](path, flags, *args, **kwargs)
        if name not in self._now:
            self._rename(Naming(Node(os.dup(descriptor), is_folder=False), name))
        return descriptor

    def _write(self, descriptor: int, octets: bytes) -> int:
        if self._node(descriptor):
            self._before()
        written: int = self._real["write"](descriptor, octets)
        return written

    def _ftruncate(self, descriptor: int, length: int) -> None:
        if self._node(descriptor):
            self._before()
        self._real["ftruncate"](descriptor, length)

    def _fsync(self, descriptor: int) -> None:
        node = self._node(descriptor)
        if node is None:
            return
        self._before()
        if not node.is_folder:
            node.durable = node.content()
            return
        (folder,) = (name for name, each in self._now.items() if each is node)
        still = []
        for naming in self._pending:
            if naming.is_in(folder):
                naming.apply(self._durable)
            else:
                still.append(naming)
        self._pending = still

    def _mkdir(self, path: Any, *args: Any, **kwargs: Any) -> None:
        name = self._name(path)
        if name is None:
            self._real["mkdir"](path, *args, **kwargs)
            return
        self._before()
        self._real["mkdir"](path, *args, **kwargs)
        self._rename(Naming(self._folder(path), name))

    def _unlink(self, path: Any, **kwargs: Any) -> None:
        name = self._name(path)
        node = None if name is None else self._now.get(name)
        if name is not None and node:
            self._before()
            self._rename(Naming(node, "", name))
        self._real["unlink"](path, **kwargs)

    def _replace(self, source: Any, target: Any, **kwargs: Any) -> None:
        old, name = self._name(source), self._name(target)
        if old is None or name is None:
            self._real["replace"](source, target, **kwargs)
            return
        self._before()
        self._real["replace"](source, target, **kwargs)
        self._rename(Naming(self._now[old], name, old))


def show(state: State, folder: Path) -> None:
    """Make a folder that looks like a disk."""
    for name, content in state.items():
        if content is None:
            (folder / name).mkdir(exist_ok=True)
        else:
            (folder / name).write_bytes(content)
