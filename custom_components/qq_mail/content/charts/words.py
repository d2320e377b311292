"""Numbers and times as people say them."""

from ...texts import Texts
from .axes import HOUR, MINUTE

MOST_DECIMALS = 2
_LONG = 1e9


def decimals_of(number: str) -> int:
    """Return how many decimals a number is written with."""
    return len(number.partition(".")[2]) if "e" not in number.lower() else 0


def rounded(number: float, decimals: int) -> str:
    """Return a number with so many decimals; a very large one has four digits."""
    return f"{number:z.{decimals}f}" if abs(number) < _LONG else f"{number:.4g}"


def short(number: float) -> str:
    """Return a number with three digits, or all of those before the point."""
    for limit, decimals in ((100, 0), (10, 1)):
        if abs(number) >= limit:
            return rounded(number, decimals)
    return rounded(number, MOST_DECIMALS)


def duration(seconds: float, texts: Texts) -> str:
    """Return a time in its two largest units; nobody says 12 hours and 0 minutes."""
    minutes = round(seconds / MINUTE)
    if not minutes:
        return texts("chart_minutes", minutes="<1")
    hours, minutes = divmod(minutes, HOUR // MINUTE)
    days, hours = divmod(hours, 24)
    units = (
        (days, texts("chart_days", days=str(days))),
        (hours, texts("chart_hours", hours=str(hours))),
        (minutes, texts("chart_minutes", minutes=str(minutes))),
    )
    largest = 0 if days else 1
    return " ".join(text for number, text in units[largest : largest + 2] if number)
