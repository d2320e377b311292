"""The QQ-like server and a Home Assistant that trusts its certificates."""

from collections.abc import Generator
from dataclasses import replace
import ssl

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import pytest_socket

# Before the first hass fixture, or Home Assistant does not find the integration.
import custom_components  # noqa: F401
from custom_components.qq_mail.const import DOMAIN
from custom_components.qq_mail.mail.models import Account, Encryption
from homeassistant.core import HomeAssistant
from homeassistant.util.ssl import client_context

from .qq_server import Certificates, QQServer

ADDRESS = "123456@qq.com"
CODE = "abcdefghijklmnop"


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """Return a certificate authority of our own."""
    return Certificates()


@pytest.fixture(scope="session")
def running_server(certificates: Certificates) -> Generator[QQServer]:
    """Run one server for all tests, in a thread of its own."""
    # Home Assistant's test plugin has switched sockets off for the first test.
    pytest_socket.enable_socket()
    with QQServer(certificates, accounts={ADDRESS: CODE}) as server:
        yield server


@pytest.fixture
def server(running_server: QQServer, socket_enabled: None) -> Generator[QQServer]:
    """Return the server as if it had just been started."""
    running_server.reset()
    yield running_server
    running_server.reset()


@pytest.fixture(autouse=True)
def custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant load the integration."""


@pytest.fixture
def entry(hass: HomeAssistant, server: QQServer) -> MockConfigEntry:
    """Return the account as the config flow makes it, not loaded yet."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=ADDRESS,
        unique_id=ADDRESS,
        data={
            "username": ADDRESS,
            "password": CODE,
            "host": server.host,
            "port": server.tls_port,
            "encryption": "tls",
        },
        options={"service_name": "qq_mail"},
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def loaded_entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return the account, loaded."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry


@pytest.fixture(scope="session")
def tls_context(certificates: Certificates) -> ssl.SSLContext:
    """Return a context that trusts the test's authority and no other."""
    return ssl.create_default_context(cadata=certificates.ca_pem.decode())


@pytest.fixture(scope="session", autouse=True)
def trusting_home_assistant(certificates: Certificates) -> None:
    """Have Home Assistant's own context trust the test's authority as well."""
    client_context().load_verify_locations(cadata=certificates.ca_pem.decode())


@pytest.fixture
def account(server: QQServer) -> Account:
    """Return the account on the server, by implicit TLS."""
    return Account(
        username=ADDRESS,
        password=CODE,
        host=server.host,
        port=server.tls_port,
        encryption=Encryption.TLS,
        timeout=10,
    )


@pytest.fixture
def starttls_account(account: Account, server: QQServer) -> Account:
    """Return the account on the server, by STARTTLS."""
    return replace(account, port=server.starttls_port, encryption=Encryption.STARTTLS)
