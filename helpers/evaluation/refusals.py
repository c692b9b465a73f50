"""Is this answer a refusal, or does it hedge? One long pattern, read sentence by sentence."""

from __future__ import annotations

import re

from helpers.evaluation.text import CITATION, tokens

# What a refusal is: the system does not know, a source does not say, or the user may not be told.
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
REFUSAL_PATTERN = re.compile(
    "|".join(
        (
            # the system does not know
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
            # the user may not be told
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


def _plain(text: str) -> str:
    """Lower case, single blanks, no contractions: "I DON’T know" -> "i do not know"."""
    said = " ".join(CITATION.sub(" ", text.lower().replace("’", "'")).split())
    said = re.sub(r"\b(do|does|did|is|are|was|were|have|has|could|would)nt\b", r"\1 not", said)
    for short, long in CONTRACTIONS:
        said = said.replace(short, long)
    return said


def hedges(text: str) -> bool:
    """Does the reply refuse, doubt or say nothing, anywhere? Then it is not a right answer,
    whatever else is in it."""
    said = _plain(text)
    return not said or bool(REFUSAL_PATTERN.search(said) or DOUBT.search(said))


def abstains(text: str) -> bool:
    """Does the reply refuse or say that it does not know, and claim nothing besides? Case,
    punctuation and quotes do not matter.

    "I don't know, but it is 17 days" claims something, and so does "Sorry, 17 days": an apology
    does not make a refusal.
    """
    clauses = [clause for clause in CLAUSES.split(_plain(text)) if tokens(clause)]
    refuses = [bool(REFUSAL_PATTERN.search(clause)) for clause in clauses]
    harmless = [bool(POLITE.search(clause)) and not re.search(r"\d", clause) for clause in clauses]
    return not clauses or (
        any(refuses) and all(r or h for r, h in zip(refuses, harmless, strict=True))
    )
