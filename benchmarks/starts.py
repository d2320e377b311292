"""What they cost when Home Assistant starts."""

import json
from pathlib import Path
import tempfile

from benchmarks.bench import Bench, accounts, configure, in_turn
from benchmarks.process import milliseconds
from benchmarks.report import CORE, OURS, Row
from tests.e2e.home_assistant import Channel, HomeAssistant, free_port


async def starts(bench: Bench, _channel: Channel) -> None:
    """What they cost when Home Assistant starts."""
    first = _first_accounts(bench)
    bench.rows.append(
        Row("First account: import and set-up", "ms", first[OURS], first[CORE])
    )
    ours, core = [], []
    for _ in range(3 if bench.quick else 10):
        ours.append(await bench.reload(bench.entry))
        core.append(await bench.reload(bench.core_entry))
    bench.rows.append(Row("Set-up of the entry", "ms", ours, core))


def _first_accounts(bench: Bench) -> dict[str, list[float]]:
    """Add an account to a Home Assistant that has none, in a fresh process."""
    took: dict[str, list[float]] = {OURS: [], CORE: []}
    data = dict(zip((OURS, CORE), accounts(bench.server.port), strict=True))
    options = {OURS: {"service_name": "qq_mail"}, CORE: {}}
    with tempfile.TemporaryDirectory() as folder:
        home = HomeAssistant(Path(folder, "config"), ca_file=bench.ca_file)
        configure(home.config_dir)
        for repetition in range(4 if bench.quick else 11):
            for who in in_turn(repetition):
                account = {"data": data[who], "options": options[who]}
                took[who].append(
                    milliseconds(
                        "-m",
                        "benchmarks.startup",
                        str(home.config_dir),
                        who,
                        json.dumps({**account, "subentries_data": []}),
                        REQUESTS_CA_BUNDLE=str(bench.ca_file),
                        SETUP_PORT=str(free_port()),
                    )
                )
    # The first time all is compiled, and Home Assistant settles in.
    return {who: times[1:] for who, times in took.items()}
