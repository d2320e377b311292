"""Why an outbox does not take a message."""


class OutboxFullError(Exception):
    """There is no room for another message."""


class OutboxClosedError(Exception):
    """The account is gone."""


class StalledError(Exception):
    """A file that was to go with a message is not read to its end in time."""
