"""Which titles went out most: whoever sends too much is to be found."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from homeassistant.util import dt as dt_util

from .record import Record

_MOST_TITLES = 50
"""Of a day: a title may be made by a template."""
_LONGEST = 100
_SHOWN = 3


class Titles:
    """How often each title was sent today and yesterday."""

    def __init__(self) -> None:
        """Begin with none."""
        self._days: dict[date, dict[str, int]] = {}

    def count(self, title: str) -> None:
        """Note that a message with this title was accepted just now."""
        today = dt_util.now().date()
        if today not in self._days:
            # A clock that was set back makes a third day: the oldest goes.
            self._days = dict(sorted(self._days.items())[-1:])
            self._days[today] = {}
        titles, title = self._days[today], title[:_LONGEST]
        if title not in titles and len(titles) >= _MOST_TITLES:
            # Who was sent least makes room, and hands its count on: a title that comes
            # often stays, whatever comes in between.
            least = min(titles, key=lambda one: titles[one])
            titles[title] = titles.pop(least)
        titles[title] = titles.get(title, 0) + 1

    def most(self) -> list[tuple[str, int]]:
        """Return the titles that were sent most, and how often."""
        sums: dict[str, int] = {}
        for titles in self._days.values():
            for title, number in titles.items():
                sums[title] = sums.get(title, 0) + number
        return sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Return what can be written as JSON."""
        # A copy: it is written by a thread.
        return {day.isoformat(): dict(titles) for day, titles in self._days.items()}

    def read(self, data: Mapping[str, Any]) -> None:
        """Take over what was written. Raises ValueError where anything is not right."""
        days: dict[date, dict[str, int]] = {}
        for day, titles in sorted(data.items())[-2:]:
            if not isinstance(titles, dict):
                raise ValueError("no titles")  # noqa: TRY004 - as all others
            record = Record(titles)
            some = list(titles)[:_MOST_TITLES]
            counts = {title[:_LONGEST]: record.count(title) for title in some}
            days[date.fromisoformat(day)] = counts
        self._days = days
