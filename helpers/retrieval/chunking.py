"""How is a document cut into pieces that a search can find and a prompt can hold? Every piece knows
where it came from.

    tokens      windows of `chunk_size` tokens, cut wherever the count says
    recursive   at paragraphs where they fit, else at lines, sentences, words (the recursive
                splitter of LangChain, with exact spans)
    sentences   windows of whole sentences
    headings    one section a chunk; a section that is too long is cut recursively, each piece under
                its heading path
"""

from __future__ import annotations

import functools
import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from helpers.data.handbook import Document, headings
from helpers.evaluation.text import unspaced
from helpers.models import weights

Span = tuple[int, int]
Spans = Callable[[str], list[Span]]  # text -> where each of its tokens is, in characters


@dataclass(frozen=True)
class Chunk:
    """Characters start:end of a document: `document.text[chunk.start:chunk.end] == chunk.text`,
    always."""

    document: Document
    start: int
    end: int
    under: tuple[str, ...] = ()  # the heading path, where it stands for the title ("headings")
    columns: str = ""  # the header of the table that it begins within, where that was asked for

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    @property
    def heading_path(self) -> tuple[str, ...]:
        """Which headings does it begin under, outermost first? Known however it was cut."""
        return self.document.heading_path(self.start)

    def titled(self, title: str) -> str:
        """A title with the names of the columns, without which a row cannot be understood."""
        return f"{title} ({self.columns})" if self.columns else title


@functools.cache
def _embedder_tokenizer():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(weights.prepare(weights.MINILM) / "tokenizer.json"))
    tokenizer.no_truncation()  # the file asks for 128 tokens, padded; we want to see all of them
    tokenizer.no_padding()
    return tokenizer


def token_spans(text: str) -> list[Span]:
    """Where is each token of the embedder? (start, end) in characters, in order."""
    return [
        span
        for span in _embedder_tokenizer().encode(text, add_special_tokens=False).offsets
        if span[0] < span[1]
    ]


def cut(
    text: str,
    chunk_size: int = 128,
    overlap: int = 32,
    strategy: str = "tokens",
    spans: Spans = token_spans,
    whole: Sequence[Span] = (),
) -> list[Span]:
    """Where does each chunk of a text begin and end? Spans in characters, in order; no piece is
    longer than `chunk_size` tokens.

    Neighbours share up to `overlap` tokens (exactly so for "tokens"). Text that is only white space
    gives no chunk. Raises ValueError unless 0 <= overlap < chunk_size and the strategy is one of
    STRATEGIES. `spans` counts the tokens; the default counts the embedder's. whole: spans, in
    order, that "tokens" does not cut in two where a chunk holds them; they have to be lines, which
    the other strategies keep whole by themselves.
    """
    if not 0 <= overlap < chunk_size:
        raise ValueError(
            f"overlap must be at least 0 and below chunk_size; got chunk_size={chunk_size},"
            f" overlap={overlap}"
        )
    if strategy not in STRATEGIES:
        raise ValueError(
            f"there is no strategy '{strategy}'; choose one of {', '.join(STRATEGIES)}"
        )
    if strategy == "tokens" and unspaced(text):
        strategy = "sentences"
    if strategy == "tokens" and whole:
        return _by_tokens_around(whole, text, chunk_size, overlap, spans)
    return STRATEGIES[strategy](text, chunk_size, overlap, spans)


def by_tokens(text: str, chunk_size: int, overlap: int, spans: Spans) -> list[Span]:
    """Windows of chunk_size tokens, each sharing `overlap` tokens with the one before.

    Example: 10 tokens, chunk_size 4, overlap 1 -> tokens 0-3, 3-6, 6-9.
    """
    tokens = spans(text)
    # a window starts every chunk_size - overlap tokens; what the last overlap holds needs no other
    starts = range(0, max(len(tokens) - overlap, 1), chunk_size - overlap) if tokens else ()
    # from the first character of a window's first token to the last of its last
    windows = [tokens[start : start + chunk_size] for start in starts]
    return [(window[0][0], window[-1][1]) for window in windows]


def _by_tokens_around(
    whole: Sequence[Span], text: str, chunk_size: int, overlap: int, spans: Spans
) -> list[Span]:
    """As `by_tokens`, but what is `whole` counts as one piece where a chunk holds it."""
    tokens = spans(text)
    starts = [start for start, _ in tokens]
    units: list[Span] = []
    lengths: dict[Span, int] = {}
    done = 0
    for line in whole:
        first, last = (bisect_left(starts, at) for at in line)
        if done <= first and 1 < last - first <= chunk_size:
            unit = (tokens[first][0], tokens[last - 1][1])
            lengths[unit] = last - first
            units += [*tokens[done:first], unit]
            done = last
    units += tokens[done:]
    return list(_merge(units, chunk_size, overlap, lambda unit: lengths.get(unit, 1)))


# tried in this order; "" cuts between characters
SEPARATORS = ("\n\n", "\n", ".", "?", "!", "。", "！", "？", " ", "")


def by_recursion(text: str, chunk_size: int, overlap: int, spans: Spans) -> list[Span]:
    """At the coarsest separator that makes pieces small enough; neighbours are put together again
    as long as they fit.

    As LangChain's RecursiveCharacterTextSplitter does it (MIT), in the separators and lengths of
    Chroma's chunking evaluation.
    """
    # counted once a piece: the same one is looked at on several levels
    length = functools.lru_cache(maxsize=None)(lambda piece: len(spans(text[slice(*piece)])))
    return [
        piece
        for piece in map(
            functools.partial(_stripped, text),
            _recurse(text, (0, len(text)), SEPARATORS, chunk_size, overlap, length),
        )
        if piece
    ]


def _recurse(
    text: str,
    whole: Span,
    separators: Sequence[str],
    chunk_size: int,
    overlap: int,
    length: Callable[[Span], int],
) -> Iterator[Span]:
    # the coarsest separator that occurs here
    level = next(i for i, s in enumerate(separators) if text.find(s, *whole) >= 0)
    small: list[Span] = []
    for piece in _split(text, whole, separators[level]):
        if length(piece) < chunk_size:
            small.append(piece)  # waits for its neighbours, see _merge
            continue
        # too long: what waits is put together, and this piece is cut at a finer separator
        yield from _merge(small, chunk_size, overlap, length)
        small = []
        finer = separators[level + 1 :]
        yield from _recurse(text, piece, finer, chunk_size, overlap, length) if finer else (piece,)
    yield from _merge(small, chunk_size, overlap, length)


def _split(text: str, whole: Span, separator: str) -> list[Span]:
    """The pieces of a span; a separator stays at the beginning of the piece that it opens; one of
    。！？ at the end of what it closes."""
    start, end = whole
    after = len(separator) if separator in "。！？" else 0
    opens = (
        range(start + 1, end)
        if not separator
        else [start + m.start() + after for m in re.finditer(re.escape(separator), text[start:end])]
    )
    return [(a, b) for a, b in itertools.pairwise([start, *opens, end]) if a < b]


def _merge(
    pieces: Sequence[Span], chunk_size: int, overlap: int, length: Callable[[Span], int]
) -> Iterator[Span]:
    """Neighbouring pieces put together as long as they fit; the last ones are carried over as
    overlap where `overlap` holds them."""
    held: list[Span] = []
    total = 0
    for piece in pieces:
        size = length(piece)
        if held and total + size > chunk_size:
            # full: a chunk; the oldest pieces go until the rest is overlap and leaves room
            yield held[0][0], held[-1][1]
            while held and (total > overlap or total + size > chunk_size):
                total -= length(held.pop(0))
        held.append(piece)
        total += size
    if held:
        yield held[0][0], held[-1][1]


def _stripped(text: str, span: Span) -> Span | None:
    piece = text[slice(*span)]
    return (
        (span[0] + len(piece) - len(piece.lstrip()), span[0] + len(piece.rstrip()))
        if piece.strip()
        else None
    )


# a line of a table or a list counts as a sentence
SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"')\]”’*_]*\s+|\n+|(?<=[。！？])[」』”’）]*\s*(?![。！？])|(?<=[ก-๛]) +(?=[ก-๛])"
)


def by_sentences(text: str, chunk_size: int, overlap: int, spans: Spans) -> list[Span]:
    """Windows of whole sentences: as many as chunk_size tokens hold; a sentence that is longer is
    cut by tokens."""
    # 1. The sentences, without the white space around them.
    ends = [m.end() for m in SENTENCE_END.finditer(text)]
    sentences = [
        piece
        for piece in (_stripped(text, pair) for pair in itertools.pairwise([0, *ends, len(text)]))
        if piece
    ]
    # 2. A sentence that no chunk holds is cut by tokens.
    length = functools.lru_cache(maxsize=None)(lambda piece: len(spans(text[slice(*piece)])))
    small = [
        part
        for one in sentences
        for part in (
            _shifted(by_tokens(text[slice(*one)], chunk_size, 0, spans), one[0])
            if length(one) > chunk_size
            else [one]
        )
    ]
    # 3. Neighbours are put together as long as they fit.
    return list(_merge(small, chunk_size, overlap, length))


def by_headings(text: str, chunk_size: int, overlap: int, spans: Spans) -> list[Span]:
    """One section a chunk, from its heading to the next; a heading with no text of its own goes
    with the section below it."""
    pieces: list[Span] = []
    for start, body, end in _sections(text):
        section = _stripped(text, (start, end))
        # what a heading leaves to its text when both stand in one chunk
        room = chunk_size - len(spans(text[start:body]))
        # a section that fits is one chunk
        if section is None or len(spans(text[slice(*section)])) <= chunk_size:
            pieces += [section] if section else []
        # one that does not is cut below its heading, which stays with the first piece
        elif room > overlap:
            (_, first_end), *rest = _shifted(
                by_recursion(text[body:end], room, overlap, spans), body
            )
            pieces += [(section[0], first_end), *rest]
        # a heading that leaves no room is cut like any text
        else:
            pieces += _shifted(by_recursion(text[start:end], chunk_size, overlap, spans), start)
    return pieces


def _sections(text: str) -> Iterator[tuple[int, int, int]]:
    """(start, where the text below the heading begins, end) of each section."""
    opens = [at for at, _, _ in headings(text)]
    waiting = None  # where a heading stands that has no text of its own
    for start, end in itertools.pairwise(sorted({0, *opens, len(text)})):
        body = start + len(text[start:end].partition("\n")[0]) if start in opens else start
        if text[body:end].strip():
            yield start if waiting is None else waiting, body, end
            waiting = None
        elif waiting is None:
            waiting = start
    if waiting is not None:
        yield waiting, waiting, len(text)


def _shifted(pieces: Sequence[Span], by: int) -> list[Span]:
    return [(start + by, end + by) for start, end in pieces]


STRATEGIES: dict[str, Callable[[str, int, int, Spans], list[Span]]] = {
    "tokens": by_tokens,
    "recursive": by_recursion,
    "sentences": by_sentences,
    "headings": by_headings,
}


def chunk(
    document: Document,
    chunk_size: int = 128,
    overlap: int = 32,
    strategy: str = "tokens",
    spans: Spans = token_spans,
    table_headers: bool = False,
    whole_rows: bool = False,
) -> list[Chunk]:
    """Cut a document (see `cut`). The embedder reads 256 tokens at most and ignores the rest of a
    longer chunk.

    table_headers: a chunk that begins within a table carries the names of its columns beside its
    text. whole_rows: no row of a table is cut in two if it fits into a chunk. Off by default: the
    course's figures were measured without.
    """
    found = tables(document.text) if table_headers or whole_rows else []
    rows = [row for first, last, _ in found for row in _lines(document.text, first, last)]
    return [
        Chunk(
            document,
            start,
            end,
            document.heading_path(start) if strategy == "headings" else (),
            next((columns for first, last, columns in found if first < start < last), "")
            if table_headers
            else "",
        )
        for start, end in cut(
            document.text, chunk_size, overlap, strategy, spans, rows if whole_rows else ()
        )
    ]


DELIMITER_ROW = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\||$)", re.MULTILINE)
COLUMNS_CHARS = 300


def tables(text: str) -> list[tuple[int, int, str]]:
    """(first character, last, names of the columns) of each Markdown table whose columns have
    names."""
    if not DELIMITER_ROW.search(text):
        return []
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark").enable("table")
    reader.core.ruler.enableOnly(["block"])
    lines = text.split("\n")
    starts = [0, *itertools.accumulate(len(line) + 1 for line in lines)]
    found = []
    for token in reader.parse(text):
        if token.type == "table_open":
            first, last = token.map
            cells = [cell.strip() for cell in lines[first].strip(" \t>|").split("|")]
            if any(cells):
                found.append((starts[first], starts[last], " | ".join(cells)[:COLUMNS_CHARS]))
    return found


def _lines(text: str, first: int, last: int) -> list[Span]:
    """Where is each line of these characters?"""
    ends = [first + m.end() for m in re.finditer(r"\n|\Z", text[first:last])]
    return [line for line in itertools.pairwise([first, *ends]) if line[0] < line[1]]


def chunk_all(
    documents: Sequence[Document],
    chunk_size: int = 128,
    overlap: int = 32,
    strategy: str = "tokens",
    table_headers: bool = False,
    whole_rows: bool = False,
) -> list[Chunk]:
    """`chunk` for every document, in order."""
    return [
        piece
        for document in documents
        for piece in chunk(
            document,
            chunk_size,
            overlap,
            strategy,
            table_headers=table_headers,
            whole_rows=whole_rows,
        )
    ]
