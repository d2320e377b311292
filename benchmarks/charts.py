"""Measure the drawing of a chart: four lines over 24 h, a value every ten seconds.

.venv/bin/python -m benchmarks.charts
"""

import ctypes
from datetime import UTC
import math
from pathlib import Path
from statistics import median
import time

from custom_components.qq_mail.content.charts.axes import DAY, Span, scale
from custom_components.qq_mail.content.charts.drawing import draw
from custom_components.qq_mail.content.charts.kinds.lines import Lines, Numbers

RUNS = 100
EVERY = 10
"""Seconds."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_MILLISECONDS = 1000
_KIB = 1024


def plot() -> tuple[Lines, Span]:
    """Return temperatures with some noise."""
    lines = []
    for number, colour in enumerate(COLOURS):
        states = [
            (float(at), 18 + 3 * number + 2 * math.sin(at / DAY * 6) + at % 7 / 50)
            for at in range(0, DAY, EVERY)
        ]
        lines.append((colour, list(Numbers().held(states, DAY))))
    return Lines(lines, scale(16, 30)), Span(0, DAY, UTC)


def memory(name: str) -> float:
    """Return resident memory in MiB, or its peak since it was reset."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) / _KIB


def main() -> None:
    """Print the figures."""
    chart, span = plot()
    started = time.perf_counter()
    # Pillow is imported with the first.
    octets = len(draw(chart, span))
    first = time.perf_counter() - started
    before = memory("VmRSS")
    # The peak so far was that of the import.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    times, busy = [], []
    for _ in range(RUNS):
        started, used = time.perf_counter(), time.process_time()
        draw(chart, span)
        times.append(time.perf_counter() - started)
        busy.append(time.process_time() - used)
    peak = memory("VmHWM")
    # What the C library keeps for the next one is free, and no longer ours.
    ctypes.CDLL(None).malloc_trim(0)
    points = DAY // EVERY * len(COLOURS)
    print(f"{points} points, {RUNS} runs, a picture of {octets / _KIB:.0f} KiB")
    print(
        f"time: median {median(times) * _MILLISECONDS:.0f} ms,"
        f" longest {max(times) * _MILLISECONDS:.0f} ms;"
        f" of the processor: median {median(busy) * _MILLISECONDS:.0f} ms"
    )
    print(
        f"memory: {peak - before:.1f} MiB for a moment,"
        f" {max(memory('VmRSS') - before, 0):.1f} MiB afterwards"
    )
    print(f"the first, with the import of Pillow: {first * _MILLISECONDS:.0f} ms")


if __name__ == "__main__":
    main()
