"""A flood at a server that bears little: what has to come out of it."""

from pathlib import Path
import sys
from xml.etree import ElementTree as ET

import pytest

from custom_components.qq_mail.mime.models import Priority
from simulator.__main__ import main
from simulator.floods import Plan, Week, chart, play, table

PLAN = Plan()
"""The week that stands in the documentation."""
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def weeks() -> list[Week]:
    """Play it with all there is, and without."""
    return [play(kind, PLAN) for kind in ("digest and pace", "pace alone", "neither")]


def test_every_alert_is_told(weeks: list[Week]) -> None:
    """By itself or in a digest; none is given up, and none waits in the end."""
    week = weeks[0]
    assert week.alone + week.in_digests == week.raised > 2 * PLAN.alerts
    assert (week.given_up, week.lost, week.waiting) == (0, 0, 0)
    assert week.mails < week.raised / 4


def test_rate_is_refused_once_a_day(weeks: list[Week]) -> None:
    """After the first refusal there is no further one."""
    week = weeks[0]
    # By another program's mails alone, at night.
    assert len(week.refusals) == 1
    assert week.refusals_after_the_first == 0
    # What it is like otherwise.
    assert weeks[2].refusals_after_the_first > 1
    assert weeks[2].waiting + weeks[2].given_up > 0


def test_what_matters_does_not_wait(weeks: list[Week]) -> None:
    """An alarm within ten seconds, a login code within fifteen, whatever floods."""
    week = weeks[0]
    assert len(week.delays[Priority.HIGHEST]) == 2
    assert max(week.delays[Priority.HIGHEST]) < 10
    assert len(week.codes) > 10
    assert max(week.codes) < 15


def test_one_mail_a_minute(weeks: list[Week]) -> None:
    """To one person, once it floods; a login takes half a second of it."""
    week = weeks[0]
    assert len(week.flood_gaps) > 80
    assert min(week.flood_gaps) > 59
    # Not in its first minute, before it is known for one.
    assert week.first_minute == 11


def test_logins(weeks: list[Week]) -> None:
    """No more than ten an hour."""
    assert [week.logins_in_hour <= 10 for week in weeks] == [True, True, False]


def test_table_and_chart(weeks: list[Week]) -> None:
    """They show what is stated here, and stand in the documentation."""
    lines = table(weeks)
    assert lines[0] == "|  | digest and pace | pace alone | neither |"
    assert f"| Alerts raised | {' | '.join([str(weeks[0].raised)] * 3)} |" in lines
    picture = ET.fromstring(chart(weeks))  # noqa: S314 - our own
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-3:] == ["digest and pace", "pace alone", "neither"]
    assert "\n".join(lines) in (DOCS / "simulation.md").read_text(encoding="utf-8")
    drawn = (DOCS / "images" / "floods.svg").read_text(encoding="utf-8")
    assert chart(weeks) == drawn


def test_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It prints the table, draws the chart, and ends well."""
    file = tmp_path / "floods.svg"
    arguments = ["simulate", "--floods", "--days", "1", "--chart", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 0
    assert "| Refused for rate |" in capsys.readouterr().out
    assert file.read_text().startswith("<svg")
