"""Play some days of a house, and say what happened."""

import argparse
import logging
from pathlib import Path
import sys
import time

from custom_components.qq_mail.outbox.core.limits import Settings

from . import floods
from .scenarios import SCENARIOS, play


def main() -> int:
    """Print a timeline and a summary; return how many things went wrong."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "scenarios", nargs="*", metavar="scenario", help=", ".join(SCENARIOS)
    )
    parser.add_argument("--digests", action="store_true", help="merge what floods")
    parser.add_argument(
        "--floods", action="store_true", help="a week with floods, in four houses"
    )
    parser.add_argument("--chart", type=Path, help="where to draw that, as an SVG")
    options = parser.parse_args()
    if options.floods:
        return _play_floods(options)
    names = options.scenarios or list(SCENARIOS)
    if unknown := set(names) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    begin = time.perf_counter()
    settings = Settings(digest=options.digests)
    summary = play(options.days, options.seed, names, print, settings)
    print()
    print("\n".join(summary.lines()))
    print(f"{options.days} days in {time.perf_counter() - begin:.1f} s")
    for fault in summary.faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return len(summary.faults)


def _play_floods(options: argparse.Namespace) -> int:
    """Print a table, and return how many alerts were lost."""
    plan = floods.Plan(options.days)
    weeks = [floods.play(kind, plan, options.seed) for kind in floods.KINDS]
    print("\n".join(floods.table(weeks)))
    if options.chart:
        options.chart.write_text(floods.chart(weeks), encoding="utf-8")
    return sum(week.lost for week in weeks)


if __name__ == "__main__":
    # What the journal says of power cuts is no news here.
    logging.disable()
    sys.exit(main())
