"""What was said in a session, for diagnostics; redacted before it is kept."""

from base64 import b64encode
from collections import deque
from collections.abc import Collection
from datetime import UTC, datetime
import re
import time

from .errors import MailError
from .models import Account, Reply

HIDDEN = "**REDACTED**"
"""What stands for something private, as in Home Assistant's diagnostics."""

_FIRST_LINES = 40
_LAST_LINES = 80
_ECHO_CHARS = 6
"""Characters from which on a part of a secret is hidden; fewer may be any word."""

# Matches more than valid mail addresses: better a word too many than an address too
# few. IP addresses as well: QQ's servers repeat the house's own.
_ADDRESS = re.compile(
    r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+"
    r"|(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w.]*[0-9])"
    r"|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z0-9+/=]+")


def redacted(text: str) -> str:
    """Return a server's text without the mail and IP addresses in it."""
    return _ADDRESS.sub(HIDDEN, text)


class Transcript:
    """The first and the last lines of a session, with seconds and octets.

    Of commands the verbs are kept. Of replies all is kept but what is private:
    addresses, the account's login, and what the server was told of messages.
    """

    def __init__(self, account: Account, told: Collection[str] = ()) -> None:
        """Begin now. `told` holds what else is private, and may grow meanwhile."""
        self._told = told
        self.began = datetime.now(UTC)
        self._start = time.monotonic()
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._noted = 0
        # The longer one first, because it contains the other.
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
        """The lines: after how many seconds, by whom (> is us), and what."""
        left_out = self._noted - len(self._first) - len(self._last)
        return [
            *self._first,
            *([f"({left_out} lines left out)"] if left_out else []),
            *self._last,
        ]

    def sent(self, command: str, octets: int) -> None:
        """Keep a command, named without its arguments, and how many octets it had."""
        self._note(f"> {command} ({octets})")

    def received(self, reply: Reply) -> None:
        """Keep a reply."""
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
        """Keep what went wrong: step and cause, and no text of the server."""
        self._note(f"{err.step}: {err.cause}")

    def without_login(self, text: str) -> str:
        """Return a text without user name and code, plain or in base64."""
        return _WORD.sub(self._without_secret, text)

    def _without_secret(self, word: re.Match[str]) -> str:
        """Return a word, or HIDDEN if it is a part of the login."""
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
