"""A flood at a server that bears little: what has to come out of it."""

from pathlib import Path
import sys
from xml.etree import ElementTree as ET

import pytest

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.store import segment
from simulator.__main__ import main
from simulator.agenda import HOUR, MINUTE
from simulator.floods import KINDS, WITH_SECOND, Plan, Week, chart, play, table

PLAN = Plan()
"""The week that stands in the documentation."""
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def weeks() -> list[Week]:
    """Play it with all there is, alone and with a second account.

    The disk has small segments.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "FULL", 64 * 1024)
        patch.setattr(segment, "ROOM", 16 * 1024)
        return [play(kind, PLAN) for kind in ("digest and pace", WITH_SECOND)]


@pytest.fixture
def week(weeks: list[Week]) -> Week:
    """Return the one with a single account."""
    return weeks[0]


def test_every_alert_is_told(week: Week) -> None:
    """By itself or in a digest; none is given up, and none waits in the end."""
    assert week.alone + week.in_digests == week.raised > 2 * PLAN.alerts
    assert (week.given_up, week.lost, week.waiting) == (0, 0, 0)
    assert week.mails < week.raised / 4


def test_rate_is_refused_once_a_day(week: Week) -> None:
    """After the first refusal there is no further one."""
    # By another program's mails alone, at night.
    assert len(week.refusals) == 1
    assert week.refusals_after_the_first == 0


def test_what_matters_does_not_wait(week: Week) -> None:
    """An alarm within ten seconds, a login code within fifteen, whatever floods."""
    assert len(week.delays[Priority.HIGHEST]) == 2
    assert max(week.delays[Priority.HIGHEST]) < 10
    assert len(week.codes) > 10
    assert max(week.codes) < 15


def test_one_mail_a_minute(week: Week) -> None:
    """To one person, once it floods."""
    assert len(week.flood_gaps) > 80
    assert min(week.flood_gaps) > 59.9
    # Not in its first minute, before it is known for one.
    assert week.first_minute == 11


def test_logins(week: Week) -> None:
    """No more than ten an hour."""
    assert week.logins_in_hour <= 10


def test_a_second_account(weeks: list[Week]) -> None:
    """An alarm does not wait while QQ refuses the first one; nothing else is worse."""
    alone, with_second = weeks
    assert len(alone.refused) == len(with_second.refused) == 2
    assert max(alone.refused) > HOUR
    assert max(with_second.refused) < MINUTE
    assert with_second.alone + with_second.in_digests == with_second.raised
    assert with_second.refusals == alone.refusals


def test_table_and_chart(weeks: list[Week]) -> None:
    """They show what is stated here, and the table stands in the documentation."""
    week, _ = weeks
    lines = table(weeks)
    assert lines[0] == f"|  | digest and pace | {WITH_SECOND} |"
    assert f"| Alerts raised | {week.raised} | {week.raised} |" in lines
    text = (DOCS / "simulation.md").read_text(encoding="utf-8")
    assert [line for line in lines if f"\n{line}" not in text] == []
    picture = ET.fromstring(chart(weeks))  # noqa: S314 - our own
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert WITH_SECOND in texts


def test_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It prints the table, draws the chart, and ends well."""
    file = tmp_path / "floods.svg"
    arguments = ["simulate", "--floods", "--days", "1", "--chart", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.delitem(KINDS, WITH_SECOND)
    monkeypatch.delitem(KINDS, "pace alone")
    monkeypatch.delitem(KINDS, "neither")
    assert main() == 0
    assert "| Refused for rate |" in capsys.readouterr().out
    assert file.read_text().startswith("<svg")
