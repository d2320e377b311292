"""A session that does not wait long, and a server that takes commands each way."""

import pytest

from custom_components.qq_mail.smtp import (
    connecting,
    session as session_module,
    transaction as transaction_module,
)
from tests.qq_server import QQServer


@pytest.fixture(autouse=True)
def impatient(quick_silence: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for a server that is silent on purpose."""
    monkeypatch.setattr(connecting, "PROBE_TIMEOUT", 0.3)
    monkeypatch.setattr(session_module, "CLOSE_TIMEOUT", 0.1)
    monkeypatch.setattr(transaction_module, "END_OF_DATA_TIMEOUT", 10)


@pytest.fixture(params=[True, False], ids=["in one flight", "one by one"])
def each_way(server: QQServer, request: pytest.FixtureRequest) -> None:
    """Run a test with a server that takes several commands at once, and without."""
    server.offer_pipelining = request.param
