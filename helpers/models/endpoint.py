"""How does a model answer that runs behind an OpenAI-compatible server? One chat request a prompt,
over the standard library alone.

The server is on this machine, or its host is named in the environment:
WORKBOOK_ENDPOINT_HOST=api.example.com. A folder that somebody sent can ask for an endpoint, but
only you can let texts leave. The key comes from WORKBOOK_ENDPOINT_KEY; it is sent to that host
alone (no redirect is followed) and stands in no file, fingerprint or message.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from helpers.core.fingerprint import code_of

HOST, KEY = "WORKBOOK_ENDPOINT_HOST", "WORKBOOK_ENDPOINT_KEY"
TIMEOUT_SECONDS = 120
LARGEST_REPLY_BYTES = 4_000_000
TRIES = 3
BUSY = (408, 409, 425, 429, 500, 502, 503, 504)


class EndpointError(RuntimeError):
    """The endpoint may not be used, or does not answer; the message says why and what to do."""


@dataclass(frozen=True)
class Reply:
    """What the model said, the tokens as the server counts them, and the seconds that the caller
    waited."""

    text: str
    tokens_in: int
    tokens_out: int
    seconds: float


@dataclass(frozen=True)
class Endpoint:
    """A checked address and the name of a model there. Make it with `endpoint`."""

    url: str
    model: str
    timeout_seconds: float = TIMEOUT_SECONDS

    @property
    def fingerprint(self) -> str:
        """Names address, model and this code. What runs behind the name can change without notice:
        an endpoint is pinned by nobody but its owner."""
        text = f"{self.url} {self.model} {code_of('models/endpoint')}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def say(self, messages: Sequence[dict[str, str]], max_new_tokens: int) -> Reply:
        """One answer, as sure as the server lets us be (temperature 0). Raises EndpointError after
        three tries."""
        body = {
            "model": self.model,
            "messages": list(messages),
            "max_tokens": max_new_tokens,
            "temperature": 0,
            "stream": False,
        }
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(
            f"{self.url}/chat/completions", json.dumps(body).encode(), headers, method="POST"
        )
        for attempt in range(1, TRIES + 1):
            started = time.perf_counter()
            try:
                with _opener(self.url).open(request, timeout=self.timeout_seconds) as answer:
                    return _reply(
                        answer.read(LARGEST_REPLY_BYTES + 1), time.perf_counter() - started
                    )
            except urllib.error.HTTPError as error:
                said = _without_key(error.read(300).decode("utf-8", "replace"))
                if error.code not in BUSY or attempt == TRIES:
                    raise EndpointError(
                        f"{self.url} answers {error.code} ({' '.join(said.split())[:200]}); check"
                        f" the model's name and {KEY}"
                    ) from None
            except (OSError, http.client.HTTPException) as error:
                if attempt == TRIES:
                    raise EndpointError(
                        f"{self.url} does not answer ({_without_key(str(error))}); is the server"
                        " running?"
                    ) from None
            time.sleep(min(2.0**attempt / 4, 5))
        raise AssertionError("unreachable")


def endpoint(url: str, model: str) -> Endpoint:
    """The endpoint at this URL, if it may be used. Raises EndpointError where texts would go to a
    host that nobody named, or uncovered."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise EndpointError(
            f"[endpoint] url {url!r} is no address ({error}); write it as http://127.0.0.1:8080/v1"
        ) from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise EndpointError(
            f"[endpoint] url {url!r} is no address; write it as http://127.0.0.1:8080/v1"
        )
    if parts.username or parts.password:
        raise EndpointError(f"[endpoint] url holds a name or password; the key belongs into {KEY}")
    if not _loopback(host):
        if host != os.environ.get(HOST, "").strip().lower():
            raise EndpointError(
                f"documents and questions would go to {host}: if you want that, set {HOST}={host}"
                " and start again; nothing was sent"
            )
        if parts.scheme != "https":
            raise EndpointError(
                f"documents and questions would go to {host} where everybody on the way can read"
                " them; use https"
            )
    if not model.strip():
        raise EndpointError('[endpoint] names no model; add model = "…", as the server calls it')
    return Endpoint(url.rstrip("/"), model)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect would carry texts and key elsewhere."""

    def redirect_request(self, request, response, code, message, headers, to):
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """No redirects; and what is on this machine is never asked through a proxy."""
    own = (
        [urllib.request.ProxyHandler({})]
        if _loopback((urlsplit(url).hostname or "").lower())
        else []
    )
    return urllib.request.build_opener(_Stay, *own)


def _without_key(text: str) -> str:
    key = os.environ.get(KEY)
    return text.replace(key, "…") if key else text


def _reply(data: bytes, seconds: float) -> Reply:
    if len(data) > LARGEST_REPLY_BYTES:
        raise EndpointError(
            f"the endpoint answered with more than {LARGEST_REPLY_BYTES:,} bytes; is it an"
            " OpenAI-compatible server?"
        )
    try:
        held = json.loads(data)
        text, used = held["choices"][0]["message"]["content"], held.get("usage") or {}
        return Reply(
            str(text or "").strip(),
            int(used.get("prompt_tokens") or 0),
            int(used.get("completion_tokens") or 0),
            seconds,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise EndpointError(
            f"the endpoint's answer is no chat completion ({type(error).__name__}:"
            f" {str(error)[:80]}); is it an OpenAI-compatible server?"
        ) from None
