"""One IMAP client's connection, from the greeting to its end (RFC 3501)."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
import os
import re
from typing import TYPE_CHECKING

from . import replies
from .actions import Action, Close, ImapStep, Raw, Tagged
from .connection import HangUpError

if TYPE_CHECKING:
    from .imap import Filed, Imap

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\([^)]*\)|[^\s"]+)')
_ITEM = re.compile(r"[A-Z][A-Z0-9.]*(?:\[[^\]]*\])?")
_CODE = re.compile(r"(?<= LOGIN )\S+ .*", re.IGNORECASE)
_RANGE = re.compile(r"([0-9]+)(?::([0-9]+|\*))?")
_MAX_UID = 4294967295
_SYSTEM_FLAGS = {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"}

_CAPABILITIES = (
    "IMAP4 IMAP4rev1 XLIST MOVE IDLE XAPPLEPUSHSERVICE AUTH=PLAIN AUTH=LOGIN"
    " AUTH=XOAUTH2 NAMESPACE CHILDREN ID UIDPLUS"
)
_CAPABILITIES_AFTER_LOGIN = (
    "IMAP4 IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 NAMESPACE XLIST MOVE IDLE"
    " XAPPLEPUSHSERVICE CHILDREN UIDPLUS COMPRESS=DEFLATE"
)


class ImapConnection:
    """The state of a session, and the answers to its commands."""

    def __init__(
        self, imap: Imap, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Keep the streams."""
        self.account = ""
        self.folder = ""
        self._imap = imap
        self._reader = reader
        self._writer = writer
        self._read_only = True
        self._logged_in = False
        self._idling = False
        self._seen: list[Filed] = []
        """The mails of the folder as this session was last told of them."""
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the client until one of the two leaves."""
        self._task = asyncio.current_task()
        self._imap.open.add(self)
        # Clients leave, handshakes fail: that is what tests are about.
        with suppress(
            HangUpError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError
        ):
            await self._serve()
        self._writer.transport.abort()
        self._imap.open.discard(self)

    def hang_up(self) -> None:
        """End the connection from the server's side."""
        if self._task:
            self._task.cancel()

    def corrupt(self) -> None:
        """Write what is no TLS."""
        os.write(self._writer.get_extra_info("socket").fileno(), bytes(64))

    def push(self) -> None:
        """Tell of new mail, if the client is idling."""
        if self._idling:
            self._look()
            self._write(self._exists())

    async def _serve(self) -> None:
        server = self._imap.server
        if not self._imap.habits.answers:
            return
        if action := server.action_at(ImapStep.CONNECT):
            await self._act("", action)
        await self._writer.start_tls(server.certificates.contexts[server.certificate])
        xoauth2 = "" if self._imap.habits.exmail else " AUTH=XOAUTH2"
        greeting = (
            f"* OK [CAPABILITY IMAP4 IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN{xoauth2}"
            " NAMESPACE] QQMail XMIMAP4Server ready"
        )
        if action := server.action_at(ImapStep.GREETING):
            await self._act("", action)
        else:
            self._write(greeting)
        while True:
            octets = await self._reader.readuntil(b"\r\n")
            await self._command(octets.decode("utf-8", "surrogateescape").rstrip())
            await self._writer.drain()

    async def _command(self, line: str) -> None:
        self._imap.commands.append(_CODE.sub("***", line))
        tag, _, rest = line.partition(" ")
        verb, _, rest = rest.partition(" ")
        verb = verb.upper()
        if verb == "UID":
            verb, _, rest = rest.partition(" ")
            verb = f"UID {verb.upper()}"
        with suppress(ValueError):
            step = ImapStep(verb.removeprefix("UID ").lower())
            if action := self._imap.server.action_at(step, line):
                await self._act(tag, action)
                return
        words = [quoted or plain for quoted, plain in _WORD.findall(rest)]
        match verb:
            case "CAPABILITY":
                self._write(f"* CAPABILITY {self._capabilities()}")
                self._end(tag, "OK CAPABILITY Completed")
            case "NOOP":
                self._end(tag, "OK NOOP Completed")
            case "ID":
                self._write("* ID NIL")
                self._end(tag, "OK ID Completed")
            case "LOGIN":
                self._end(tag, self._login(words))
            case "LOGOUT":
                self._write("* BYE LOGOUT received")
                self._end(tag, "OK LOGOUT Completed")
                await self._writer.drain()
                raise HangUpError
            case "LIST" if self._logged_in:
                self._list()
                self._end(tag, "OK LIST completed")
            case "EXAMINE" | "SELECT" if self._logged_in:
                self._end(tag, self._select(verb, words))
            case "IDLE" if self.folder and "IDLE" in self._capabilities():
                await self._idle(tag)
            case "UID SEARCH" if self.folder:
                self._end(tag, self._search(words))
            case "UID FETCH" if self.folder:
                self._end(tag, self._fetch(words))
            case "UID STORE" if self.folder:
                self._end(tag, self._store(words))
            case _:
                self._write("* BAD Command!")

    def _capabilities(self) -> str:
        text = _CAPABILITIES_AFTER_LOGIN if self._logged_in else _CAPABILITIES
        if self._imap.habits.exmail:
            text = text.replace(" AUTH=XOAUTH2", "")
        return text if self._imap.habits.offers_idle else text.replace(" IDLE", "")

    def _login(self, words: list[str]) -> str:
        imap = self._imap
        imap.logins += 1
        account, code = [re.sub(r"\\(.)", r"\1", word) for word in words]
        account = account.lower()
        most = imap.habits.max_logins
        if (
            not imap.habits.service_open
            or imap.server.accounts.get(account) != code
            or (most is not None and imap.logins > most)
        ):
            return f"NO {replies.LOGIN_AMBIGUOUS.text!s}"
        self.account, self._logged_in = account, True
        return "OK Success login ok"

    def _list(self) -> None:
        self._write('* LIST (\\NoSelect \\HasChildren) "/" "&UXZO1mWHTvZZOQ-"')
        for account, name in self._imap.folders:
            if account == self.account:
                self._write(f'* LIST (\\HasNoChildren) "/" "{name}"')

    def _select(self, verb: str, words: list[str]) -> str:
        self.folder = ""
        if len(words) != 1:
            # What was not quoted, and has a blank, is two words.
            return f"BAD {verb} parameters!"
        name = words[0].upper() if words[0].upper() == "INBOX" else words[0]
        if (self.account, name) not in self._imap.folders:
            return "NO Folder not exist!"
        self.folder, self._read_only = name, verb == "EXAMINE"
        self._look()
        habits = self._imap.habits
        self._write(self._exists())
        self._write("* 0 RECENT")
        self._write(f"* OK [UIDVALIDITY {habits.uid_validity}] UID validity status")
        uid_next = self._imap.uid_next(self.account, name)
        self._write(f"* OK [UIDNEXT {uid_next}] Predicted next UID")
        self._write("* FLAGS (\\Answered \\Flagged \\Deleted \\Draft \\Seen)")
        access = "READ-ONLY" if self._read_only else "READ-WRITE"
        return f"OK [{access}] {verb} complete"

    async def _idle(self, tag: str) -> None:
        self._idling = True
        self._write("+ idling")
        habits, known = self._imap.habits, len(self._seen)
        if habits.pushes and habits.tells_at_once:
            self._look()
            if len(self._seen) > known:
                self._write(self._exists())
        await self._writer.drain()
        line = (await self._reader.readuntil(b"\r\n")).decode("utf-8", "replace")
        self._idling = False
        self._imap.commands.append(line.strip())
        if action := self._imap.server.action_at(ImapStep.DONE):
            await self._act(tag, action)
        elif line.strip().upper() == "DONE":
            self._end(tag, "OK IDLE completed")
        else:
            self._write("* BAD Command!")

    def _search(self, words: list[str]) -> str:
        """Match by UNSEEN and UIDs; of anything else, all or nothing."""
        known = self._seen[:-1] if self._imap.habits.search_lags else self._seen
        match [word.upper() for word in words]:
            case ["ALL"]:
                found = known
            case ["UNSEEN"]:
                found = [mail for mail in known if "\\Seen" not in mail.flags]
            case ["UID", uids]:
                if refusal := _refusal(uids):
                    return refusal
                found = list(_chosen(known, uids))
            case ["SUBJECT" | "FROM", *_]:
                found = []
            case _:
                found = known
        self._write(" ".join(["* SEARCH", *(str(mail.uid) for mail in found)]))
        return "OK SEARCH Completed"

    def _fetch(self, words: list[str]) -> str:
        uids, items = words[0], " ".join(words[1:])
        if refusal := _refusal(uids):
            return refusal
        chosen = [
            mail
            for mail in _chosen(self._seen, uids)
            if mail.uid not in self._imap.habits.missing
        ]
        if not chosen and self._imap.habits.missing:
            return "OK Mails not exist!"
        for mail in chosen:
            self._writer.write(f"* {self._seen.index(mail) + 1} FETCH (".encode())
            self._writer.write(f"UID {mail.uid}".encode())
            for item in _ITEM.findall(items.upper()):
                self._item(mail, item)
            self._write(")")
        return "OK UID FETCH Completed"

    def _item(self, mail: Filed, item: str) -> None:
        habits = self._imap.habits
        write = self._writer.write
        if item == "FLAGS":
            write(f" FLAGS ({' '.join(sorted(mail.flags))})".encode())
        elif item == "RFC822.SIZE" and habits.fetches_size:
            write(f" RFC822.SIZE {len(mail.content)}".encode())
        elif item == "INTERNALDATE" and habits.fetches_size:
            at = mail.received_at.strftime("%d-%b-%Y %H:%M:%S %z")
            write(f' INTERNALDATE "{at}"'.encode())
        elif item in ("ENVELOPE", "BODYSTRUCTURE"):
            fields = '"text" NIL' if habits.malformed_structure else "NIL " * 9 + "NIL"
            write(f" {item} ({fields})".encode())
        elif item.startswith("BODY"):
            section = item[item.index("[") + 1 : -1]
            header, blank, body = mail.content.partition(b"\r\n\r\n")
            content = {"": mail.content, "HEADER": header + blank, "TEXT": body}.get(
                section, b"\r\n" if habits.empty_header_fields else header + blank
            )
            if not item.startswith("BODY.PEEK") and not self._read_only:
                mail.flags.add("\\Seen")
            self._literal(f" BODY[{section}]", content)

    def _literal(self, name: str, content: bytes) -> None:
        self._writer.write(f"{name} {{{len(content)}}}\r\n".encode())
        if (at := self._imap.habits.breaks_literal_at) is not None:
            self._imap.habits.breaks_literal_at = None
            self._writer.write(content[:at])
            raise HangUpError
        self._writer.write(content)

    def _store(self, words: list[str]) -> str:
        """Set flags; keywords are taken, and not kept."""
        for mail in [] if self._read_only else _chosen(self._seen, words[0]):
            given = words[2].strip("()").split()
            mail.flags |= {flag for flag in given if flag in _SYSTEM_FLAGS}
        return "OK STORE Completed"

    def _look(self) -> None:
        mails = self._imap.folders[self.account, self.folder]
        self._seen = [mail for mail in mails if mail.shown]

    def _exists(self) -> str:
        return f"* {len(self._seen) + self._imap.habits.exists_off_by} EXISTS"

    def _end(self, tag: str, text: str) -> None:
        self._write(f"{tag} {text}")

    def _write(self, line: str) -> None:
        self._writer.write(line.encode("utf-8", "surrogateescape") + b"\r\n")

    async def _act(self, tag: str, action: Action) -> None:
        match action:
            case Tagged(text, before):
                self._writer.write(before)
                self._end(tag, text)
            case Raw(data, close):
                self._writer.write(data)
                await self._writer.drain()
                if close:
                    raise HangUpError
            case Close():
                raise HangUpError
            case _:
                while await self._reader.read(65536):
                    continue
                raise HangUpError


def _refusal(uids: str) -> str | None:
    """Say why a set of UIDs is not taken, if it is not."""
    for lowest, highest in _RANGE.findall(uids):
        if highest == str(_MAX_UID):
            return "NO System busy!"
        if highest.isdecimal() and int(highest) < int(lowest):
            return "BAD UID Sequence set is inavlid!"
    return None


def _chosen(mails: list[Filed], uids: str) -> Iterator[Filed]:
    """Return the mails with these UIDs; `n:*` has the last one even below n."""
    last = max((mail.uid for mail in mails), default=0)
    for low, high in _RANGE.findall(uids):
        begin = min(int(low), last) if high == "*" else int(low)
        end = last if high == "*" else int(high or low)
        yield from (mail for mail in mails if begin <= mail.uid <= end)
