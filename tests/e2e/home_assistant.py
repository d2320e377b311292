"""A real Home Assistant in a process of its own, used by its public interfaces."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
import json
import os
from pathlib import Path
from random import SystemRandom
import shutil
import socket
import sys
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp

from tests.qq_server import Certificates, QQServer

from .forked import Fork

ROOT = Path(__file__).parents[2]
PORTS = range(20_000, 32_000)
"""Below those that the system gives to outgoing connections: a port that is free after
a stop has to be free at the next start as well."""
START_TIMEOUT = 180.0
"""Seconds for the first start, which compiles every module it loads."""
STEP_TIMEOUT = 60.0

CODE = "abcdefghijklmnop"
"""Of each account of a server that is run beside it."""
USER = "demo"
PASSWORD = "demo"

# In the file: of a language that is changed while it runs, Home Assistant loads the
# texts at the next start.
CORE = """\
homeassistant:
  name: Demo
  country: CN
  language: {language}
  time_zone: Asia/Shanghai
  unit_system: metric
config:
logger:
  default: warning
  logs:
    custom_components.qq_mail: debug
    aiosmtplib: debug
"""

# What a household's Home Assistant has beside that, less what needs hardware or the
# internet. Without it, it is the least that one runs with, to be started again and
# again.
HOUSEHOLD = """\
frontend:
history:
logbook:
media_source:
person:
system_health:
automation: !include automations.yaml
script: !include scripts.yaml
scene:
"""

# What comes after the user. One of these steps adds integrations that ask the internet
# at each start, and without it hold each start up for ten seconds.
ONBOARDING = {
    "version": 4,
    "key": "onboarding",
    "data": {"done": ["core_config", "analytics", "integration"]},
}


class HomeAssistantError(Exception):
    """Home Assistant did not start, or refused a request."""


class ConnectionLostError(HomeAssistantError):
    """The connection ended before the answer."""


class Channel:
    """A WebSocket connection that stays open; commands need not wait in line."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Listen on a connection that is authenticated."""
        self._socket = socket
        self._ids = count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listener = asyncio.create_task(self._listen())

    @property
    def is_open(self) -> bool:
        """Whether Home Assistant can still answer."""
        return not self._listener.done()

    async def command(self, kind: str, **data: Any) -> Any:
        """Send a command and return its result.

        Raises HomeAssistantError, and ConnectionLostError where there is no answer.
        """
        if not self.is_open:
            raise ConnectionLostError
        number = next(self._ids)
        answered = asyncio.get_running_loop().create_future()
        self._answers[number] = answered
        try:
            await self._socket.send_json({"id": number, "type": kind, **data})
            answer = await answered
        except (OSError, aiohttp.ClientError) as err:
            raise ConnectionLostError from err
        finally:
            self._answers.pop(number, None)
        # A pong has neither.
        if not answer.get("success", True):
            raise HomeAssistantError(answer["error"]["message"])
        return answer.get("result")

    async def action(self, action: str, **data: Any) -> None:
        """Perform an action. Raises HomeAssistantError where it failed."""
        await self.command("call_service", **_call(action, data))

    async def response(self, action: str, **data: Any) -> Any:
        """Perform an action and return its response."""
        result = await self.command(
            "call_service", **_call(action, data), return_response=True
        )
        return result["response"]

    async def close(self) -> None:
        """End the connection."""
        await self._socket.close()
        await asyncio.wait({self._listener})

    async def _listen(self) -> None:
        try:
            async for frame in self._socket:
                answer = frame.json()
                if answered := self._answers.get(answer["id"]):
                    answered.set_result(answer)
        finally:
            for answered in self._answers.values():
                if not answered.done():
                    answered.set_exception(ConnectionLostError())


class HomeAssistant:
    """Start it, log in, call it over HTTP and WebSocket, stop it or kill it."""

    def __init__(
        self,
        config_dir: Path,
        *,
        ca_file: Path,
        configuration: str = "",
        automations: str = "[]\n",
        scripts: str = "{}\n",
        language: str = "en",
        lean: bool = False,
        under: Sequence[str] = (),
        python: str = sys.executable,
        port: int | None = None,
        forked: bool = False,
    ) -> None:
        """Write a config folder with the integration in it.

        It runs by the Python whose environment it is installed in, under a command, such
        as a debugger, where one is given, and on the port that is given if that is free;
        or, by this Python, as a fork, which starts in half the time.
        """
        self.config_dir = config_dir
        self.port = free_port(port)
        self._environment = {
            **os.environ,
            # Home Assistant then trusts this authority and no other.
            "REQUESTS_CA_BUNDLE": str(ca_file),
            "SETUP_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            # Or each start compiles every module anew.
            "PYTHONDONTWRITEBYTECODE": "",
        }
        self._language = language
        self._under = under
        self._python = python
        self._forked = forked
        self._process: asyncio.subprocess.Process | Fork | None = None
        self._http: aiohttp.ClientSession | None = None
        self._tokens: dict[str, Any] = {}
        self._write_config(
            {
                "configuration.yaml": CORE.format(language=language)
                + ("" if lean else HOUSEHOLD)
                + configuration,
                "automations.yaml": automations,
                "scripts.yaml": scripts,
            }
        )

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process, for what the system knows of it."""
        if self._process is None:
            raise HomeAssistantError("not started")
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything it logged since the start before the last one."""
        return "".join(
            file.read_text(errors="replace")
            for name in ("home-assistant.log.1", "home-assistant.log")
            if (file := self.config_dir / name).exists()
        )

    async def __aenter__(self) -> Self:
        """Start, with a user who has been through the onboarding."""
        try:
            await self.start()
            await self._onboard()
            await self._until(self._is_running)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Start the process and wait until it has started completely."""
        if self._http is None:
            self._http = aiohttp.ClientSession()
        arguments = ("homeassistant", "--config", str(self.config_dir))
        console = self.config_dir / "console.log"
        if self._forked:
            self._process = Fork(arguments, self._environment, console)
        else:
            with console.open("ab") as file:
                self._process = await asyncio.create_subprocess_exec(
                    *self._under,
                    self._python,
                    "-m",
                    *arguments,
                    env=self._environment,
                    stdout=file,
                    stderr=file,
                    # Ctrl-C in a terminal must end it through us, in good order.
                    start_new_session=True,
                )
        await self._until(self._is_running)

    async def stop(self) -> None:
        """End the process in good order, and our connections to it."""
        if self._process and self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(STEP_TIMEOUT):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        if self._http:
            await self._http.close()
            self._http = None

    async def kill(self) -> None:
        """End the process at once, as a power cut would."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def restart(self) -> None:
        """Stop and start again on the same config folder."""
        await self.stop()
        await self.start()

    async def get(self, path: str) -> Any:
        """Ask the REST interface."""
        return await self._request("GET", path)

    async def post(self, path: str, data: Any = None) -> Any:
        """Tell the REST interface."""
        return await self._request("POST", path, json=data or {})

    async def delete(self, path: str) -> Any:
        """Have the REST interface remove something."""
        return await self._request("DELETE", path)

    async def action(self, action: str, **data: Any) -> None:
        """Perform an action. Raises HomeAssistantError where it failed."""
        await self.command("call_service", **_call(action, data))

    async def command(self, kind: str, **data: Any) -> Any:
        """Send one WebSocket command and return its result."""
        async with self.channel() as channel, asyncio.timeout(STEP_TIMEOUT):
            return await channel.command(kind, **data)

    @asynccontextmanager
    async def channel(self) -> AsyncGenerator[Channel]:
        """Open a WebSocket connection."""
        async with self._session.ws_connect(
            f"{self.url}/api/websocket", max_msg_size=0
        ) as socket:
            await socket.receive_json()
            await socket.send_json(
                {"type": "auth", "access_token": await self._access_token()}
            )
            await socket.receive_json()
            channel = Channel(socket)
            try:
                yield channel
            finally:
                await channel.close()

    async def translations(
        self, category: str, integration: str = "qq_mail"
    ) -> dict[str, str]:
        """Return an integration's texts in the user's language."""
        result = await self.command(
            "frontend/get_translations",
            language=self._language,
            category=category,
            integration=[integration],
        )
        return dict(result["resources"])

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise HomeAssistantError("not started")
        return self._http

    def _write_config(self, files: dict[str, str]) -> None:
        shutil.rmtree(self.config_dir, ignore_errors=True)
        components = self.config_dir / "custom_components"
        components.mkdir(parents=True)
        (components / "qq_mail").symlink_to(
            ROOT / "custom_components" / "qq_mail", target_is_directory=True
        )
        for name, text in files.items():
            (self.config_dir / name).write_text(text)
        storage = self.config_dir / ".storage"
        storage.mkdir()
        (storage / "onboarding").write_text(json.dumps(ONBOARDING))

    async def _onboard(self) -> None:
        """Make the user, as the first page in the browser would."""
        async with self._session.post(
            f"{self.url}/api/onboarding/users",
            json={
                "name": "Demo",
                "username": USER,
                "password": PASSWORD,
                "client_id": self._client_id,
                "language": self._language,
            },
        ) as response:
            code = (await response.json())["auth_code"]
        await self._fetch_tokens(grant_type="authorization_code", code=code)
        # Entities and mails speak the house's language, pages the user's.
        await self.command(
            "frontend/set_user_data",
            key="language",
            value={"language": self._language, "number_format": "language"},
        )

    @property
    def _client_id(self) -> str:
        return f"{self.url}/"

    async def log_in(self, username: str, password: str) -> None:
        """Be this user from now on."""
        flow = f"{self.url}/auth/login_flow"
        begin = {
            "client_id": self._client_id,
            "handler": ["homeassistant", None],
            "redirect_uri": self._client_id,
        }
        async with self._session.post(flow, json=begin) as response:
            flow_id = (await response.json())["flow_id"]
        typed = {
            "client_id": self._client_id,
            "username": username,
            "password": password,
        }
        async with self._session.post(f"{flow}/{flow_id}", json=typed) as response:
            code = (await response.json())["result"]
        await self._fetch_tokens(grant_type="authorization_code", code=code)

    async def _fetch_tokens(self, **grant: str) -> None:
        async with self._session.post(
            f"{self.url}/auth/token",
            data=urlencode({"client_id": self._client_id, **grant}),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ) as response:
            tokens = await response.json()
        self._tokens |= {**tokens, "until": time.monotonic() + tokens["expires_in"] / 2}

    async def _access_token(self) -> str:
        if time.monotonic() > self._tokens["until"]:
            await self._fetch_tokens(
                grant_type="refresh_token",
                refresh_token=self._tokens["refresh_token"],
            )
        return str(self._tokens["access_token"])

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        async with self._session.request(
            method,
            self.url + path,
            headers={"Authorization": f"Bearer {await self._access_token()}"},
            timeout=aiohttp.ClientTimeout(total=STEP_TIMEOUT),
            **options,
        ) as response:
            text = await response.text()
            if not response.ok:
                raise HomeAssistantError(f"{method} {path}: {response.status} {text}")
        return json.loads(text)

    async def _is_running(self) -> bool:
        """Tell whether it has finished starting; without a user, whether it answers."""
        process = self._process
        if process and process.returncode is not None:
            console = (self.config_dir / "console.log").read_text(errors="replace")
            raise HomeAssistantError(f"ended with {process.returncode}:\n{console}")
        try:
            if not self._tokens:
                async with self._session.get(f"{self.url}/api/onboarding") as response:
                    return response.ok
            config = await self.get("/api/config")
        except OSError, aiohttp.ClientError:
            return False
        if config["recovery_mode"]:
            raise HomeAssistantError(f"in recovery mode:\n{self.log}")
        return bool(config["state"] == "RUNNING")

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for another process, which can only be asked again and again."""
        async with asyncio.timeout(START_TIMEOUT):
            while not await condition():
                await asyncio.sleep(0.1)


@asynccontextmanager
async def begin(
    folder: Path, *addresses: str, **settings: Any
) -> AsyncGenerator[tuple[HomeAssistant, QQServer]]:
    """Run a Home Assistant, and a server that it trusts, with accounts of these."""
    certificates = Certificates()
    ca_file = folder / "ca.pem"
    certificates.write_ca(ca_file)
    home = HomeAssistant(folder / "config", ca_file=ca_file, forked=True, **settings)
    with QQServer(certificates, dict.fromkeys(addresses, CODE)) as server:
        async with home:
            yield home, server


def _call(action: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return what the command call_service wants to know."""
    domain, _, service = action.partition(".")
    target = {"entity_id": data.pop("entity_id")} if "entity_id" in data else {}
    return {
        "domain": domain,
        "service": service,
        "service_data": data,
        "target": target,
    }


def free_port(preferred: int | None = None) -> int:
    """Return the preferred port if nothing listens there, else any free one.

    By chance, for several of these tests may look for one at the same time.
    """
    ports = SystemRandom().sample(PORTS, 100)
    for port in ports if preferred is None else [preferred, *ports]:
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("", port))
            except OSError:
                continue
            return port
    raise HomeAssistantError("no free port")
