"""What counts as right? Small functions of one prediction and its gold; no model, no judge, no opinion."""

from __future__ import annotations

import re
from collections.abc import Sequence

from helpers.cases import Evidence, Gold, Passage, Prediction
from helpers.tickets import FIELDS, parse_strict

LONGEST_ANSWER_TOKENS = 30  # a reply that lists everything would contain the answer by accident
CITATION = re.compile(r"\[\d{1,2}\]")
NUMBER_OR_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+")
REFUSALS = re.compile(
    r"\b(i|we) (do not|don't|cannot|can't|can not|could not|couldn't) (actually |really )?(know|find|tell|say|see|answer|determine|share|provide|help|access|have)\b"
    r"|\b(i am|i'm|we are|we're) (sorry|unable|not (able|sure|certain|allowed))\b"
    r"|\b(not|isn't|is not|aren't|are not) (mentioned|stated|specified|provided|given|contained|included|listed|known|available|in the passages?)\b"
    r"|\bno (information|mention|answer|details?)\b|\b(unknown|unanswerable|not sure|unsure)\b"
    r"|\b(do|does) not (contain|say|mention|state|specify|provide|give|include|know)\b",
)


def tokens(text: str) -> list[str]:
    """The text as comparable tokens: lower case, no articles, no punctuation, numbers whole ("1,350" is one token, 1350)."""
    plain = CITATION.sub(" ", text.lower().replace("’", "'"))
    found = (re.sub(r",(?=\d{3}\b)", "", token) for token in NUMBER_OR_WORD.findall(plain))
    return [token for token in found if token not in ("a", "an", "the")]


def abstains(text: str) -> bool:
    """Does the reply refuse or say that it does not know? Case, punctuation and typographic quotes do not matter."""
    return not text.strip() or bool(REFUSALS.search(" ".join(text.lower().replace("’", "'").split())))


def answer_correct(text: str, answers: Sequence[str]) -> bool:
    """Is this reply right? It holds an alias as whole tokens, is short, and does not refuse; with no answers: it refuses."""
    if not answers:
        return abstains(text)
    said = tokens(text)
    if len(said) > LONGEST_ANSWER_TOKENS or abstains(text):
        return False
    wanted = [tokens(answer) for answer in answers]
    return any(said[i : i + len(w)] == w for w in wanted if w for i in range(len(said) - len(w) + 1))


def evidence_found(evidence: Sequence[Evidence], context: Sequence[Passage]) -> bool:
    """Did the system see all of the evidence? Every character of every quote lies in some passage of its document."""
    return all(_covered(one, context) for one in evidence)


def _covered(evidence: Evidence, context: Sequence[Passage]) -> bool:
    position = evidence.start  # walk through the quote from passage to passage, in order of their starts
    for passage in sorted((p for p in context if p.doc == evidence.doc), key=lambda p: p.start):
        if passage.start <= position:
            position = max(position, passage.end)
    return position >= evidence.end


def question_correct(prediction: Prediction, gold: Gold) -> bool:
    """`answer_correct` for a prediction; one that failed is wrong."""
    return prediction.error is None and answer_correct(prediction.text, gold.answers)


def question_scores(prediction: Prediction, gold: Gold) -> dict[str, object]:
    """What else to know about an answer: did it refuse, was the evidence in its context, does it cite an evidence document?"""
    documents = {e.doc for e in gold.evidence}
    return {
        "abstained": abstains(prediction.text),
        "evidence_seen": evidence_found(gold.evidence, prediction.context) if documents else None,
        "cites_evidence": any(c.doc in documents for c in prediction.cited) if documents else None,
    }


def ticket_correct(prediction: Prediction, gold: Gold) -> bool:
    """Valid by the strict parser, and all four fields right (exact match)."""
    parsed = parse_strict(prediction.text)
    return prediction.error is None and parsed.ticket is not None and parsed.ticket.model_dump() == gold.output


def ticket_scores(prediction: Prediction, gold: Gold) -> dict[str, object]:
    """Form and judgement apart: is it valid, and which fields are right? Nothing in an invalid answer counts as right."""
    parsed = parse_strict(prediction.text)
    said = parsed.ticket.model_dump() if parsed.ticket else {}
    fields = {f"{name}_right": said.get(name) == gold.output[name] for name in FIELDS}
    return {"state": parsed.state, "valid": parsed.state == "valid", **fields, "fields_right": sum(fields.values()) / len(FIELDS)}
