"""A model behind an endpoint: asked as the others are, only where it may be, and its key stays a
secret."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from helpers.core.cases import Ask
from helpers.models.endpoint import HOST, KEY, EndpointError, endpoint_at
from helpers.retrieval.bm25 import lexical_index
from helpers.systems import questions

TODAY = dt.date(2026, 3, 2)


def test_questions_reach_the_model_with_their_passages_and_tokens_are_counted(serve, small):
    server = serve(lambda body, n: (200, "13 days [1]", {}))
    index = lexical_index(small)
    arm = questions.retrieval_augmented(endpoint_at(server.url, "m"), index, top_k=2)
    (found,) = arm([Ask("q", "How many days of leave?", ("staff",), TODAY)])
    sent = server.asked[0]
    assert "Staff get 13 days of leave." in sent["messages"][0]["content"]
    assert sent["temperature"] == 0
    assert sent["model"] == "m"
    assert "11 days" not in json.dumps(sent), "days and rights are conditions of this search, too"
    assert "99 coins" not in json.dumps(sent), "days and rights are conditions of this search, too"
    assert found.tokens_in == 50
    assert found.tokens_out == 3
    assert found.cited[0].by == "model"
    assert found.seconds > 0


def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(serve, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server = serve(lambda body, n: (503, b"busy", {}) if n < 3 else (200, "yes", {}))
    assert next(endpoint_at(server.url, "m").complete([[]], 5)).text == "yes"
    assert len(server.asked) == 3
    refusing = serve(lambda body, n: (401, b"no such key", {}))
    with pytest.raises(EndpointError, match="401"):
        list(endpoint_at(refusing.url, "m").complete([[]], 5))
    assert len(refusing.asked) == 1
    for nonsense in (b"<html>", b"{}", b'{"choices": []}', b"[]", b'{"choices": [7]}'):
        odd = serve(lambda body, n, nonsense=nonsense: (200, nonsense, {}))
        with pytest.raises(EndpointError, match="no chat completion"):
            list(endpoint_at(odd.url, "m").complete([[]], 5))


def test_the_key_is_sent_and_stands_nowhere_else(serve, monkeypatch):
    monkeypatch.setenv(KEY, "sk-very-secret")
    server = serve(lambda body, n: (400, b"your key sk-very-secret is odd", {}))
    there = endpoint_at(server.url, "m")
    with pytest.raises(EndpointError) as caught:
        list(there.complete([[]], 5))
    assert server.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(there) + there.fingerprint


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve, code):
    other = serve(lambda body, n: (200, "stolen", {}))
    server = serve(lambda body, n: (code, b"", {"Location": f"{other.url}/chat/completions"}))
    with pytest.raises(EndpointError, match=f"answers {code}"):
        list(endpoint_at(server.url, "m").complete([[{"role": "user", "content": "secret"}]], 5))
    assert other.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "https://example.com/v1",
        "https://127.0.0.1.example.com/v1",
        "https://localhost.example.com/v1",
        "http://127.0.0.1@example.com/v1",
        "https://[::ffff:8.8.8.8]/v1",
    ],
)
def test_texts_go_to_no_host_that_nobody_named(url, monkeypatch):
    monkeypatch.delenv(HOST, raising=False)
    with pytest.raises(EndpointError):
        endpoint_at(url, "m")


def test_a_host_that_was_named_is_asked_over_https_alone(monkeypatch):
    monkeypatch.setenv(HOST, "Api.example.com")
    assert endpoint_at("https://api.example.com/v1/", "m").url == "https://api.example.com/v1"
    for url in (
        "http://api.example.com/v1",
        "https://other.example.com/v1",
        "ftp://api.example.com",
        "https://api.example.com:x/",
    ):
        with pytest.raises(EndpointError):
            endpoint_at(url, "m")
    assert endpoint_at("http://localhost:1/v1", "m")
    assert endpoint_at("http://[::1]:8080/v1", "m")


def test_words_alone_find_what_the_asker_may_read_and_name_the_index(small):
    index = lexical_index(small)
    ask = Ask("q", "Who gets coins of leave pay?", ("board",), TODAY)
    assert index.search_all([ask])[0][0].doc == "salaries"
    assert all(p.doc != "salaries" for p in index.search(ask.input, ("staff",), TODAY, 10))
    assert index.search(ask.input, (), TODAY) == []
    assert lexical_index(small).name == index.name != lexical_index(small[1:]).name
