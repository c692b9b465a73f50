"""What does a learner's browser do? It signs up, enters, waits for its server, opens a kernel and
runs cells. For the tests of isolation and for the load test; pages and widgets are not drawn."""

from __future__ import annotations

import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

SPAWN_SECONDS = 300


class VisitError(RuntimeError):
    """The hub answered otherwise than it should; the message says to what."""


@dataclass
class CellRun:
    """What came of one cell: "ok" or "error", its text, and how long until the kernel was idle."""

    status: str
    text: str
    seconds: float


class Visitor:
    """One learner with a browser of their own, at the hub of this address."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self.address, self.name, self.password = address.rstrip("/"), name, password
        self.http = httpx.Client(follow_redirects=True, timeout=60)
        self.base = f"{self.address}/user/{name}"

    def _form(self, page: str, **fields: str) -> httpx.Response:
        shown = self.http.get(f"{self.address}/hub/{page}")
        token = re.search(r'name="_xsrf"\s+value="([^"]*)"', shown.text)
        if token is None:
            raise VisitError(f"/hub/{page}: no form ({shown.status_code})")
        fields["_xsrf"] = token[1].replace("&#x3D;", "=")
        return self.http.post(str(shown.url), data=fields)

    def log_in(self) -> None:
        """Enter; at the first visit the password becomes this name's."""
        answer = self._form("login", username=self.name, password=self.password)
        if answer.status_code >= 400 or "/hub/login" in str(answer.url):
            raise VisitError(f"/hub/login: {answer.status_code} for {self.name}")

    def spawn(self) -> None:
        """Ask for the server, again where too many do so at once, and wait until it answers."""
        begun = time.monotonic()
        while self.http.get(f"{self.address}/hub/spawn").status_code == 429:
            if time.monotonic() - begun > SPAWN_SECONDS:
                raise VisitError(f"the hub was too busy for {self.name} for {SPAWN_SECONDS} s")
            time.sleep(2)
        while time.monotonic() - begun < SPAWN_SECONDS:
            # the page, not the API: on its way the browser gets the cookies of this server
            answer = self.http.get(f"{self.base}/lab")
            if answer.status_code == 200 and str(answer.url).startswith(self.base):
                return
            if "spawn failed" in answer.text.lower():
                raise VisitError(f"the server of {self.name} did not start")
            time.sleep(0.5)
        raise VisitError(f"the server of {self.name} is not there after {SPAWN_SECONDS} s")

    def api(self, method: str, where: str, owner: str | None = None, **body: Any) -> httpx.Response:
        """Ask the API of one's own server, or of somebody else's."""
        base = f"{self.address}/user/{owner or self.name}"
        return self.http.request(
            method,
            f"{base}/api/{where}",
            json=body or None,
            headers=self._xsrf(f"/user/{self.name}/"),
        )

    def _xsrf(self, path: str) -> dict[str, str]:
        found = [c.value for c in self.http.cookies.jar if c.name == "_xsrf" and c.path == path]
        return {"X-XSRFToken": found[0]} if found else {}

    def cookies_for(self, url: str) -> str:
        return self.http.build_request("GET", url).headers.get("cookie", "")

    def open_kernel(self, notebook: str) -> str:
        """The id of a kernel that works in the folder of this notebook."""
        answer = self.api(
            "POST", "sessions", path=notebook, type="notebook", name="", kernel={"name": "python3"}
        )
        if answer.status_code != 201:
            raise VisitError(f"no kernel for {self.name}: {answer.status_code} {answer.text[:200]}")
        return answer.json()["kernel"]["id"]

    async def connect(self, kernel: str, owner: str | None = None) -> Kernel:
        url = f"{self.address}/user/{owner or self.name}/api/kernels/{kernel}/channels"
        headers = {"Cookie": self.cookies_for(url)}
        request = HTTPRequest(url.replace("http", "ws", 1), headers=headers)
        socket = await websocket_connect(request, max_message_size=100_000_000)
        return Kernel(socket)


class Kernel:
    """A connected kernel, spoken to as JupyterLab does."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket, self.session = socket, uuid.uuid4().hex

    async def run(self, code: str) -> CellRun:
        """Execute one cell; its seconds end when the kernel says that it is idle."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
        header |= {"username": "", "session": self.session, "date": ""}
        content = {"code": code, "silent": False, "store_history": True, "stop_on_error": True}
        content |= {"user_expressions": {}, "allow_stdin": False}
        whole = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        begun, status, text = time.monotonic(), "", []
        await self.socket.write_message(json.dumps(whole | {"channel": "shell", "buffers": []}))
        idle = False
        while not (idle and status):
            said = await self.socket.read_message()
            if said is None:
                raise VisitError("the kernel's connection was closed")
            if isinstance(said, bytes):  # a message with buffers: a widget's, not ours
                continue
            message = json.loads(said)
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            kind, what = message["msg_type"], message["content"]
            if kind == "execute_reply":
                status = what["status"]
            elif kind == "stream":
                text.append(what["text"])
            elif kind == "execute_result":
                text.append(what["data"].get("text/plain", ""))
            elif kind == "error":
                text.append(f"{what['ename']}: {what['evalue']}")
            elif kind == "status":
                idle = what["execution_state"] == "idle"
        return CellRun(status, "".join(text), time.monotonic() - begun)

    def close(self) -> None:
        self.socket.close()
