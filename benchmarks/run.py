"""Measure ours and core's smtp in the same Home Assistant, one after the other."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
import os
from pathlib import Path
import platform
import re
import sys
import tempfile

from benchmarks.alerts import alerts, bursts, round_trips
from benchmarks.answers import answers
from benchmarks.bench import Bench, configure, server
from benchmarks.disk import disk, queue
from benchmarks.large import large
from benchmarks.page import page
from benchmarks.report import chart, table
from benchmarks.starts import starts
from homeassistant.const import __version__
from tests.e2e.home_assistant import Channel, HomeAssistant

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "images" / "benchmark.svg"
_RESULTS = re.compile(
    r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.DOTALL
)


async def main() -> None:
    """Measure, print, and write the document."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="repeat less; print only")
    parser.add_argument(
        "--only",
        nargs="*",
        help="starts, round_trips, alerts, bursts, answers, queue, page, disk, large",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder, "ca.pem")
        async with server(ca_file) as running:
            home = HomeAssistant(Path(folder, "config"), ca_file=ca_file)
            configure(home.config_dir)
            async with home, home.channel() as channel:
                bench = Bench(home, running, ca_file, quick=options.quick)
                await bench.set_up()
                parts: dict[str, Callable[[Bench, Channel], Awaitable[None]]] = {
                    "starts": starts,
                    "round_trips": round_trips,
                    "alerts": alerts,
                    "bursts": bursts,
                    "answers": answers,
                    "queue": queue,
                    "page": page,
                    "disk": disk,
                    # The last one: it restarts Home Assistant.
                    "large": large,
                }
                for name, part in parts.items():
                    if not options.only or name in options.only:
                        print(f"benchmark: {name}", file=sys.stderr)
                        await part(bench, channel)
    results = (
        f"Home Assistant {__version__}, Python {platform.python_version()},"
        f" {os.cpu_count()} processors. Medians, with the range in brackets.\n\n"
        + table(bench.rows)
    )
    print(results)
    if not options.quick and not options.only:
        text = DOCUMENT.read_text()
        DOCUMENT.write_text(_RESULTS.sub(lambda _: results, text))
        CHART.write_text(chart(bench.rows))
    if slow := [row.what for row in bench.rows if max(row.ours) >= row.most]:
        raise SystemExit(f"Too slow: {'; '.join(slow)}")


if __name__ == "__main__":
    asyncio.run(main())
