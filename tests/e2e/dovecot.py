"""A Dovecot of its own: on a free port of 127.0.0.1, with TLS and one mailbox."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
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
_OWNER = "nobody"
"""Whose mailbox it is on this machine."""

# Of version 2.3; the next one reads another language.
_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/certificate.pem
first_valid_uid = 1
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password={code}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
"""


class Dovecot:
    """A running Dovecot, and what is in its mailbox."""

    def __init__(self, folder: Path, port: int, authority: trustme.CA) -> None:
        """Keep where it is."""
        self.port = port
        self.authority = authority.cert_pem.bytes()
        self.tls_context = ssl.create_default_context()
        authority.configure_trust(self.tls_context)
        self._folder = folder
        self._numbers = count(1)

    @classmethod
    def is_here(cls) -> bool:
        """Tell whether there is one whose language is spoken here, run as root."""
        if not (dovecot := shutil.which("dovecot")) or os.geteuid() != 0:
            return False
        version = subprocess.run(
            [dovecot, "--version"], capture_output=True, check=True
        )
        return version.stdout.startswith(b"2.3.")

    def deliver(self, content: bytes) -> None:
        """Put a mail into the mailbox, as any delivery agent does in a Maildir."""
        name = f"{next(self._numbers)}.{os.getpid()}.example"
        written = self._folder / "mail" / "tmp" / name
        written.write_bytes(content.replace(b"\r\n", b"\n"))
        shutil.chown(written, _OWNER)
        written.rename(self._folder / "mail" / "new" / name)

    @property
    def marked(self) -> list[str]:
        """The names, with flags, of the mails that somebody has marked."""
        return [
            file.name
            for file in (self._folder / "mail" / "cur").glob("*")
            if not file.name.endswith(":2,")
        ]

    @property
    def log(self) -> str:
        """What it has written down."""
        return (self._folder / "log").read_text()


@asynccontextmanager
async def running() -> AsyncGenerator[Dovecot]:
    """Start a Dovecot in a folder that is made for it, and end it."""
    with tempfile.TemporaryDirectory(prefix="qq-mail-dovecot-") as name:
        dovecot = _prepared(Path(name))
        await _dovecot(Path(name))
        try:
            yield dovecot
        finally:
            await _dovecot(Path(name), "stop")


def _prepared(folder: Path) -> Dovecot:
    """Write what it needs into a folder."""
    folder.chmod(0o755)
    (folder / "run").mkdir()
    for name in ("home", "mail", "mail/cur", "mail/new", "mail/tmp"):
        (folder / name).mkdir()
        shutil.chown(folder / name, _OWNER)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(
        str(folder / "certificate.pem")
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    owner = pwd.getpwnam(_OWNER)
    (folder / "dovecot.conf").write_text(
        _CONFIGURATION.format(
            folder=folder,
            port=port,
            code=CODE,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
        )
    )
    return Dovecot(folder, port, authority)


async def _dovecot(folder: Path, *command: str) -> None:
    await asyncio.to_thread(
        subprocess.run,
        ["dovecot", "-c", str(folder / "dovecot.conf"), *command],
        check=True,
        # No pipes: it would keep them open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
