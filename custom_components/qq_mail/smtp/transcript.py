"""What was said in a session, for diagnostics: redacted as it is noted."""

from base64 import b64encode
from collections import deque
from collections.abc import Collection
from datetime import UTC, datetime
import re
import time

from .errors import MailError
from .models import Account, Reply

HIDDEN = "**REDACTED**"
"""As Home Assistant writes it."""

_FIRST_LINES = 40
_LAST_LINES = 80
_ECHO_CHARS = 6
"""A part of a secret that is as long is hidden; a shorter one may be any word."""

# Wider than any valid address: better a word too much than an address. The house's
# own, which QQ's servers like to tell, is one as well.
_ADDRESS = re.compile(
    r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+"
    r"|(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w.]*[0-9])"
    r"|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z0-9+/=]+")


def redacted(text: str) -> str:
    """Return what a server said without the addresses in it."""
    return _ADDRESS.sub(HIDDEN, text)


class Transcript:
    """The first and the last lines of a session, with times and octets.

    Commands are noted by their verbs. What the server says is noted in full, less what
    is private: addresses of any kind, the account's login, and what it was told of a
    message.
    """

    def __init__(self, account: Account, told: Collection[str] = ()) -> None:
        """Begin now; what the server was told otherwise is private, too."""
        self._told = told
        self.began = datetime.now(UTC)
        self._start = time.monotonic()
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._noted = 0
        # The longer one first: it contains the other.
        self._names = (account.username, account.username.partition("@")[0])
        login = f"\0{account.username}\0{account.password}"
        self._secrets = [
            account.password.casefold(),
            *(
                b64encode(text.encode()).decode().casefold()
                for text in (account.username, account.password, login)
            ),
        ]

    @property
    def lines(self) -> list[str]:
        """What was said, by whom and after how many seconds."""
        left_out = self._noted - len(self._first) - len(self._last)
        return [
            *self._first,
            *([f"({left_out} lines left out)"] if left_out else []),
            *self._last,
        ]

    def sent(self, command: str, octets: int) -> None:
        """Note a command, which the caller names without its arguments."""
        self._note(f"> {command} ({octets})")

    def received(self, reply: Reply) -> None:
        """Note what the server said."""
        text = str(reply)
        folded = text.casefold()
        for private in (*self._names, *self._told):
            if private and private.casefold() in folded:
                text = re.sub(
                    rf"(?<!\w){re.escape(private)}(?!\w)",
                    HIDDEN,
                    text,
                    flags=re.IGNORECASE,
                )
        self._note(f"< {self.without_login(redacted(text))}")

    def failed(self, err: MailError) -> None:
        """Note what happened to the connection, in words of our own."""
        self._note(f"{err.step}: {err.cause}")

    def without_login(self, text: str) -> str:
        """Return a text without what a login consists of, in any of its forms."""
        return _WORD.sub(self._without_secret, text)

    def _without_secret(self, word: re.Match[str]) -> str:
        """Return a word, unless it is a part of the login: a server may repeat that."""
        told = word[0].casefold()
        if len(told) >= _ECHO_CHARS and any(told in one for one in self._secrets):
            return HIDDEN
        return word[0]

    def _note(self, line: str) -> None:
        self._noted += 1
        line = f"{time.monotonic() - self._start:.3f} {line}"
        if len(self._first) < _FIRST_LINES:
            self._first.append(line)
        else:
            self._last.append(line)
