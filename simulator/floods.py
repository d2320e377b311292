"""A week with floods, at a server that bears little: with the pace and without it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings
from custom_components.qq_mail.outbox.core.models import Outcome

from .agenda import DAY, HOUR, MINUTE, duration
from .report import taken_by
from .scenarios import World

LIMITS = {MINUTE: 15, HOUR: 100, DAY: 500}
"""What a server takes."""
WITH_SECOND = "digest and pace, second account"
KINDS = {
    "digest and pace": Settings(),
    WITH_SECOND: Settings(),
    "pace alone": Settings(digest=False),
    "neither": Settings(per_minute=0, per_day=0, digest=False),
}

DOOR, CODE = "Door open, door closed", "Login code"
ANNA, GUEST = "anna@example.com", "guest@example.com"
_CALM = 2 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What came of it."""

    kind: str
    raised: int
    alone: int
    """Alerts that were told in a mail of their own."""
    in_digests: int
    given_up: int
    """Alerts that were too old in the end, which was told in the house."""
    waiting: int
    """What still waits after two calm days."""
    lost: int
    mails: int
    logins_in_hour: int
    """In the worst one."""
    refusals: list[float]
    """For rate: when."""
    delays: dict[Priority, list[float]]
    """Seconds until the server had an alert, while it took the account's messages."""
    late: dict[Priority, list[float]]
    """The same, whatever the server did."""
    refused: list[float]
    """The same of alarms that were raised while the server refused the account."""
    codes: list[float]
    """Of login codes."""
    first_minute: int
    """Mails of a flood in its first minute, in the worst one."""
    flood_gaps: list[float]
    """Seconds between two mails of a flood, after its first minute."""
    told: list[float]
    """When the server had an alert of the first flood, since that began."""

    @property
    def refusals_after_the_first(self) -> int:
        """How many came within a day of another one that was no such itself."""
        number, first = 0, float("-inf")
        for at in self.refusals:
            if at - first < DAY:
                number += 1
            else:
                first = at
        return number


@dataclass(frozen=True, slots=True)
class Plan:
    """How long it is, and how much of a flood."""

    days: int = 7
    alerts: int = 2000
    """Of a flood, in an hour."""


def play(kind: str, plan: Plan, seed: int = 1) -> Week:
    """Play it."""
    world = World(seed, lambda _line: None, KINDS[kind], second=kind == WITH_SECOND)
    server, house, chance = world.server, world.house, world.chance
    for one in world.servers:
        one.limits, one.penalty = LIMITS, HOUR

    def raise_at(at: float, subject: str, priority: Priority, *people: str) -> None:
        if at < plan.days * DAY:
            people = people or (ANNA, "bo@example.com")
            world.agenda.at(at, lambda: house.alert(subject, priority, people))

    floods = [14 * HOUR, 3 * DAY + 2 * HOUR]
    for begin in floods:
        for number in range(plan.alerts):
            raise_at(begin + number * HOUR / plan.alerts, DOOR, Priority.NORMAL)
        for minutes in (7, 21, 48):
            raise_at(begin + minutes * MINUTE + 3, CODE, Priority.NORMAL, GUEST)
    for day in range(plan.days):
        raise_at(day * DAY + 3 * HOUR, "Report of the night", Priority.LOW, ANNA)
        for _ in range(8):
            at = day * DAY + chance.uniform(8, 22) * HOUR
            raise_at(at, "Someone is at the door", Priority.HIGH)
        for _ in range(3):
            raise_at(day * DAY + chance.uniform(0, DAY), CODE, Priority.NORMAL, GUEST)
    for at, alarm in (
        (floods[0] + 30 * MINUTE, "Water!"),
        (DAY + 12 * HOUR, "Power failed"),
        (floods[1] + 10 * MINUTE, "Smoke!"),
        (2 * DAY + 1.5 * HOUR, "Window broken"),
        (5 * DAY + 11 * HOUR, "Gas!"),
    ):
        raise_at(at, alarm, Priority.HIGHEST)
    for one in world.servers:
        # That is the line of the house.
        world.agenda.at(DAY + 10 * HOUR, partial(setattr, one, "away", True))
        world.agenda.at(DAY + 16 * HOUR, partial(setattr, one, "away", False))
    # Another program has used up the hour when a window rattles at night.
    night = 2 * DAY + HOUR
    world.agenda.at(night, lambda: server.accept_from_others(100))
    for number in range(60):
        raise_at(night + (10 + number) * MINUTE, "Window rattles", Priority.LOW)
    # The code is revoked in the morning, and there is a new one in the afternoon.
    world.agenda.at(5 * DAY + 9 * HOUR, world.set_server(code=2))
    world.agenda.at(5 * DAY + 15 * HOUR, house.renew_code)

    house.start()
    world.agenda.run(plan.days * DAY + _CALM)
    return _counted(kind, world, floods)


def _counted(kind: str, world: World, floods: list[float]) -> Week:
    report = world.report
    first: dict[str, float] = {}
    alone: set[str] = set()
    mails: dict[str, float] = {}
    for one in taken_by(world.servers):
        told = report.in_mail(one.queue_id)
        mails.setdefault(one.queue_id, one.at)
        for queue_id in told:
            if queue_id not in first and len(told) == 1:
                alone.add(queue_id)
            first.setdefault(queue_id, one.at)
    delays: dict[Priority, list[float]] = {priority: [] for priority in Priority}
    late: dict[Priority, list[float]] = {priority: [] for priority in Priority}
    codes: list[float] = []
    refused: list[float] = []
    for queue_id, at in first.items():
        alert = report.alerts[queue_id]
        waited = at - alert.raised
        late[alert.priority].append(waited)
        if alert.reachable:
            delays[alert.priority].append(waited)
            if alert.subject == CODE:
                codes.append(waited)
        elif alert.online and alert.priority is Priority.HIGHEST:
            refused.append(waited)
    settled = [
        outcome
        for alert in report.alerts.values()
        for outcome in set(alert.settled.values())
    ]
    of_flood = [
        at
        for queue_id, at in mails.items()
        if report.alerts[report.in_mail(queue_id)[0]].subject == DOOR
    ]
    first_minute = max(
        sum(begin <= at <= begin + MINUTE for at in of_flood) for begin in floods
    )
    gaps = [
        later - at
        for begin in floods
        for at, later in _pairs(
            at for at in of_flood if begin + MINUTE < at < begin + HOUR
        )
    ]
    return Week(
        kind=kind,
        raised=len(report.alerts),
        alone=len(alone),
        in_digests=len(first) - len(alone),
        given_up=settled.count(Outcome.EXPIRED),
        waiting=world.house.waiting,
        lost=sum(
            queue_id not in first
            and not alert.settled
            and not world.house.has(queue_id)
            for queue_id, alert in report.alerts.items()
        ),
        mails=len(mails),
        logins_in_hour=max(
            sum(at - HOUR < other <= at for other in one.logins_at)
            for one in world.servers
            for at in one.logins_at
        ),
        refusals=sorted(at for one in world.servers for at in one.refused_for_rate),
        delays=delays,
        late=late,
        refused=refused,
        codes=codes,
        first_minute=first_minute,
        flood_gaps=gaps,
        told=sorted(
            at - floods[0]
            for queue_id, at in first.items()
            if report.alerts[queue_id].subject == DOOR
            and report.alerts[queue_id].raised < floods[0] + HOUR
        ),
    )


def _pairs(times: Iterable[float]) -> list[tuple[float, float]]:
    return list(pairwise(sorted(times)))


def table(weeks: list[Week]) -> list[str]:
    """Word it as a table, as it stands in the documentation."""
    rows: dict[str, list[object]] = {
        "Alerts raised": [week.raised for week in weeks],
        "told by a mail of their own": [week.alone for week in weeks],
        "told in a digest": [week.in_digests for week in weeks],
        "given up after a day": [week.given_up for week in weeks],
        "waiting two days later": [week.waiting for week in weeks],
        "Mails sent": [week.mails for week in weeks],
        "Refused for rate": [len(week.refusals) for week in weeks],
        "of these within a day of the first": [
            week.refusals_after_the_first for week in weeks
        ],
        "Logins in the worst hour": [week.logins_in_hour for week in weeks],
        "Mails of a flood in its first minute": [week.first_minute for week in weeks],
        "from then on at least so far apart": [
            _extreme(min, week.flood_gaps) for week in weeks
        ],
        "highest, while QQ takes mails: longest delay": [
            _extreme(max, week.delays[Priority.HIGHEST]) for week in weeks
        ],
        "highest, while QQ refuses the account: longest delay": [
            _extreme(max, week.refused) for week in weeks
        ],
        "login codes, while QQ takes mails": [
            _extreme(max, week.codes) for week in weeks
        ],
    }
    for priority in Priority:
        for what, choose in (("longest", max), ("median", median)):
            if weeks[0].late[priority]:
                rows[f"{priority}: {what} delay"] = [
                    duration(choose(week.late[priority])) for week in weeks
                ]
    names = [week.kind for week in weeks]
    lines = [["", *names], ["---"] * (len(names) + 1)]
    lines += [[name, *map(str, cells)] for name, cells in rows.items()]
    return [f"| {' | '.join(line)} |" for line in lines]


def _extreme(choose: Callable[[list[float]], float], times: list[float]) -> str:
    return duration(choose(times)) if times else "none"


_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 680, 300, 60, 40
_HOURS = 6
_BAR, _NAMES = 24, 230
_COLOURS = ("#1a73e8", "#0b8043", "#e37400", "#9aa0a6")


def chart(weeks: list[Week]) -> str:
    """Draw how many alerts of the first flood were told by when, as an SVG.

    Below that, how long an alarm waited while the server refused the account.
    """
    most = max(len(week.told) for week in weeks)
    longest = max(max(week.refused, default=0.0) for week in weeks) or 1.0
    height = _HEIGHT + (len(weeks) + 2) * _BAR

    def x(seconds: float) -> float:
        return _LEFT + min(seconds / HOUR / _HOURS, 1.0) * (_WIDTH - _LEFT - 20)

    def y(number: float) -> float:
        return _HEIGHT - _BOTTOM - number / most * (_HEIGHT - _BOTTOM - 40)

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg"',
        f' viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="19" fill="#222">Alerts of a flood that were told</text>',
    ]
    for hour in range(_HOURS + 1):
        at = x(hour * HOUR)
        parts += [
            f'<path d="M{at:.0f} {y(0):.0f}V{y(most):.0f}" stroke="#e0e0e0"/>',
            f'<text x="{at:.0f}" y="{_HEIGHT - 18}" text-anchor="middle" fill="#444">',
            f"{hour} h</text>",
        ]
    for share in (0, 0.5, 1):
        number = most * share
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y(number) + 4:.0f}" text-anchor="end"'
            f' fill="#444">{number:.0f}</text>'
        )
    for place, (week, colour) in enumerate(zip(weeks, _COLOURS, strict=False)):
        line = [f"M{x(0):.1f} {y(0):.1f}"]
        for number, at in enumerate(week.told):
            if at <= _HOURS * HOUR:
                line.append(f"H{x(at):.1f}V{y(number + 1):.1f}")
        line.append(f"H{x(_HOURS * HOUR):.1f}")
        # One that is the same as another's shows between its dashes.
        dashes = ' stroke-dasharray="9 9"' if place % 2 else ""
        parts += [
            f'<path d="{"".join(line)}" fill="none"{dashes}',
            f' stroke="{colour}" stroke-width="2.5"/>',
        ]
        wait = max(week.refused, default=0.0)
        bar = wait / longest * (_WIDTH - _LEFT - _NAMES - 80)
        top = _HEIGHT + (place + 1) * _BAR
        parts += [
            f'<text x="{_LEFT}" y="{top + 13}" fill="{colour}">{week.kind}</text>',
            f'<rect x="{_LEFT + _NAMES}" y="{top}" width="{max(bar, 1.0):.0f}"',
            f' height="16" fill="{colour}"/>',
            f'<text x="{_LEFT + _NAMES + bar + 8:.0f}" y="{top + 13}" fill="#222">',
            f"{duration(wait)}</text>",
        ]
    parts += [
        f'<text x="{_LEFT}" y="{_HEIGHT + 8}" fill="#222">',
        "highest, while QQ refuses the account: longest delay</text>",
    ]
    return "\n".join([*parts, "</svg>", ""])
