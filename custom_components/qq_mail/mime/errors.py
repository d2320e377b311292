"""What can go wrong while a mail is written."""

from .models import BodyPart


class UnreadablePartError(Exception):
    """A file that was to go with a message cannot be read (any more)."""

    def __init__(self, part: BodyPart) -> None:
        """Keep the part, so that the message can be composed without it."""
        super().__init__(part.filename)
        self.part = part
