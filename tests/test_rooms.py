"""The rooms of the integration, and who may know whom: arrows go down."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "custom_components" / "qq_mail"
PACKAGE = "custom_components.qq_mail"

KNOWS = {
    "mime": set(),
    "smtp": {"mime"},
    "store": set(),
    "typed": {"clock"},
    "inbox": {"const", "mime", "smtp"},
    "core": {"clock", "mime", "smtp", "typed"},
    "outbox": {"clock", "const", "core", "mime", "smtp", "started", "store"},
    "content": {"const", "mime", "texts"},
    "buttons": {
        *("clock", "const", "issues", "mime", "started", "store", "texts", "typed"),
    },
    "answers": {
        *("accounts", "clock", "const", "history", "issues", "started", "texts"),
        "typed",
        *("buttons", "content", "core", "inbox", "mime", "outbox", "sending", "smtp"),
    },
    "repeats": {"clock", "const", "core", "mime", "outbox", "started", "typed"},
    "sending": {
        *("accounts", "clock", "const", "errors", "issues", "options", "texts"),
        *("buttons", "content", "core", "mime", "outbox", "smtp"),
    },
    "calls": {
        *("accounts", "clock", "const", "errors", "history", "texts"),
        *(
            "answers",
            "buttons",
            "content",
            "core",
            "mime",
            "outbox",
            "repeats",
            "sending",
            "smtp",
            "store",
        ),
        "typed",
    },
    "history": {
        *("accounts", "buttons", "clock", "core", "mime", "options", "outbox"),
        *("smtp", "store", "typed"),
    },
    "page": {
        *("accounts", "clock", "const", "errors", "history", "texts"),
        *("calls", "content", "core", "outbox", "smtp"),
    },
}
"""Rooms, and flat files that know no room above those that they may be known by."""
CORE_IMPORTS = {
    *("bisect", "collections", "collections.abc", "dataclasses", "datetime", "enum"),
    *("functools", "hashlib", "itertools", "logging", "math", "re", "typing"),
    *("clock.Now", "clock.UNSURE_FOR", "mime.models", "smtp.errors", "smtp.models"),
    *("smtp.replies", "typed"),
}
"""What `outbox/core/` imports beside itself: nothing that reads a clock, disk or socket."""
# What may be loaded when it is needed: in a thread, and only for who needs it.
LATER = {
    "content/attachments/pictures.py": "Pillow",
    "content/charts/drawing.py": "Pillow",
    "content/charts/fetching.py": "Pillow and the recorder",
    "content/charts/recording.py": "the recorder",
}


def modules() -> Iterator[Path]:
    """Yield every module of the integration."""
    return ROOT.rglob("*.py")


def room_of(path: Path) -> str:
    """Return the room of a file; a flat one is its own."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[:2] == ("outbox", "core"):
        return "core"
    return parts[0]


def imports(path: Path) -> Iterator[tuple[str, ast.ImportFrom]]:
    """Yield what a file imports of ours, by its dotted name, wherever that stands."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            yield ".".join((*base, *filter(None, [node.module]))), node


def file_of(name: str) -> Path:
    """Return the file of a dotted name."""
    path = ROOT.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@pytest.mark.parametrize("room", KNOWS)
def test_arrows(room: str) -> None:
    """A room knows the rooms below it, and no other."""
    files = [path for path in modules() if room_of(path) == room]
    assert files
    known = {
        room_of(file_of(name)): f"{path.name} imports {name}"
        for path in files
        for name, _ in imports(path)
    }
    others = {one: how for one, how in known.items() if one != room}
    assert {one: how for one, how in others.items() if one not in KNOWS[room]} == {}
    # Nothing is allowed that nobody needs.
    assert KNOWS[room] - others.keys() == set()


def test_core_without_clock_and_io() -> None:
    """Nothing is in it but what is listed, the standard library included."""
    imported: set[str] = set()
    for path in (one for one in modules() if room_of(one) == "core"):
        for name, node in imports(path):
            if name == "clock":
                imported |= {f"clock.{one.name}" for one in node.names}
            elif not name.startswith("outbox.core"):
                imported.add(name)
        for each in ast.walk(ast.parse(path.read_text())):
            if isinstance(each, ast.Import):
                imported |= {one.name for one in each.names}
            elif isinstance(each, ast.ImportFrom) and not each.level:
                imported.add(each.module or "")
    assert imported == CORE_IMPORTS


def test_no_circle() -> None:
    """No module needs itself, be it by an import inside a function."""
    graph = {
        path: {file_of(name) for name, _ in imports(path)} - {path}
        for path in modules()
    }
    assert list(TopologicalSorter(graph).static_order())


def test_imports_stand_at_the_top() -> None:
    """But for what is large, and which most houses never need."""
    for path in modules():
        tree = ast.parse(path.read_text())
        top = set(map(id, tree.body))
        inside = [
            ast.unparse(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in top
        ]
        assert not inside or str(path.relative_to(ROOT)) in LATER, (path, inside)


def test_no_file_is_long() -> None:
    """About three hundred lines are what a reader keeps in mind; 400 are too many."""
    long = {
        str(path.relative_to(ROOT)): number
        for path in modules()
        if (number := len(path.read_text().splitlines())) > 400
    }
    assert long == {}
