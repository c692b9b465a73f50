"""What can embedder, word search and scorer do in the language of these texts? Said before any
number: a low one may be theirs, not that of the texts."""

from __future__ import annotations

from helpers.commands.assess.folder import UserFolder
from helpers.core.settings import embedder_override
from helpers.data.languages import language_of, name_of

# all-MiniLM-L6-v2 on Belebele (Bandarkar et al. 2023, 122 languages, parallel texts): nDCG@10
BELEBELE = {
    "en": 0.91, "fr": 0.66, "de": 0.60, "es": 0.56, "zh": 0.19, "ja": 0.12, "ar": 0.01,
}  # fmt: skip
TOO_WEAK = 0.5  # below, word search is taken where the user names no embedder
# those of which `refusals` knows wordings
REFUSES_IN = ("en", "de", "fr", "es", "it", "nl", "pt", "zh", "ja")
OTHER_SCRIPTS = ("zh", "ja", "ko", "ar", "he", "ru", "uk", "el", "hi", "th")


def language(own: UserFolder) -> tuple[str, str]:
    """(its code, whence: "stated" in assess.toml, "detected" or "unclear")."""
    if own.wishes.language:
        return own.wishes.language, "stated"
    texts = [
        *(case.ask.input for case in (*own.questions, *own.examples)),
        *(document.text for document in own.documents),
    ]
    found = language_of(texts)
    return found, "detected" if found else "unclear"


def dense_is_weak(code: str) -> bool:
    """Is the workbook's own embedder of little use in this language? Where nobody measured it, it
    is in scripts that it hardly saw; an embedder of the user's own is trusted."""
    if embedder_override() or not code:
        return False
    return BELEBELE.get(code, 0.0 if code in OTHER_SCRIPTS else TOO_WEAK) < TOO_WEAK


def warning(own: UserFolder) -> str | None:
    """What should be known before any number; None for English, and where the language is not
    clear."""
    code, whence = language(own)
    if code in ("", "en"):
        return None
    name = name_of(code)
    parts = [
        f"The texts are in {name} ({whence})"
        + ("" if whence == "stated" else '; if not, set language = "…" in assess.toml')
        + "."
    ]
    if embedder_override():
        parts.append(
            f"Search by meaning: what WORKBOOK_EMBEDDER can do in {name} is not known here; its"
            " model card says it."
        )
    else:
        known = BELEBELE.get(code)
        parts.append(
            "Search by meaning: the embedder was trained on English texts (nDCG@10 on Belebele:"
            f" English {BELEBELE['en']:.2f}, {name} "
            + (f"{known:.2f}" if known is not None else "not measured")
            + "); name a multilingual one by WORKBOOK_EMBEDDER"
            + (
                f". Until then, {_instead(own)}"
                if dense_is_weak(code)
                else ', or set retriever = "bm25".'
            )
        )
    parts.append(
        "Search by words: words count as they are written, without stems; its stop words are"
        " English. The model that comes with the workbook was trained on English."
    )
    if code not in REFUSES_IN:
        parts.append(
            f"Scoring: no refusals in {name} are known; list their wordings as refusals under"
            " [answers] in assess.toml."
        )
    return " ".join(parts)


def _instead(own: UserFolder) -> str:
    if own.wishes.search.retriever == "auto":
        return "documents are searched by words, and the arms that compare examples are weak."
    return (
        f'retriever = "{own.wishes.search.retriever}" is used as you wish, and arms that compare'
        " examples are weak."
    )
