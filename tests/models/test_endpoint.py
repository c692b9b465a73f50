"""A model behind an endpoint: asked as the others are, only where it may be, and its key stays a
secret."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from helpers.core.cases import Ask, Passage
from helpers.models import endpoint, load
from helpers.models.endpoint import HOST, KEY, EndpointError, endpoint_at
from helpers.models.language_model import messages
from helpers.retrieval.bm25 import lexical_index
from helpers.systems import labelled, questions
from helpers.systems.prompts import TaskPrompt

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


PAGE = (Passage("leave", "Leave", 0, 13, "Staff: 13 days"),)
ASKED = "Using only the context, answer in a few words.\n\nContext:\n[1] Leave: Staff: 13 days\n\n\
Question: How many days?"


def test_weights_and_endpoint_are_asked_in_the_same_words(serve):
    server, sent = serve(lambda body, n: (200, "13 days", {})), []

    class Weights(load.Generator):
        def chat(self, *words, **more):
            sent.append(messages(*words, **more))
            return "a prompt"

        def complete(self, prompts, *how):
            return iter(())

    task = TaskPrompt("Sort.", shown="Message: {}")
    for model in (Weights("toy", "toy@1", None, None, "cpu"), endpoint_at(server.url, "m")):
        for arm in (
            questions.oracle(model, {"q": PAGE}),
            questions.closed_book(model),
            labelled.few_shot(model, task, [("in", "out")]),
        ):
            list(arm([Ask("q", "How many days?", ("staff",), TODAY)]))
    assert sent == [body["messages"] for body in server.asked]
    assert sent == [
        [{"role": "user", "content": ASKED}],
        [{"role": "user", "content": "Answer in a few words.\n\nQuestion: How many days?"}],
        [
            {"role": "system", "content": "Sort."},
            {"role": "user", "content": "Message: in"},
            {"role": "assistant", "content": "out"},
            {"role": "user", "content": "Message: How many days?"},
        ],
    ]


def test_whole_documents_are_measured_in_characters_where_tokens_cannot_be_counted(serve, small):
    server = serve(lambda body, n: (200, "13", {}))
    arm = questions.long_context(endpoint_at(server.url, "m"), lexical_index(small), small, 4)
    (found,) = arm([Ask("q", "How many days of leave?", ("staff",), TODAY)])
    assert [len(passage.text) for passage in found.context] == [16]


def test_an_endpoint_cannot_be_constrained():
    with pytest.raises(EndpointError, match="cannot be constrained"):
        list(endpoint_at("http://127.0.0.1:1/v1", "m").complete([[]], 5, {"type": "string"}))


def test_a_key_that_no_header_may_hold_is_not_shown(monkeypatch):
    monkeypatch.setenv(KEY, "sk-very\nsecret")
    with pytest.raises(EndpointError) as caught:
        list(endpoint_at("http://127.0.0.1:1/v1", "m").complete([[]], 5))
    assert "sk-very" not in str(caught.value)


def test_a_reply_without_end_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr(endpoint, "LARGEST_REPLY_BYTES", 1000)
    server = serve(lambda body, n: (200, b"x" * 5000, {}))
    with pytest.raises(EndpointError, match="more than 1,000 bytes"):
        list(endpoint_at(server.url, "m").complete([[]], 5))


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
