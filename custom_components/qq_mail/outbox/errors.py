"""Why an outbox does not take a message."""


class OutboxFullError(Exception):
    """There is no room for another message."""


class OutboxClosedError(Exception):
    """The account is gone."""


class MessageTooLargeError(Exception):
    """The server would not take a message of this size."""

    def __init__(self, size: int, limit: int) -> None:
        """Keep both, in octets."""
        super().__init__(size, limit)
        self.size = size
        self.limit = limit


class StalledError(Exception):
    """A file that was to go with a message is not read to its end in time."""
