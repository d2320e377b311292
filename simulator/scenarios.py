"""What can happen to a house: each by its name, on every second day."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

from custom_components.qq_mail.mime.models import Priority
from custom_components.qq_mail.outbox.core.limits import Settings

from .agenda import DAY, HOUR, MINUTE, Agenda
from .house import FAMILY, FIRST, SECOND, House
from .report import Report, Summary
from .server import Server
from .sessions import Entry

_DAILY = (
    ("Someone is at the door", Priority.NORMAL, 8),
    ("The washing machine is done", Priority.LOW, 3),
    ("Movement in the garden", Priority.HIGH, 4),
    ("Low battery", Priority.LOWEST, 2),
    ("Water under the sink", Priority.HIGHEST, 1),
)
"""What is raised, how important it is, and how often a day."""
_CALM = 2 * DAY
"""After the end, in which everything works and nothing is raised."""
_POWER = 0.7
"""Share of the ends that are power cuts; the others are kills."""
_YEARS_BACK = -56 * 365 * DAY
"""A machine without a battery begins in 1970."""


class World:
    """A house, its server, and what is going to happen."""

    def __init__(
        self,
        seed: int,
        say: Callable[[str], object],
        settings: Settings,
        *,
        second: bool = False,
    ) -> None:
        """Begin; what chance does, the seed decides.

        `second`: a second account, on a server of its own, takes over for the first.
        """
        self.chance = Random(seed)  # noqa: S311 - the same each time
        self.agenda = Agenda()
        self.server, self.other = Server(self.agenda), Server(self.agenda)
        self.servers = (self.server, self.other)
        self.report = Report(self.agenda, say)
        entries = {FIRST: Entry(self.server, settings)}
        if second:
            takes_over = replace(settings, server="smtp.qq.com", fallback=SECOND)
            entries[FIRST] = Entry(self.server, takes_over)
            entries[SECOND] = Entry(
                self.other, replace(settings, server="smtp.exmail.qq.com")
            )
        self.house = House(self.agenda, self.report, self.chance, entries)

    def say_and_do(self, text: str, do: Callable[[], object]) -> Callable[[], object]:
        """Return what is noted when it is done."""

        def both() -> None:
            self.report.note(text)
            do()

        return both

    def set_server(self, **values: object) -> Callable[[], object]:
        """Return what makes the server behave otherwise."""

        def change() -> None:
            for name, value in values.items():
                setattr(self.server, name, value)

        return change

    def burst(self, at: float, seconds: float, number: int, subject: str) -> None:
        """Have many alerts of little importance raised, and a fire in their midst."""
        for place in range(number):
            self.agenda.at(
                at + place * seconds / number,
                lambda place=place: self.house.alert(  # type: ignore[misc]
                    f"{subject} {place + 1}", Priority.LOW
                ),
            )
        self.agenda.at(
            at + seconds / 2, lambda: self.house.alert("Fire!", Priority.HIGHEST)
        )
        self.agenda.at(at, lambda: self.report.note(f"{number} alerts: {subject}"))


def _calm(_world: World, _at: float) -> None:
    """Nothing but the alerts of every day."""


def _flapping(world: World, at: float) -> None:
    """A door's sensor that cannot decide."""
    world.burst(at, 20 * MINUTE, 120, "Door open, door closed")


def _outage(world: World, at: float) -> None:
    """No server for hours; before it is away for good, the line breaks."""
    set_server, say = world.set_server, world.say_and_do
    world.agenda.at(at, say("the line breaks", set_server(breaks=True)))
    away = set_server(breaks=False, away=True)
    world.agenda.at(at + 10 * MINUTE, say("the server is away", away))
    world.agenda.at(at + 5 * HOUR, say("the server is back", set_server(away=False)))
    world.burst(at + HOUR, HOUR, 20, "Freezer too warm")


def _rate_limit(world: World, at: float) -> None:
    """More than QQ takes."""
    limit = world.set_server(limits={MINUTE: 8})
    world.agenda.at(at, world.say_and_do("at most 8 a minute from now on", limit))
    world.burst(at + MINUTE, MINUTE, 40, "Window open")
    no_limit = world.set_server(limits={})
    world.agenda.at(at + 8 * HOUR, world.say_and_do("no limit any more", no_limit))


def _revoked(world: World, at: float) -> None:
    """A code that is revoked, and a person who is at work until the evening."""

    def revoke() -> None:
        world.server.code += 1

    world.agenda.at(at, world.say_and_do("the code is revoked", revoke))
    world.agenda.at(at + 9 * HOUR, world.house.renew_code)


def _busy_login(world: World, at: float) -> None:
    """Two refusals in passing, with a code that is right."""
    busy = world.set_server(busy_logins=2)
    world.agenda.at(at, world.say_and_do("two logins will be refused", busy))


def _bad_recipient(world: World, at: float) -> None:
    """One recipient at whom the server hangs up."""
    drop = world.set_server(drops={FAMILY[1]})
    world.agenda.at(at, world.say_and_do(f"{FAMILY[1]} is refused", drop))
    back = world.set_server(drops=set())
    world.agenda.at(at + 5 * HOUR, world.say_and_do(f"{FAMILY[1]} is taken", back))


def _late_answers(world: World, at: float) -> None:
    """A server that takes everything, and says so too late."""
    late = world.set_server(late=True)
    world.agenda.at(at, world.say_and_do("answers come too late", late))
    in_time = world.set_server(late=False)
    world.agenda.at(at + 3 * HOUR, world.say_and_do("answers come in time", in_time))


def _hanging(world: World, at: float) -> None:
    """A server to which connections hang, then one that says nothing after a text."""
    set_server, say = world.set_server, world.say_and_do
    world.agenda.at(at, say("connections hang", set_server(hangs=True)))
    world.burst(at + 10 * MINUTE, MINUTE, 6, "Fence")
    late = set_server(hangs=False, late=True)
    world.agenda.at(at + HOUR, say("answers come too late", late))
    world.burst(at + 2 * HOUR, MINUTE, 6, "Fence")
    in_time = set_server(late=False)
    world.agenda.at(at + 3 * HOUR, say("answers come in time", in_time))


def _refused(world: World, at: float) -> None:
    """A revoked code, and ends at this or that change of the disk while alerts wait or are moved."""

    def revoke() -> None:
        world.server.code += 1

    world.agenda.at(at, world.say_and_do("the code is revoked", revoke))
    for number in range(6):
        begin = at + (number + 1) * HOUR / 2
        world.burst(begin, MINUTE, 12, "Gate jammed")
        _cut_at_step(world, begin, 30)
    world.agenda.at(at + 5 * HOUR, world.house.renew_code)


def _clock(world: World, at: float) -> None:
    """No server, a power cut, a start in 1970, and the right time hours later."""
    agenda, house = world.agenda, world.house
    agenda.at(at, world.say_and_do("the server is away", world.set_server(away=True)))
    world.burst(at + MINUTE, MINUTE, 10, "Heating is off")

    def cut() -> None:
        house.kill(10 * MINUTE, power=True)
        house.ahead = _YEARS_BACK

    agenda.at(at + 30 * MINUTE, world.say_and_do("it will start in 1970", cut))
    agenda.at(at + 2 * HOUR, lambda: house.set_clock(3 * DAY))
    back = world.set_server(away=False)
    agenda.at(at + 3 * HOUR, world.say_and_do("the server is back", back))
    agenda.at(at + 4 * HOUR, lambda: house.set_clock(0))


def _restarts(world: World, at: float) -> None:
    """Kills and power cuts while alerts go out."""
    for number in range(6):
        begin = at + number * HOUR
        world.burst(begin, MINUTE, 12, "Shutter stuck")
        # A message takes about a second, and they come every five.
        moment = begin + 5 * number + world.chance.uniform(0.1, 1.2)
        world.agenda.at(
            moment,
            lambda number=number: world.house.kill(  # type: ignore[misc]
                world.chance.uniform(40, 180), power=number % 2 == 0
            ),
        )


def _power_cuts(world: World, at: float) -> None:
    """Power cuts and kills while the disk is being changed."""
    for number in range(8):
        begin = at + number * HOUR / 2
        world.burst(begin, MINUTE, 20, "Gate open, gate closed")
        _cut_at_step(world, begin, 100)


def _cut_at_step(world: World, begin: float, most: int) -> None:
    """End the machine, or its process, at one of so many changes of the disk."""
    cut = partial(
        world.house.cut_at_step,
        world.chance.randint(1, most),
        world.chance.uniform(40, 180),
        power=world.chance.random() < _POWER,
    )
    world.agenda.at(begin + world.chance.uniform(0, 50), cut)


def _full_disk(world: World, at: float) -> None:
    """A disk that takes no writes, and for a while no server either."""
    steps = world.chance.choice([("room",), ("write",), ("sync",)])
    agenda, fail = world.agenda, world.house.keeping.fail
    agenda.at(at, world.say_and_do("the disk takes no writes", partial(fail, steps)))
    agenda.at(at + HOUR, lambda: world.house.alert("The disk is full", Priority.HIGH))
    agenda.at(at + 2 * HOUR, world.set_server(away=True))
    agenda.at(at + 2.5 * HOUR, lambda: world.house.alert("Freezer", Priority.HIGH))
    agenda.at(at + 3 * HOUR, world.set_server(away=False))
    room = world.say_and_do("the disk takes writes again", partial(fail, ()))
    agenda.at(at + 4 * HOUR, room)


SCENARIOS: dict[str, Callable[[World, float], None]] = {
    "calm": _calm,
    "flapping": _flapping,
    "outage": _outage,
    "rate_limit": _rate_limit,
    "revoked": _revoked,
    "busy_login": _busy_login,
    "bad_recipient": _bad_recipient,
    "late_answers": _late_answers,
    "hanging": _hanging,
    "refused": _refused,
    "clock": _clock,
    "restarts": _restarts,
    "power_cuts": _power_cuts,
    "full_disk": _full_disk,
}


def play(
    days: int,
    seed: int,
    names: list[str],
    say: Callable[[str], object],
    settings: Settings,
) -> Summary:
    """Play so many days, and return what came of it; with two accounts if even."""
    world = World(seed, say, settings, second=seed % 2 == 0)
    for subject, priority, often in _DAILY:
        for _ in range(often * days):
            world.agenda.at(
                world.chance.uniform(0, days * DAY),
                lambda subject=subject, priority=priority: world.house.alert(  # type: ignore[misc]
                    subject, priority
                ),
            )
    for name in names:
        for day in range(0, days, 2):
            begin = day * DAY + world.chance.uniform(7, 14) * HOUR
            SCENARIOS[name](world, begin)
    world.house.start()
    world.agenda.run(days * DAY + _CALM)
    return world.report.summary(world.servers, world.house.waiting)
