"""Play some days of a house, and say what happened."""

import argparse
import sys
import time

from .scenarios import SCENARIOS, play


def main() -> int:
    """Print a timeline and a summary; return how many things went wrong."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "scenarios", nargs="*", metavar="scenario", help=", ".join(SCENARIOS)
    )
    options = parser.parse_args()
    names = options.scenarios or list(SCENARIOS)
    if unknown := set(names) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    begin = time.perf_counter()
    summary = play(options.days, options.seed, names, print)
    print()
    print("\n".join(summary.lines()))
    print(f"{options.days} days in {time.perf_counter() - begin:.1f} s")
    for fault in summary.faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return len(summary.faults)


if __name__ == "__main__":
    sys.exit(main())
