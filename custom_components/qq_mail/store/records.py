"""Records: JSON objects, as they are on disk, and as whoever reads them wants them."""

from collections.abc import Iterator, Mapping
import json
from typing import Any, override


class Records[K](Mapping[K, dict[str, Any]]):
    """Records by their keys. Each is parsed when it is asked for.

    Until then they take a third of the memory.
    """

    def __init__(self, octets: Mapping[K, bytes]) -> None:
        """Keep what is on disk."""
        self.octets = octets

    @override
    def __getitem__(self, key: K) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.octets[key])
        return record

    @override
    def __iter__(self) -> Iterator[K]:
        return iter(self.octets)

    @override
    def __len__(self) -> int:
        return len(self.octets)


def as_octets(record: Mapping[str, Any]) -> bytes:
    """Return a record as it is on disk."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
