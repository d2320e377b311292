"""A store's folder in which anything may stand: what is whole is read, nothing raises."""

from collections.abc import Callable
import json
from pathlib import Path
import shutil

from hypothesis import given, strategies as st
import pytest

from custom_components.qq_mail.store import Journal, Key
from custom_components.qq_mail.store.journal import Change
from tests.store.house import seen
from tests.store.test_damage import put

from .conftest import fuzz

KEYS: list[Key] = [("message", "a", f"{number}") for number in range(4)]
NEW: Key = ("limits", "", "")
TEXT = b"text\r\n" * 99

type Damage = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in which some messages wait, and one has gone out."""
    folder = tmp_path / "qq_mail"
    journal = Journal(folder)
    journal.load()
    journal.write([put(key, 0, TEXT) for key in KEYS])
    journal.write([put(KEYS[0], 1), Change(KEYS[1], None)])
    journal.write([put(KEYS[2], 1)])
    return folder


def cut(share: float) -> Damage:
    """Keep so much of a file."""

    def damage(file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * share)])

    return damage


def flip(share: float, mask: int) -> Damage:
    """Change an octet somewhere."""

    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[int(len(content) * share)] ^= mask
        file.write_bytes(content)

    return damage


def splice(share: float, other: bytes) -> Damage:
    """Put octets somewhere, so that all behind them moves."""

    def damage(file: Path) -> None:
        content = file.read_bytes()
        place = int(len(content) * share)
        file.write_bytes(content[:place] + other + content[place:])

    return damage


def twice(file: Path) -> None:
    """Say everything twice."""
    file.write_bytes(file.read_bytes() * 2)


def be_a_folder(file: Path) -> None:
    """Put a folder in a file's place."""
    file.unlink()
    file.mkdir()


def be_a_link(file: Path) -> None:
    """Put a symbolic link to nothing in a file's place."""
    file.unlink()
    file.symlink_to(file)


SHARES = st.floats(0, 1, exclude_max=True)
DAMAGES = st.one_of(
    st.builds(cut, SHARES),
    st.builds(flip, SHARES, st.integers(1, 255)),
    st.builds(splice, SHARES, st.binary(min_size=1, max_size=50)),
    st.sampled_from([twice, be_a_folder, be_a_link, Path.unlink]),
)
NAMES = ["snapshot", "x.text", "records-9", "texts-000009-00000000", "damaged/x", "x"]


@fuzz(80)
@given(
    damages=st.dictionaries(st.integers(0, 1), DAMAGES, max_size=2),
    extra=st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=30)),
)
def test_damaged_folder(
    folder: Path, damages: dict[int, Damage], extra: dict[str, bytes]
) -> None:
    """Nothing raises, what is read was so once, and more can be added."""
    copy = folder.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    (copy / "damaged").mkdir()
    for name, content in extra.items():
        (copy / name).write_bytes(content)
    files = sorted(file for file in copy.iterdir() if "-00000" in file.name)
    for number, damage in damages.items():
        damage(files[number])
    journal = Journal(copy)
    for key, (record, text) in seen(journal, journal.load()).items():
        assert text == TEXT
        assert json.loads(record)["key"] == list(key)
    journal.write([put(NEW, 2)])
    while journal.is_untidy:
        journal.tidy()
    assert Journal(copy).load().records[NEW]["number"] == 2
