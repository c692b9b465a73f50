"""A citation on display: the words are marked where they are, and a document cannot write HTML."""

from __future__ import annotations

from helpers.core.cases import Citation, Passage, Prediction
from helpers.labs import show_citation


def shown(documents, text, quote):
    source = documents[0]
    passage = Passage(source.id, source.title, 0, len(text), text)
    cited = (Citation(1, source.id, quote, "overlap"),)
    return show_citation(Prediction("q", "<b>4</b>", (passage,), cited), documents), source


def test_the_quote_is_marked_and_all_text_escaped(documents):
    found, source = shown(documents, "It is <script>4</script> days.", "<script>4</script>")
    assert "<script>" not in found.html
    assert "&lt;script&gt;4&lt;/script&gt;</mark>" in found.html
    assert source.path.name in found.html


def test_a_terminal_reads_the_same(documents):
    found, source = shown(documents, "It is 4 days.", "4 days")
    assert repr(found).startswith("<b>4</b> [1]\n  cites '4 days'\n  ")
    assert source.path.name in repr(found)


def test_no_citation_is_said(documents):
    assert repr(show_citation(Prediction("q", "4", ()), documents)) == "4 (cites nothing)"
