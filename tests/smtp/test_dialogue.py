"""Commands and replies over a connection, octet by octet."""

import asyncio
from contextlib import closing
import socket

import pytest

from custom_components.qq_mail.smtp.dialogue import Dialogue
from custom_components.qq_mail.smtp.models import Account, Reply, Step
from custom_components.qq_mail.smtp.transcript import Transcript
from tests.qq_server.connection import LEAKED

ANSWERS = LEAKED + b"250 OK\r\n" + LEAKED + b"354 Go on\r\n"


@pytest.mark.parametrize("cut", range(len(ANSWERS)))
async def test_leaked_octets_before_an_answer(account: Account, cut: int) -> None:
    """They are skipped, however they come."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    with closing(theirs):
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        dialogue = Dialogue(transport, Transcript(account, []))
        dialogue.write("MAIL DATA", b"MAIL FROM:<>\r\nDATA\r\n", 2)
        first = asyncio.ensure_future(dialogue.reply(Step.MAIL, 10))
        dialogue.data_received(ANSWERS[:cut])
        await asyncio.sleep(0)
        dialogue.data_received(ANSWERS[cut:])
        assert await first == Reply(250, "OK")
        assert await dialogue.reply(Step.DATA, 10) == Reply(354, "Go on")
        transport.close()
