"""A spool that was damaged: what is whole goes on, what is not is set aside."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
import json
from pathlib import Path
import shutil
from typing import Any

from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.qq_mail.clock import read_clock
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.outbox.record import as_json, from_json
from custom_components.qq_mail.outbox.spool import Change, Spool
from homeassistant.core import HomeAssistant
from tests.conftest import settle, settle_folder, shut_down
from tests.outbox.test_records import MESSAGE, NOW
from tests.qq_server import QQServer

from .conftest import fuzz
from .test_actions import JSON

NUMBER = 4
"""How many messages wait in the spool that is damaged."""

type Damage = Callable[[Path], object]


@pytest.fixture
async def spool(
    hass: HomeAssistant, server: QQServer, loaded_entry: MockConfigEntry
) -> Path:
    """Return a spool as an outage leaves it, with nobody working on it."""
    server.stop()
    try:
        for number in range(NUMBER):
            await hass.services.async_call(
                "notify",
                "qq_mail",
                {"title": f"Alert {number}", "message": "水浸"},
                blocking=True,
            )
        await shut_down(hass, loaded_entry)
    finally:
        server.start()
    folder = Path(hass.config.path(".storage", DOMAIN, loaded_entry.entry_id))
    settle_folder(folder)
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
        content[int(len(content) * share) % len(content)] ^= mask
        file.write_bytes(content)

    return damage


def value(key: str, other: Any) -> Damage:
    """Put any JSON in the place of a value; in a message, that is more text."""

    def damage(file: Path) -> None:
        text = json.dumps(other)
        try:
            text = json.dumps({**json.loads(file.read_bytes()), key: other})
        finally:
            file.write_text(text)

    def anywhere(file: Path) -> None:
        try:
            damage(file)
        except ValueError:
            return

    return anywhere


def replaced(content: bytes) -> Damage:
    """Write something else."""
    return lambda file: file.write_bytes(content)


def folder(file: Path) -> None:
    """Put a folder, with something in it, in a file's place."""
    file.unlink()
    file.mkdir()
    (file / "something").write_text("else")


def link(target: str) -> Damage:
    """Put a symbolic link in a file's place."""

    def damage(file: Path) -> None:
        file.unlink()
        file.symlink_to(target)

    return damage


KEYS = [
    *("version", "queue_id", "subject", "reverse_path", "recipients", "message_id"),
    *("importance", "tag", "size", "gaps", "date_at", "dated", "written", "age"),
    *("lifetime", "wait", "attempts", "failures", "unanswered", "in_data"),
    *("restored", "cause", "reply", "unknown"),
]
SHARES = st.floats(0, 1, exclude_max=True)
DAMAGES = st.one_of(
    st.builds(cut, SHARES),
    st.builds(flip, SHARES, st.integers(1, 255)),
    st.builds(value, st.sampled_from(KEYS), JSON),
    st.builds(replaced, st.binary(max_size=50)),
    st.builds(replaced, JSON.map(lambda other: json.dumps(other).encode())),
    st.just(Path.unlink),
    st.just(folder),
    st.builds(link, st.sampled_from(["nowhere", ".", "state.json", "/dev/null"])),
)
PLACES = st.tuples(st.integers(0, NUMBER - 2), st.sampled_from([".json", ".eml"]))
"""Which file is damaged; the last message stays whole."""


def damaged_copy(spool: Path, name: str) -> Path:
    """Return a copy that may be damaged."""
    copy = spool.parent / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(spool, copy)
    return copy


def stems(spool: Path) -> list[str]:
    """Return the queue ids of what waits."""
    return sorted(file.stem for file in spool.glob("*.eml"))


@fuzz(80)
@given(
    damages=st.dictionaries(PLACES, DAMAGES, max_size=5),
    state=st.none() | DAMAGES,
    extra=st.dictionaries(
        st.sampled_from(["x.json", "x.eml", "x.tmp", "x", ".json", "damaged/x.json"]),
        st.binary(max_size=30),
    ),
)
async def test_damaged(
    spool: Path,
    damages: dict[tuple[int, str], Damage],
    state: Damage | None,
    extra: dict[str, bytes],
) -> None:
    """Nothing is raised, no whole message is missing, and no text disappears."""
    now = read_clock()
    whole = {message.queue_id: message for message in Spool(spool).load(now).queue}
    names = stems(spool)
    copy = damaged_copy(spool, "copy")
    (copy / "damaged").mkdir(mode=0o700)
    for name, content in extra.items():
        (copy / name).write_bytes(content)
    for (number, suffix), damage in damages.items():
        damage(copy / f"{names[number]}{suffix}")
    for damage in filter(None, [state]):
        damage(copy / "state.json")
    # Without its other file it never counted.
    texts = {
        stem
        for stem in names
        if (copy / f"{stem}.eml").is_file() and (copy / f"{stem}.json").exists()
    }
    loaded = {message.queue_id: message for message in Spool(copy).load(now).queue}
    touched = {names[number] for number, _ in damages}
    assert {stem: loaded.get(stem) for stem in set(names) - touched} == {
        stem: whole[stem] for stem in set(names) - touched
    }
    aside = {file.stem for file in (copy / "damaged").glob("*.eml")}
    assert texts <= loaded.keys() | aside
    assert not loaded.keys() & aside


@fuzz(80)
@given(damage=DAMAGES)
def test_damaged_journal(tmp_path: Path, damage: Damage) -> None:
    """What has files of its own is whole, and so is whatever else is loaded."""
    folder = tmp_path / "spool"
    shutil.rmtree(folder, ignore_errors=True)
    messages = {
        queue_id: replace(MESSAGE, queue_id=queue_id)
        for queue_id in (
            f"01ARZ3NDEKTSV4RRFFQ69G5FA{number}" for number in range(NUMBER)
        )
    }
    spool = Spool(folder)
    settled = partial(settle, spool)
    steps: list[Callable[[], object]] = [settled, settled, list, list]
    for step, (queue_id, message) in zip(steps, messages.items(), strict=True):
        draft = spool.temporary(queue_id)
        spool.write_draft(draft, lambda stream: stream.write(b"x\r\n"))
        change = Change(queue_id, partial(as_json, message, NOW), draft)
        assert spool.write([change]) == {}
        step()
    spool.close()
    damage(folder / "journal")
    loaded = Spool(folder).load(NOW).queue
    assert {message.queue_id for message in loaded} >= {*list(messages)[:2]}
    for message in loaded:
        assert message == from_json(as_json(messages[message.queue_id], NOW), NOW)


@pytest.mark.parametrize("key", ["dated", "written"])
async def test_time_without_a_zone(
    hass: HomeAssistant, spool: Path, loaded_entry: MockConfigEntry, key: str
) -> None:
    """One such message must not stop the others, nor the account."""
    file = spool / f"{stems(spool)[0]}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: "2030-01-01"}))
    assert await hass.config_entries.async_setup(loaded_entry.entry_id)
    assert len(loaded_entry.runtime_data.outbox.damaged) == 1
