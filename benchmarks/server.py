"""The QQ-like server in a process of its own, so that its work is not measured.

Reads a command in JSON from each line of standard input, and answers with a line.
"""

from email.message import EmailMessage
import json
from pathlib import Path
import sys
import time
from typing import Any

from benchmarks.link import Link
from tests.qq_server import Certificates, QQServer

ACCOUNT = "10001@qq.com"
CODE = "abcdefghijklmnop"
TIMEOUT = 120.0
ANSWERS = "ann@example.com"
"""Who gets the mails that are answered."""

accepted_at: list[float] = []
"""When each final dot was there, by the clock that others have as well."""
shown_at: list[float] = []
"""When each answer to a mail could be seen."""


def main() -> None:
    """Serve until standard input ends."""
    certificates = Certificates()
    certificates.write_ca(Path(sys.argv[1]))
    with QQServer(certificates, accounts={ACCOUNT: CODE}) as server:
        prepare(server)
        link = Link(server.tls_port)
        link.start()
        tell({"port": link.port})
        for line in sys.stdin:
            tell(obey(server, link, json.loads(line)))


def prepare(server: QQServer) -> None:
    """Behave well: what QQ leaks at QUIT makes core's smtp send a second copy."""
    server.reset()
    server.leaked_bytes_at_quit = False
    accepted_at.clear()
    server.on_accepted = lambda _: accepted_at.append(time.time())


def obey(server: QQServer, link: Link, command: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked for, and say what happened since the last reset."""
    match command:
        case {"reset": round_trip}:
            prepare(server)
            link.round_trip = round_trip
        case {"wait": number}:
            server.wait_for(number, TIMEOUT)
        case {"idles": idles}:
            server.imap.habits.offers_idle = idles
        case {"answer": text}:
            answer(server, text)
        case {"listen": False}:
            server.stop()
        case {"listen": True}:
            server.start()
    return {
        "accepted": len(server.accepted),
        "logins": server.logins,
        "octets": sum(len(mail.wire) for mail in server.accepted),
        "round_trips": link.round_trips,
        "accepted_at": accepted_at,
        "imap_port": server.imap.port,
        "shown_at": shown_at[-1] if shown_at else None,
        "time": time.monotonic(),
    }


def answer(server: QQServer, text: str) -> None:
    """Have the recipient of the last mail answer it."""
    # Not what tells what became of the answer before.
    alarms = [one for one in server.accepted if not one.subject.startswith("Re: ")]
    mail = alarms[-1]
    reply = EmailMessage()
    reply["From"], reply["To"] = ANSWERS, ACCOUNT
    reply["Subject"] = f"Re: {mail.subject}"
    reply["Message-ID"] = f"<{time.time()}@example.com>"
    reply["In-Reply-To"] = mail.tencent_id
    reply["References"] = f"{mail.message['References']} {mail.tencent_id}"
    reply.set_content(text)
    shown_at.append(time.time())
    server.imap.put(ACCOUNT, reply.as_bytes())


def tell(answer: dict[str, Any]) -> None:
    """Write a line."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
