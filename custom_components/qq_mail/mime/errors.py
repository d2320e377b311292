"""What can go wrong while a mail is written."""

from .models import BodyPart


class UnreadablePartError(Exception):
    """The file of a body part cannot be read, or no longer."""

    def __init__(self, part: BodyPart) -> None:
        """Keep the part, so that the caller can compose the message without it."""
        super().__init__(part.filename)
        self.part = part
