"""A Postfix of its own: on a free port of 127.0.0.1, with TLS, a login and mailboxes."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import os
from pathlib import Path
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile

import trustme

ACCOUNT = "123456@qq.com"
CODE = "abcdefghijklmnop"
PEOPLE = ("a@example.com", "b@example.com")
"""Who has a mailbox; nobody else has."""

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mail.example.com
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
virtual_mailbox_domains = example.com
virtual_mailbox_base = {folder}/mailboxes
virtual_mailbox_maps = inline:{{ {{ a@example.com = a/ }}, {{ b@example.com = b/ }} }}
virtual_uid_maps = static:{user}
virtual_gid_maps = static:{group}
smtpd_tls_cert_file = {folder}/certificate.pem
smtpd_tls_key_file = {folder}/certificate.pem
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{login}
smtpd_sasl_security_options = noanonymous
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_forbid_unauth_pipelining = yes
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
virtual unix - n n - - virtual
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
error unix - - n - - error
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A running Postfix, and what it has put into its mailboxes."""

    def __init__(self, folder: Path, port: int, tls_context: ssl.SSLContext) -> None:
        """Keep where it is."""
        self.port = port
        self.tls_context = tls_context
        self._folder = folder

    @classmethod
    def is_here(cls) -> bool:
        """Tell whether it can be run: it has to be root to become another user."""
        return shutil.which("postfix") is not None and os.geteuid() == 0

    @property
    def log(self) -> str:
        """What it has written down."""
        return (self._folder / "log").read_text()

    async def mails(self, person: str, number: int) -> list[str]:
        """Return the mails in a mailbox, once there are so many."""
        folder = self._folder / "mailboxes" / person.partition("@")[0] / "new"
        async with asyncio.timeout(60):
            while len(files := list(folder.glob("*"))) < number:
                await asyncio.sleep(0.05)
        return [file.read_text() for file in files]


@asynccontextmanager
async def logins() -> AsyncGenerator[int]:
    """Say who may log in, as Dovecot does; what is returned is the port for that."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"VERSION\t1\t2\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\n"
        b"COOKIE\t00000000000000000000000000000000\nDONE\n"
    )
    said: dict[bytes, list[bytes]] = {}
    while line := await reader.readline():
        verb, *fields = line.rstrip(b"\n").split(b"\t")
        if verb in (b"AUTH", b"CONT"):
            words = said.setdefault(fields[0], [])
            spoken = fields[-1].removeprefix(b"resp=")
            if verb == b"CONT" or fields[-1] != spoken:
                words.append(base64.b64decode(spoken))
            writer.write(_answer(fields[0], words))
    writer.close()


def _answer(number: bytes, words: list[bytes]) -> bytes:
    """Ask for what is missing, or say whether it is right."""
    prompts = (b"Username:", b"Password:")
    if len(words) < len(prompts):
        return b"CONT\t%b\t%b\n" % (number, base64.b64encode(prompts[len(words)]))
    right = words == [ACCOUNT.encode(), CODE.encode()]
    return b"%b\t%b\tuser=%b\n" % (b"OK" if right else b"FAIL", number, words[0])


class Running:
    """Starts a Postfix in a folder that it makes, and ends it."""

    def __init__(self, login: int) -> None:
        """Prepare; logins are asked for at this port."""
        self._login = login
        self._folder = Path(tempfile.mkdtemp(prefix="qq-mail-postfix-"))

    async def __aenter__(self) -> Postfix:
        """Configure and start."""
        folder, user = self._folder, pwd.getpwnam("postfix")
        folder.chmod(0o755)
        for name in ("config", "queue", "data", "mailboxes"):
            (folder / name).mkdir()
        for name in ("data", "mailboxes"):
            os.chown(folder / name, user.pw_uid, user.pw_gid)
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(
            str(folder / "certificate.pem")
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        values = {
            "folder": folder,
            "login": self._login,
            "port": port,
            "user": user.pw_uid,
            "group": user.pw_gid,
        }
        (folder / "config" / "main.cf").write_text(_MAIN.format(**values))
        (folder / "config" / "master.cf").write_text(_MASTER.format(**values))
        await self._postfix("start")
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return Postfix(folder, port, context)

    async def __aexit__(self, *_: object) -> None:
        """Stop, and leave nothing behind."""
        await self._postfix("stop")
        shutil.rmtree(self._folder)

    async def _postfix(self, command: str) -> None:
        await asyncio.to_thread(
            subprocess.run,
            ["postfix", "-c", str(self._folder / "config"), command],
            check=True,
            capture_output=True,
            timeout=60,
        )
