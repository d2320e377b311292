"""Records: JSON objects, as they are on disk, and as whoever reads them wants them."""

from collections.abc import Callable, Iterator, Mapping
import json
from typing import Any, override

from .disk import LOGGER


class Records[K](Mapping[K, dict[str, Any]]):
    """Records by their keys. Each is parsed when it is asked for.

    Until then they take a third of the memory.
    """

    def __init__(self, octets: Mapping[K, bytes]) -> None:
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


def read_all[T](
    records: Mapping[tuple[str, str], Mapping[str, Any]],
    read: Callable[[str, Mapping[str, Any]], T],
) -> dict[str, T]:
    """Read records by their keys, but for those that are damaged.

    `read` raises KeyError, TypeError or ValueError at these.
    """
    found: dict[str, T] = {}
    for (kind, key), record in records.items():
        try:
            found[key] = read(key, record)
        except (KeyError, TypeError, ValueError) as err:
            LOGGER.error("Ignoring a record (%s) that cannot be read: %s", kind, err)
    return found


def as_octets(record: Mapping[str, Any]) -> bytes:
    """Return a record as it is on disk."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")
