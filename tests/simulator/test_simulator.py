"""A day of a house for each thing that can happen to it, and weeks of everything."""

from dataclasses import replace
import sys

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core import plan
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import Attempt, Level, Message
from custom_components.qq_mail.outbox.core.queue import Queue
from simulator import sessions
from simulator.__main__ import main
from simulator.agenda import HOUR, MINUTE
from simulator.report import FaultError, Summary
from simulator.scenarios import SCENARIOS, World, play
from tests.store.power import SimulatedDisk

SILENT = list[str]().append


ONE_BY_ONE = Settings(digest=False)


def day(name: str, days: int = 1) -> Summary:
    """Play a scenario; nothing is lost in any of them, nor sent twice in vain."""
    summary = play(days, 1, [name], SILENT, ONE_BY_ONE)
    assert summary.faults == []
    return summary


@pytest.mark.parametrize("name", SCENARIOS)
def test_nobody_is_lost(name: str) -> None:
    """Whoever raised an alert has it sent, or is told."""
    summary = day(name, days=3)
    assert summary.raised >= 3 * 18
    assert summary.accepted + summary.failed == summary.raised
    assert summary.expired == 0


@pytest.mark.parametrize(
    "name", ["calm", "flapping", "restarts", "bad_recipient", "power_cuts", "full_disk"]
)
def test_the_fire_does_not_wait(name: str) -> None:
    """Not for more than a few seconds, whatever else goes out."""
    assert day(name).worst[Priority.HIGHEST] < 10


def test_calm() -> None:
    """One login for each alert that comes alone, and one a day."""
    summary = day("calm")
    assert (summary.copies, summary.refused, summary.mails) == (0, 0, 18)
    assert summary.logins <= 18 + 3


def test_flapping() -> None:
    """One of the sensor's alerts after the other, at the pace."""
    summary = day("flapping")
    assert (summary.copies, summary.refused) == (0, 0)
    assert summary.worst[Priority.LOW] < MINUTE


def test_outage() -> None:
    """What waited for hours goes out; fresh alerts cost a try, old ones few."""
    summary = day("outage")
    assert summary.copies == 0
    assert 4.1 * HOUR > summary.worst[Priority.LOW] > 3 * HOUR


def test_rate_limit() -> None:
    """It is met once: after the pause the pace is what the server bears."""
    summary = day("rate_limit")
    assert summary.refused == 1
    assert summary.worst[Priority.LOW] < 70 * MINUTE


def test_revoked() -> None:
    """Few logins are refused, and all goes out once there is a new code."""
    summary = day("revoked")
    assert summary.refused == 3
    assert summary.worst[Priority.NORMAL] < 9 * HOUR


def test_busy_login() -> None:
    """The third works, with nobody's help."""
    summary = day("busy_login")
    assert summary.refused == 2
    assert summary.worst[Priority.NORMAL] < 1.5 * HOUR


def test_bad_recipient() -> None:
    """The other one has the alert at once."""
    summary = day("bad_recipient")
    assert summary.rejected == summary.refused > 0
    assert max(summary.worst.values()) < 10


def test_late_answers() -> None:
    """Sent three times at most, and said so."""
    summary = day("late_answers")
    # Two recipients have two copies each.
    assert (summary.copies, summary.unknown) == (4, 2)


def test_clock() -> None:
    """Nothing expires by it."""
    summary = day("clock")
    assert summary.copies == 0
    assert summary.worst[Priority.HIGHEST] < 4 * HOUR


@pytest.mark.usefixtures("small")
def test_full_disk() -> None:
    """It goes out from memory; where that fails, the call does."""
    summary = day("full_disk")
    assert 0 < summary.failed < 5
    assert summary.copies == 0


@pytest.mark.parametrize(
    "settings",
    [pytest.param(Settings(), id="digests"), pytest.param(ONE_BY_ONE, id="one by one")],
)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.usefixtures("small")
def test_everything(settings: Settings, seed: int) -> None:
    """All of it together, with one account and with two."""
    assert play(1, seed, list(SCENARIOS), SILENT, settings).faults == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("small")
def test_power_cuts(seed: int) -> None:
    """Alerts are merged while the power is cut at this or that sync of the disk."""
    lines: list[str] = []
    # So that many wait, and are merged.
    settings = Settings(burst=1, per_minute=1)
    summary = play(1, seed, ["power_cuts"], lines.append, settings)
    assert summary.faults == []
    ends = [line for line in lines if "power cut for" in line or "restart for" in line]
    assert len(ends) >= 5
    assert summary.mails < summary.raised


@pytest.mark.parametrize("name", ["outage", "rate_limit", "revoked", "hanging"])
def test_a_second_account(name: str) -> None:
    """An alarm goes by it while the first one's server is away, refuses or hangs."""
    summary = play(1, 2, [name], SILENT, ONE_BY_ONE)
    assert summary.faults == []
    assert summary.worst[Priority.HIGHEST] < 30
    assert summary.worst[Priority.HIGH] < 70


@pytest.mark.parametrize("seed", range(0, 6, 2))
@pytest.mark.usefixtures("small")
def test_power_cuts_while_alerts_are_moved(seed: int) -> None:
    """Each is with the one account or with the other, at whichever sync that is."""
    lines: list[str] = []
    summary = play(1, seed, ["refused"], lines.append, Settings(digest=seed != 2))
    assert summary.faults == []
    ends = [line for line in lines if "power cut for" in line or "restart for" in line]
    assert len(ends) >= 3
    # Alone, it would wait for the new code.
    assert summary.worst[Priority.HIGHEST] < 10 * MINUTE


def test_a_copy() -> None:
    """Of an alarm whose answer does not come the other account sends one."""
    lines: list[str] = []
    play(1, 2, ["hanging"], lines.append, ONE_BY_ONE)
    assert sum("Fire!: another account sends a copy" in line for line in lines) == 1


def test_same_seed_same_week() -> None:
    """What was printed once can be looked at again."""
    told: list[list[str]] = [[], [], []]
    for lines, seed in zip(told, (1, 1, 2), strict=True):
        play(1, seed, ["outage", "power_cuts"], lines.append, Settings())
    assert told[0] == told[1] != told[2]


def test_it_would_notice() -> None:
    """What is lost, sent twice, or waits in the end is a fault."""
    world = World(1, SILENT, ONE_BY_ONE)
    world.server.away = True
    world.house.start()
    world.house.alert("Water")
    world.house.alert("Fire!")
    world.agenda.run(MINUTE)
    one, other = world.report.alerts
    world.server.accept(one, ["anna@example.com"])
    world.server.accept(one, ["anna@example.com"])
    summary = world.report.summary(world.servers, world.house.waiting)
    assert (summary.needless, summary.lost, summary.waiting) == (1, 3, 2)
    assert len(summary.faults) == 3
    world.report.alerts[one].may_copy = True
    world.report.fail(other)
    summary = world.report.summary(world.servers, 0)
    assert summary.faults == ["1 lost with nobody told"]
    assert replace(summary, lost=0).faults == []


def test_it_would_notice_a_late_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that takes too long makes one."""
    monkeypatch.setattr(sessions, "_LOGIN", 10.0)
    summary = play(1, 1, ["calm"], SILENT, ONE_BY_ONE)
    assert summary.faults == ["1 of the highest priority too late"]


def test_it_would_notice_that_nobody_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that moves nothing lets alarms wait though the other account works."""
    never = dict.fromkeys(Level, 1e9)
    monkeypatch.setattr(plan, "TAKEN_OVER_AFTER", never)
    summary = play(1, 2, ["outage"], SILENT, ONE_BY_ONE)
    assert summary.faults == ["2 of the highest priority too late"]


def test_it_would_notice_two_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that stays where it was when it is moved."""

    def stay(queue: Queue, message: Message) -> None:
        queue.begin_attempt(Attempt("first", message, fresh=False, since=0.0))

    monkeypatch.setattr(Queue, "hand_out", stay)
    with pytest.raises(FaultError, match="is with first and second"):
        play(1, 2, ["outage"], SILENT, ONE_BY_ONE)


def test_it_would_notice_a_lost_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that says that it has synced, and has not, damages the journal."""

    def lie(self: SimulatedDisk, _descriptor: int) -> None:
        self.before("sync")

    monkeypatch.setattr(SimulatedDisk, "sync", lie)
    with pytest.raises(FaultError, match="damaged"):
        play(1, 1, ["power_cuts"], SILENT, Settings(burst=1, per_minute=1))


def test_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints what happened, and ends well."""
    monkeypatch.setattr(sys, "argv", ["simulate", "--days", "1", "revoked"])
    assert main() == 0
    output = capsys.readouterr().out
    assert "a person is asked for a new code" in output
    assert "raised 18, accepted 18, lost 0\n" in output


def test_unknown_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no scenario of ours."""
    monkeypatch.setattr(sys, "argv", ["simulate", "earthquake"])
    with pytest.raises(SystemExit):
        main()
