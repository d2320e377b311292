"""How long it takes from when the server shows an answer until its button is pressed."""

import asyncio
from datetime import datetime

from benchmarks.bench import Bench
from benchmarks.report import OURS, Row
from benchmarks.server import ANSWERS
from tests.e2e.home_assistant import Channel

_PRESSED = "event.10001_qq_com_action"
_QUIET = 4.0
"""Seconds until nothing is looked for any more that came with the mail itself."""
_STEP = 3.7
"""Seconds by which each answer comes later than the one before: polls are 15 apart."""
_MOST = 60.0


async def answers(bench: Bench, channel: Channel) -> None:
    """Where the server tells of new mail by IDLE, and where it has to be asked."""
    for idles in (True, False):
        state = await bench.server.tell(reset=0)
        await bench.server.tell(idles=idles)
        await bench.renew(answers_by_mail=True, imap_port=state["imap_port"])
        took = []
        for number in range(3 if bench.quick else 9):
            action = {"action": "lamp", "title": "Lamp"}
            await bench.send(channel, OURS, to=[ANSWERS], actions=[action])
            await asyncio.sleep(_QUIET + (0 if idles else number % 4 * _STEP))
            shown = (await bench.server.tell(answer="1"))["shown_at"]
            took.append(await _pressed_after(channel, shown) - shown)
        how = "by IDLE" if idles else "by polling"
        bench.rows.append(Row(f"From an answer to the press, {how}", "s", took))


async def _pressed_after(channel: Channel, shown: float) -> float:
    """Return when the button was pressed, as the event entity says it."""
    async with asyncio.timeout(_MOST):
        while True:
            states = {
                one["entity_id"]: one["state"]
                for one in await channel.command("get_states")
            }
            state = states[_PRESSED]
            if state[:1].isdigit():
                pressed = datetime.fromisoformat(state).timestamp()
                if pressed >= shown:
                    return pressed
            await asyncio.sleep(0.05)
