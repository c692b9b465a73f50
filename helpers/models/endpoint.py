"""How does a model answer that runs behind an OpenAI-compatible server? One chat request a prompt.

The server is on this machine, or its host is named in the environment:
WORKBOOK_ENDPOINT_HOST=api.example.com. A folder that was sent to you can ask for an endpoint, but
only you can let texts leave. The key comes from WORKBOOK_ENDPOINT_KEY; it is sent to that host
alone (no redirect is followed) and appears in no file, fingerprint or message.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from helpers.core.fingerprint import code_of
from helpers.models.language_model import Completion, Turns, messages

Messages = list[dict[str, str]]
HOST, KEY = "WORKBOOK_ENDPOINT_HOST", "WORKBOOK_ENDPOINT_KEY"
TIMEOUT_SECONDS = 120
LARGEST_REPLY_BYTES = 4_000_000
TRIES = 3
BUSY = (408, 409, 425, 429, 500, 502, 503, 504)


class EndpointError(RuntimeError):
    """The endpoint may not be used, or does not answer; the message says why and what to do."""


class _BusyError(EndpointError):
    """The same, where another try may help."""


class NobodyThereError(_BusyError):
    """Nothing listens at the address, or the connection broke."""


@dataclass(frozen=True)
class Endpoint:
    """A LanguageModel behind a checked address, by its name there. Make it with `endpoint_at`."""

    url: str
    model: str
    timeout_seconds: float = TIMEOUT_SECONDS
    tokenizer: ClassVar[None] = None
    window_tokens: ClassVar[None] = None

    @property
    def fingerprint(self) -> str:
        """Names address, model and this code. What runs behind the name can change without notice:
        only its owner can pin an endpoint."""
        text = f"{self.url} {self.model} {code_of('models/endpoint', 'models/language_model')}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def chat(self, user: str, system: str | None = None, turns: Turns = ()) -> Messages:
        return messages(user, system, turns)

    def complete(
        self, prompts: Sequence[Messages], max_new_tokens: int = 48, schema: dict | None = None
    ) -> Iterator[Completion]:
        """The answers one by one, as deterministic as the server lets us be (temperature 0). Raises
        EndpointError after three tries, and for a schema."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

        if schema is not None:
            raise EndpointError(
                "answers of an endpoint cannot be constrained; leave out the schema"
            )
        retrying = Retrying(
            retry=retry_if_exception_type(_BusyError),
            stop=stop_after_attempt(TRIES),
            wait=wait_exponential(multiplier=0.5, max=5),
            reraise=True,
        )
        for index, prompt in enumerate(prompts):
            yield retrying(self._ask, index, prompt, max_new_tokens)

    def _ask(self, index: int, prompt: Messages, max_new_tokens: int) -> Completion:
        import httpx

        body = {
            "model": self.model,
            "messages": list(prompt),
            "max_tokens": max_new_tokens,
            "temperature": 0,
            "stream": False,
        }
        # uncompressed, so that the limit on the size counts what is read
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if key := os.environ.get(KEY):
            if not (key.isascii() and key.isprintable()):
                raise EndpointError(f"{KEY} holds a character that no key has; set it again")
            headers["Authorization"] = f"Bearer {key}"
        started = time.perf_counter()
        try:
            # A redirect would carry texts and key elsewhere. What is on this machine is never asked
            # through a proxy; another host is, where the environment names one.
            with (
                httpx.Client(
                    timeout=self.timeout_seconds,
                    follow_redirects=False,
                    trust_env=not _loopback(urlsplit(self.url).hostname or ""),
                ) as client,
                client.stream(
                    "POST", f"{self.url}/chat/completions", json=body, headers=headers
                ) as answer,
            ):
                data = b""
                for part in answer.iter_raw():
                    data += part
                    if len(data) > LARGEST_REPLY_BYTES:
                        break
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NobodyThereError(
                f"{self.url} does not answer ({_without_key(str(error))}); is the server running?"
            ) from None
        if not answer.is_success:
            said = " ".join(_without_key(data[:300].decode("utf-8", "replace")).split())[:200]
            raise (_BusyError if answer.status_code in BUSY else EndpointError)(
                f"{self.url} answers {answer.status_code} ({said}); check the model's name and"
                f" {KEY}"
            )
        return _completion(index, data, time.perf_counter() - started)


def endpoint_at(url: str, model: str) -> Endpoint:
    """The endpoint at this URL, if it may be used. Raises EndpointError where texts would go to a
    host that you did not name, or unencrypted."""
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
                f"documents and questions would go to {host} unencrypted; use https"
            )
    if not model.strip():
        raise EndpointError('[endpoint] names no model; add model = "…", as the server calls it')
    return Endpoint(url.rstrip("/"), model)


def _loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_key(text: str) -> str:
    key = os.environ.get(KEY)
    return text.replace(key, "…") if key else text


def _completion(index: int, data: bytes, seconds: float) -> Completion:
    """What the model said, and the tokens as the server counts them."""
    if len(data) > LARGEST_REPLY_BYTES:
        raise EndpointError(
            f"the endpoint answered with more than {LARGEST_REPLY_BYTES:,} bytes; is it an"
            " OpenAI-compatible server?"
        )
    try:
        reply = json.loads(data)
        text, used = reply["choices"][0]["message"]["content"], reply.get("usage") or {}
        return Completion(
            index,
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
