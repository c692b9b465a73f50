"""What counts as right? Small functions of one prediction and its gold; no model, no judge, no
opinion.

The test split is frozen together with this file: a change here can change every figure, so it is
announced like a change of the data.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from helpers.core.cases import Citation, Gold, Passage, Prediction
from helpers.data.tickets import FIELDS, parse_strict
from helpers.evaluation import retrieval_metrics
from helpers.evaluation.refusals import abstains, hedges
from helpers.evaluation.text import AllOf, holds, length, spelled, squad_normalise, tokens

LONGEST_ANSWER_TOKENS = 30  # a reply that lists everything would contain the answer by accident


def answer_correct(
    text: str, answers: Sequence[str], also: Sequence[str] = (), decimal: str = "."
) -> bool:
    """Is this reply right? It holds an alias as whole tokens, is short, and does not hedge or
    refuse; with no answers: it refuses. also: further wordings that refuse; decimal: see
    `text.number`."""
    if not answers:
        return abstains(text, also)
    if length(text) > LONGEST_ANSWER_TOKENS or hedges(text, also):
        return False
    return holds(text, answers, decimal)


def question_correct(
    prediction: Prediction, gold: Gold, also: Sequence[str] = (), decimal: str = "."
) -> bool:
    """`answer_correct` for a prediction; one that failed is wrong."""
    return prediction.error is None and answer_correct(prediction.text, gold.answers, also, decimal)


def never_right(answer: str, also: Sequence[str] = (), decimal: str = ".") -> str | None:
    """Why can no reply be right by this answer? None where one can: the answer itself."""
    if answer_correct(answer, [answer], also, decimal):
        return None
    if not tokens(answer):
        return "holds no word and no number: nothing is left of it without articles and marks"
    if hedges(answer, also):
        return "reads like a refusal or a doubt, and such a reply is never right"
    return (
        f"is too long: a reply of more than {LONGEST_ANSWER_TOKENS} words is never right; write the"
        " part that must be said"
    )


def near_miss(
    text: str, answers: Sequence[str], also: Sequence[str] = (), decimal: str = "."
) -> bool:
    """Is a reply wrong by rule alone? It holds an answer but for signs, accents, endings or
    separators, or says it with a doubt or in too many words. For people to look at, never a
    score."""
    if not answers or answer_correct(text, answers, also, decimal):
        return False
    return any(_near(text, answer) for answer in answers)


def _near(text: str, answer: str) -> bool:
    if isinstance(answer, AllOf):
        return all(any(_near(text, one) for one in part) for part in answer.parts)
    said, wanted = _bare(text), _bare(answer)
    glued = re.escape("".join(wanted))
    return bool(wanted) and (
        any(said[i : i + len(wanted)] == wanted for i in range(len(said) - len(wanted) + 1))
        # separators inside a number: 1.200 for 1200
        or bool(re.search(r"\d", glued) and re.search(rf"(?<!\d){glued}(?!\d)", "".join(said)))
    )


def _bare(text: str) -> list[str]:
    """Runs of letters and digits without accents, case and the s of a plural."""
    plain = unicodedata.normalize("NFKD", spelled(text)).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return [run.removesuffix("s") or run for run in re.findall(r"[^\W_]+", plain)]


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
    the quote; with `sources` (document id -> text), the passage is there in the source, too,
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
    """Which share of the answer's content words (more than three letters, or numbers) is in the
    passages it cites?

    None where there is nothing to support or nothing cited. Shared words are a necessary sign of
    support, not a proof.
    """
    if not cited:
        return None
    words = {token for token in tokens(text) if len(token) > 3 or token[-1].isdigit()}
    shown = {
        token
        for c in cited
        if 1 <= c.number <= len(context)
        for token in tokens(context[c.number - 1].text)
    }
    return len(words & shown) / len(words) if words else None


def question_scores(
    prediction: Prediction, gold: Gold, also: Sequence[str] = ()
) -> dict[str, object]:
    """What else to know about an answer: refusal, the search (where there is evidence), SQuAD's
    scores, the citations."""
    context, evidence, documents = prediction.context, gold.evidence, {e.doc for e in gold.evidence}
    # a breakdown says nothing, which is not the same as refusing
    answered = prediction.error is None
    seen = retrieval_metrics.overlap(evidence, context) if evidence else {}
    return {
        "answerable": bool(gold.answers),
        "abstained": answered and abstains(prediction.text, also),
        "evidence_seen": retrieval_metrics.evidence_found(evidence, context) if evidence else None,
        "evidence_recall": retrieval_metrics.evidence_recall(evidence, context)
        if evidence
        else None,
        "context_precision": seen.get("precision"),
        "context_iou": seen.get("iou"),
        "reciprocal_rank": retrieval_metrics.first_hit(evidence, context) if evidence else None,
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
