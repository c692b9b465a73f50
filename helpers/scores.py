"""What counts as right? Small functions of one prediction and its gold; no model, no judge, no
opinion.

The test split is frozen together with this file: a change here can change every figure, so it is
announced like a change of the data.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from helpers import ranking
from helpers.cases import Citation, Gold, Passage, Prediction
from helpers.tickets import FIELDS, parse_strict

LONGEST_ANSWER_TOKENS = 30  # a reply that lists everything would contain the answer by accident
CITATION = re.compile(r"\[\d{1,2}\]")
# a letter may carry accents
NUMBER_OR_WORD = re.compile(r"\d+(?:[.,:]\d+)*|(?:[^\W\d_][\u0300-\u036f]*)+")

# What a refusal is: somebody does not know, a source does not say, or somebody may not be told.
# Claims about the world must not match: "frost is not covered", "the kit does not include
# batteries" and "we do not provide lunch" are answers. Written for text without contractions
# ("don't" has become "do not").
SOURCE = (
    r"(?:passages?|context|documents?|documentation|handbook|texts?|sources?|sections?|articles?"
    r"|pages?|excerpts?|snippets?)"
)
THE = r"(?:the|this|these|those|that|our|my|any|your)(?: \w+)?"
REALLY = r"(?:(?:\w+ly|even|yet|quite|currently) )?"
SAID = (
    r"(?:mentioned|stated|specified|described|disclosed|known|indicated|(?<!has not )(?<!have not"
    r" )(?<!never )answered)"
)
GIVEN = (
    r"(?:provided|given|contained|included|listed|covered|available|found|there|discussed"
    r"|addressed|explained)"
)
SAY = (
    r"(?:say|mention|state|specify|answer|disclose|describe|indicate|explain|discuss|address"
    r"|clarify|tell|reveal)"
)
TELL = (
    r"(?:share|provide|help|access|disclose|reveal|discuss|give|answer|tell|say|show|determine"
    r"|find|see|view|read|know)"
)
FACTS = r"(?:information|details?|evidence|answers?)"
THIS = r"(?:this|that|it|(?:the |that |this |such )?(?:information|answer|question|details?))"
REFUSAL = re.compile(
    "|".join(
        (
            # somebody does not know
            (
                rf"\b(?:i|we|they) {REALLY}(?:do|did|could|can|am|are|was|were|have|has) not"
                rf" {REALLY}(?:know|find|found|say|answer|determine|locate|able|sure|certain"
                r"|aware)\b"
            ),
            rf"\bi {REALLY}(?:do|did|can|could|will|would|may|must) not {REALLY}{TELL}\b",
            (
                rf"\bi (?:do|did) not {REALLY}have (?:access|permission|enough|any (?:further |more"
                rf" )?{FACTS}|{THIS}|{THE} {FACTS})\b"
            ),
            r"\bi (?:have|had|found|find|see|saw) (?:no|nothing|no such|insufficient)\b(?! need)",
            (
                r"\b(?:i am|we are) (?:unable\b|not (?:allowed|permitted|authori[sz]ed|at liberty)"
                rf" to {TELL}\b)|^(?:unable|not able) to {TELL}\b|^(?:can|could|will) not"
                rf" {TELL}\b|^do not know\b|^not (?:sure|certain)\b"
            ),
            (
                r"\b(?:not something|nothing) (?:i|we) know\b|\bno idea\b|\b(?:i|we)"
                r" dunno\b|^(?:dunno|idk)\b|\bn/a\b|^(?:not applicable|no data)\W*$"
            ),
            (
                r"\b(?:unknown|undisclosed|unclear|uncertain|unsure|unanswerable)(?=\W*$|"
                r" (?:from|in|based|given|whether|what|how|if|to (?:me|us))\b)|\bnot clear"
                r" (?:from|in|whether|what|how|if)\b"
            ),
            # a source does not say
            (
                r"\b(?:can not|could not) be"
                r" (?:answered|determined|found|said|known|derived|inferred)\b|\b(?:not|never)"
                rf" {REALLY}{SAID}(?! (?:elsewhere|otherwise))\b|^(?:is )?not"
                r" (?:given|found)\W*$|^none given\W*$"
            ),
            (
                rf"\b(?:not|never) {REALLY}{GIVEN} (?:in|by|within) {THE} ?{SOURCE}\b|\bnot in"
                rf" {THE} ?{SOURCE}\b"
            ),
            rf"\b{FACTS} (?:(?:is|are|was|were) )?not {REALLY}(?:{GIVEN}|in)\b",
            (
                rf"\b{SOURCE} {REALLY}(?:do|does|did) not"
                rf" {REALLY}(?:{SAY}|contain|provide|give|include|cover|know|have|list|define"
                r"|make)\b"
            ),
            (
                rf"\b(?:it|they|this|that|policy|policies|information) {REALLY}(?:do|does|did) not"
                rf" {REALLY}{SAY}\b"
            ),
            (
                rf"\b(?:do|does|did) not {REALLY}(?:mention|say|state|specify|answer|disclose)"
                r" (?:this|that|it|any|anything|how|what|when|where|who|which|whether|the)\b"
            ),
            (
                r"\b(?:says?|states?|mentions?|contains?) nothing"
                rf" (?:about|on|of|regarding)\b|\bnothing (?:is said|is mentioned|in {THE}"
                rf" ?{SOURCE}|about (?:this|that|it))\b"
            ),
            (
                r"\bno (?:\w+ )?mention\b|\bno"
                rf" (?:(?:relevant|specific|such|direct|explicit|clear|further) )?{FACTS}(?=\W*$|"
                rf" (?:(?:is|are|was|were) )?(?:{GIVEN}|{SAID})\b|"
                r" (?:about|on|regarding|concerning|in|within|for|to|that|which|here)\b)"
            ),
            (
                rf"\b(?:no|none of {THE} ?|neither of {THE} ?) ?{SOURCE}"
                r" (?:mentions?|says?|states?|contains?|answers?|gives?|specif\w+|describes?"
                r"|covers?|provides?|tells?)\b|^no context\b"
            ),
            (
                rf"\black(?:s|ing)? (?:the )?(?:{FACTS}|context)\b|\b(?:insufficient|not enough)"
                rf" (?:{FACTS}|context|data)\b"
            ),
            # somebody may not be told
            (
                rf"\b{THIS} (?:can|could|may) not be"
                rf" (?:shared|disclosed|revealed|given|provided|discussed)\b|\b{THIS} is"
                r" (?:confidential|restricted|classified|not public)\b|^access denied\b"
            ),
            (
                r"\byou (?:are|do) not (?:have (?:access|permission|the"
                r" right)|authori[sz]ed|allowed|permitted)(?=\W*$| to"
                rf" (?:see|view|read|know|access|{THIS}|{THE} ?(?:{SOURCE}|{FACTS}))\b)"
            ),
            rf"\byou can not (?:see|view|read|access|know) {THIS}\b",
        )
    )
)
DOUBT = re.compile(
    r"\b(?:perhaps|maybe|probably|possibly|presumably|not sure|i guess|i suppose|i think|my"
    r" guess)\b"
)
# Where a refusal ends and something else may begin: "I don't know, but it is 17 days", "I don't
# know, it is 17 days", "I don't know - 17 days".
CLAUSES = re.compile(
    r"(?<=[a-z)\"'\]*])[.!?;:]+(?:\s|$)|\s[-–]+\s|\s?—\s?|,\s(?=[£$€]?\d|(?:it|they|he|she|the"
    r" answer|you|we|this|that) (?:is|are|was|were|can|must|may|should|has|have)\b(?! not))"
    r"|,?\s*\b(?:but|however|though|although|perhaps|maybe|probably|possibly|presumably|i guess|i"
    r" suppose|i think)\b,?"
)
# What may stand beside a refusal without claiming anything.
POLITE = re.compile(
    r"\b(?:sorry|apolog\w+|please|contact|ask|check|refer|consult|let me know|thanks?|thank"
    r" you|unfortunately|regret|afraid|speak to|get in touch|anything else|as an ai|language"
    r" model)\b"
    r"|^\W*(?:no|yes|well|hm+|oh|so|ok|okay|hello|hi|(?:the |my )?answer(?:"
    rf" is)?|(?:in|from|according to|based on|given) {THE} ?{SOURCE}(?: provided)?)\W*$"
)
CONTRACTIONS = (
    ("can't", "can not"),
    ("cannot", "can not"),
    ("won't", "will not"),
    ("n't", " not"),
    ("i'm", "i am"),
    ("'re", " are"),
    ("it's", "it is"),
    ("that's", "that is"),
)


def tokens(text: str) -> list[str]:
    """The text as comparable tokens: lower case, no articles, no punctuation, numbers whole
    ("1,350" is one token, 1350)."""
    plain = CITATION.sub(" ", unicodedata.normalize("NFC", text.lower()))
    found = (re.sub(r",(?=\d{3}\b)", "", token) for token in NUMBER_OR_WORD.findall(plain))
    return [token for token in found if token not in ("a", "an", "the")]


def _plain(text: str) -> str:
    """Lower case, single blanks, no contractions: "I DON’T know" -> "i do not know"."""
    said = " ".join(CITATION.sub(" ", text.lower().replace("’", "'")).split())
    said = re.sub(r"\b(do|does|did|is|are|was|were|have|has|could|would)nt\b", r"\1 not", said)
    for short, long in CONTRACTIONS:
        said = said.replace(short, long)
    return said


def hedges(text: str) -> bool:
    """Does the reply refuse, doubt or say nothing, anywhere? Then it is not a right answer,
    whatever else stands in it."""
    said = _plain(text)
    return not said or bool(REFUSAL.search(said) or DOUBT.search(said))


def abstains(text: str) -> bool:
    """Does the reply refuse or say that it does not know, and claim nothing besides? Case,
    punctuation and quotes do not matter.

    "I don't know, but it is 17 days" claims something, and so does "Sorry, 17 days": an apology
    does not make a refusal.
    """
    clauses = [clause for clause in CLAUSES.split(_plain(text)) if tokens(clause)]
    refuses = [bool(REFUSAL.search(clause)) for clause in clauses]
    harmless = [bool(POLITE.search(clause)) and not re.search(r"\d", clause) for clause in clauses]
    return not clauses or (
        any(refuses) and all(r or h for r, h in zip(refuses, harmless, strict=True))
    )


def answer_correct(text: str, answers: Sequence[str]) -> bool:
    """Is this reply right? It holds an alias as whole tokens, is short, and does not hedge or
    refuse; with no answers: it refuses."""
    if not answers:
        return abstains(text)
    said = tokens(text)
    if len(said) > LONGEST_ANSWER_TOKENS or hedges(text):
        return False
    wanted = [tokens(answer) for answer in answers]
    return any(
        said[i : i + len(w)] == w for w in wanted if w for i in range(len(said) - len(w) + 1)
    )


def question_correct(prediction: Prediction, gold: Gold) -> bool:
    """`answer_correct` for a prediction; one that failed is wrong."""
    return prediction.error is None and answer_correct(prediction.text, gold.answers)


# --- what the field reports besides ---------------------------------------------------------------


NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def squad_normalise(text: str) -> str:
    """SQuAD's normal form: lower case, no ASCII punctuation, no articles, single blanks (Rajpurkar
    et al. 2018, evaluation of SQuAD 2.0)."""
    bare = text.lower().translate(NO_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def _best(score: Callable[[str, str], float], text: str, answers: Sequence[str]) -> float:
    """The best score over the accepted answers; SQuAD drops answers that are empty when normalised,
    and none left means "no answer"."""
    return max(score(text, answer) for answer in [a for a in answers if squad_normalise(a)] or [""])


def exact_match(text: str, answers: Sequence[str]) -> float:
    """SQuAD 2.0 exact match: 1.0 or 0.0. With no answers, the empty reply is the right one."""
    return _best(
        lambda said, wanted: float(squad_normalise(said) == squad_normalise(wanted)), text, answers
    )


def token_f1(text: str, answers: Sequence[str]) -> float:
    """SQuAD 2.0 token F1, 0..1: how much do reply and answer share? Where either is empty: 1 if
    both are."""

    def f1(said: str, wanted: str) -> float:
        a, b = squad_normalise(said).split(), squad_normalise(wanted).split()
        if not a or not b:
            return float(a == b)
        shared = sum((Counter(a) & Counter(b)).values())
        return 2 * shared / (len(a) + len(b))

    return _best(f1, text, answers)


def citation_valid(
    citation: Citation, context: Sequence[Passage], sources: Mapping[str, str] | None = None
) -> bool:
    """Can a reader open it? The numbered passage was retrieved, is from that document, and holds
    the quote; with `sources` (document id -> text), the passage also stands there in the source,
    letter for letter.
    """
    if not 1 <= citation.number <= len(context):
        return False
    passage = context[citation.number - 1]
    stands = (
        sources is None or sources.get(passage.doc, "")[passage.start : passage.end] == passage.text
    )
    return (
        passage.doc == citation.doc
        and bool(citation.quote)
        and citation.quote in passage.text
        and stands
    )


def citation_support(
    text: str, cited: Sequence[Citation], context: Sequence[Passage]
) -> float | None:
    """Which share of the answer's content words (more than three letters, or numbers) stands in the
    passages it cites?

    None where there is nothing to support or nothing cited. Shared words are a necessary sign of
    support, not a proof.
    """
    words = {token for token in tokens(text) if len(token) > 3 or token[0].isdigit()}
    shown = {
        token
        for c in cited
        if 1 <= c.number <= len(context)
        for token in tokens(context[c.number - 1].text)
    }
    return len(words & shown) / len(words) if words and cited else None


def question_scores(prediction: Prediction, gold: Gold) -> dict[str, object]:
    """What else to know about an answer: refusal, the search (where there is evidence), SQuAD's
    scores, the citations."""
    context, evidence, documents = prediction.context, gold.evidence, {e.doc for e in gold.evidence}
    # a breakdown says nothing, which is not the same as refusing
    answered = prediction.error is None
    seen = ranking.overlap(evidence, context) if evidence else {}
    return {
        "answerable": bool(gold.answers),
        "abstained": answered and abstains(prediction.text),
        "evidence_seen": ranking.evidence_found(evidence, context) if evidence else None,
        "evidence_recall": ranking.evidence_recall(evidence, context) if evidence else None,
        "context_precision": seen.get("precision"),
        "context_iou": seen.get("iou"),
        "reciprocal_rank": ranking.first_hit(evidence, context) if evidence else None,
        "exact_match": exact_match(prediction.text, gold.answers) if answered else 0.0,
        "token_f1": token_f1(prediction.text, gold.answers) if answered else 0.0,
        "citations_valid": (
            all(citation_valid(c, context) for c in prediction.cited) if prediction.cited else None
        ),
        "citation_support": citation_support(prediction.text, prediction.cited, context),
        "cites_evidence": any(c.doc in documents for c in prediction.cited) if documents else None,
    }


def ticket_correct(prediction: Prediction, gold: Gold) -> bool:
    """Valid by the strict parser, and all four fields right (exact match)."""
    parsed = parse_strict(prediction.text)
    return (
        prediction.error is None
        and parsed.ticket is not None
        and parsed.ticket.model_dump() == gold.output
    )


def ticket_scores(prediction: Prediction, gold: Gold) -> dict[str, object]:
    """Form and judgement apart: is it valid JSON of the schema, and which fields are right? Nothing
    in an invalid answer counts as right."""
    parsed = parse_strict("" if prediction.error else prediction.text)
    said = parsed.ticket.model_dump() if parsed.ticket else {}
    fields = {f"{name}_right": said.get(name) == gold.output[name] for name in FIELDS}
    form = {
        "state": parsed.state,
        "valid_json": parsed.state != "invalid JSON",
        "valid": parsed.state == "valid",
    }
    return {
        **form,
        **fields,
        "fields_right": sum(fields.values()) / len(FIELDS),
        "said": said or None,
        "gold_fields": gold.output,
    }
