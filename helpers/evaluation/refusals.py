"""Is this answer a refusal, or does it hedge? One long pattern for English and a list for other
languages, read sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from helpers.evaluation.text import CITATION, SPELLED, tokens

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
                r"^(?:data |currently )?not (?:currently )?available\W*$"
                r"|\bno (?:info|data)(?: (?:is )?available\b| (?:on|about) (?:this|that|it)\b|\W*$)"
                r"|^(?:nobody|no one) knows(?: (?:this|that|it|for sure))?\W*$"
                r"|\bi have no way of knowing\b|\byour guess is as good as mine\b|^can not say\W*$"
            ),
            (
                r"\b(?:not possible|impossible|no way) to (?:answer"
                r"(?! (?:calls?|the (?:phone|door)))|say|tell|know|determine|find out)\b"
                r"|\bnot answerable\b"
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
            (
                rf"\b{SOURCE} (?:makes?|gives?|offers?|provides?|contains?|has|have) no"
                rf" (?:statements?|{FACTS}|mention)\b|\bno such {FACTS} (?:exists?|is there)\b"
                rf"|\b{SOURCE} (?:is|are) silent\b|\boutside the scope of {THE} ?{SOURCE}\b"
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
# What refuses in other languages, as whole clauses or parts of them. A claim about the world must
# not match here either: "Hunde sind nicht erlaubt" is an answer.
WORDINGS = {
    "en": (REFUSAL_PATTERN.pattern,),
    "de": (
        r"\b(?:weiß|weiss) (?:ich|man)(?: \w+)? nicht\b"
        r"|\bich (?:weiß|weiss)(?: (?:das|es|dies))?(?: leider)? nicht\b",
        r"\b(?:nicht|un)(?: )?bekannt\W*$|\bkeine (?:angaben?|information(?:en)?|auskunft|daten)"
        r"(?=\W*$| (?:vor|vorhanden|verfügbar|dazu|darüber|hierzu|zu|über|enthalten|gefunden)\b)",
        r"\b(?:steht|stehen) (?:\w+ )?nicht (?:im|in der|in den|in diesem)\b",
        r"\bnicht (?:erwähnt|angegeben|genannt|beschrieben|beantwortbar|zu beantworten)\b",
        r"\bnicht (?:aus \w+ \w+ )?hervor\b|\bnicht beantwort(?:et|en)\b|\bkeine aussage\b",
        r"\bkann ich (?:\w+ )?(?:nichts|nicht) sagen\b|\bnicht verfügbar\W*$",
    ),
    "fr": (
        r"\bje (?:ne |n')(?:le )?sais pas\b|\bje l'ignore\b|^(?:c'est )?inconnu\W*$",
        r"\b(?:aucune|pas d'|pas de) ?(?:informations?|données?|réponse)"
        r"(?=\W*$| (?:à|sur|dans|concernant|disponible)\b)|^(?:information )?(?:pas|non)"
        r" (?:disponible|connu)e?s?\W*$",
        r"\b(?:pas|non) (?:été )?(?:mentionné|précisé|indiqué|spécifié)e?s?\b",
        r"\bne (?:le |la |les )?(?:mentionne|précise|dit|indique|spécifie|répond)(?:nt)? pas\b",
        r"\bje ne peux pas (?:y )?répondre\b|\bimpossible (?:de|d'y) (?:répondre|dire)\b",
    ),
    "es": (
        r"\bno (?:lo )?sé\b|^no se sabe\b|^(?:es )?desconocid[oa]\W*$|^no disponible\W*$",
        r"\b(?:sin|no hay|ninguna) (?:información|datos|respuesta)"
        r"(?=\W*$| (?:sobre|al|acerca|disponible)\b)",
        r"\bno (?:se |lo |la )?(?:menciona|especifica|indica|dice|precisa)n?\b",
        r"\bno (?:puedo|es posible|se puede) (?:responder|contestar|saber|decir)\b",
    ),
    "it": (
        r"\bnon (?:lo )?so\b|^(?:è )?sconosciut[oa]\W*$|^non disponibile\W*$",
        r"\b(?:nessuna|non ci sono|non c'è) (?:informazion[ei]|dat[oi]|risposta)"
        r"(?=\W*$| (?:su|al|riguardo|disponibil[ei])\b)",
        r"\bnon (?:è |viene |sono )?(?:menzionat|specificat|indicat|precisat)[oaie]\b",
        r"\bnon (?:lo |la )?(?:menziona|specifica|indica|dice|precisa)(?:no)?\b",
        r"\bnon (?:posso|è possibile|si può) (?:rispondere|dire|sapere)\b",
    ),
    "nl": (
        r"\bweet (?:ik )?(?:het |dat |dit )?niet\b|\b(?:on|niet )bekend\W*$|^niet beschikbaar\W*$",
        r"\bgeen (?:informatie|gegevens|antwoord)(?=\W*$| (?:over|beschikbaar|gevonden)\b)",
        r"\bstaat (?:\w+ )?niet (?:in|vermeld)\b",
        r"\bniet (?:vermeld|genoemd|gespecificeerd|aangegeven)\b",
        r"\b(?:vermeldt|noemt|zegt) (?:dit|dat|het) niet\b",
        r"\bniet (?:beantwoorden|mogelijk om te antwoorden|te beantwoorden)\b",
    ),
    "pt": (
        r"\bnão (?:o )?sei\b|^não se sabe\b|^(?:é )?desconhecid[oa]\W*$|^não disponível\W*$",
        r"\b(?:sem|não há|nenhuma) (?:informaç(?:ão|ões)|dados|resposta)"
        r"(?=\W*$| (?:sobre|a respeito|disponíve(?:l|is))\b)",
        r"\bnão (?:é |foi |está |são )?(?:mencionad|especificad|indicad|informad)[oa]s?\b",
        r"\bnão (?:o |a )?(?:menciona|especifica|indica|diz|informa)m?\b",
        r"\bnão (?:posso|é possível|se pode) (?:responder|dizer|saber)\b",
    ),
    "zh": (
        r"不知道|无法(?:回答|确定|得知)|(?:没有|未|沒有)(?:提到|提及|说明|說明)|没有(?:相关)?信息",
    ),
    "ja": (
        r"(?:わかり|分かり|知り)ません|記載(?:されてい|があり)ません|情報がありません|回答できません",
    ),
}
REFUSAL = re.compile("|".join(one for wordings in WORDINGS.values() for one in wordings))
DOUBT = re.compile(
    r"\b(?:perhaps|maybe|probably|possibly|presumably|not sure|i guess|i suppose|i think|my"
    r" guess)\b"
)
# Where a refusal ends and something else may begin: "I don't know, but it is 17 days", "I don't
# know, it is 17 days", "I don't know - 17 days".
CLAUSES = re.compile(
    r"(?<=[^\W\d_])[.!?;:]+(?:\s|$)|(?<=[)\"'\]*])[.!?;:]+(?:\s|$)|[。！？]+"
    r"|\s[-–]+\s|\s?—\s?|,\s(?=[£$€]?\d|(?:it|they|he|she|the"
    r" answer|you|we|this|that) (?:is|are|was|were|can|must|may|should|has|have)\b(?! not))"
    r"|,\s(?:aber|mais|pero|però|ma|maar|mas)\b|,?\s*\b(?:but|however|though|although|perhaps"
    r"|maybe|probably|possibly|presumably|i guess|i suppose|i think)\b,?"
)
# What may stand beside a refusal without claiming anything.
POLITE = re.compile(
    r"\b(?:sorry|apolog\w+|please|contact|ask|check|refer|consult|let me know|thanks?|thank"
    r" you|unfortunately|regret|afraid|speak to|get in touch|anything else|as an ai|language"
    r" model|leider|tut mir leid|entschuldigung|désolée?|lo siento|mi dispiace|helaas|desculpe)\b"
    r"|^\W*(?:no|yes|well|hm+|oh|so|ok|okay|hello|hi|(?:the |my )?answer(?:"
    rf" is)?|(?:in|from|according to|based on|given) {THE} ?{SOURCE}(?: provided)?)\W*$"
)
APOSTROPHES = {mark: "'" for mark, plain in SPELLED.items() if plain == "'"}
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
    said = " ".join(CITATION.sub(" ", text.lower().translate(APOSTROPHES)).split())
    said = re.sub(r"\b(do|does|did|is|are|was|were|have|has|could|would)nt\b", r"\1 not", said)
    for short, long in CONTRACTIONS:
        said = said.replace(short, long)
    return said


def _refuses(said: str, also: Sequence[str]) -> bool:
    return bool(REFUSAL.search(said)) or any(
        re.search(rf"(?<!\w){re.escape(_plain(one))}(?!\w)", said) for one in also
    )


def hedges(text: str, also: Sequence[str] = ()) -> bool:
    """Does the reply refuse, doubt or say nothing, anywhere? Then it is not a right answer,
    whatever else is in it. also: further wordings that refuse."""
    said = _plain(text)
    return not said or _refuses(said, also) or bool(DOUBT.search(said))


def abstains(text: str, also: Sequence[str] = ()) -> bool:
    """Does the reply refuse or say that it does not know, and claim nothing besides? Case,
    punctuation and quotes do not matter; languages: `WORDINGS`. also: further wordings that refuse.

    "I don't know, but it is 17 days" claims something, and so does "Sorry, 17 days": an apology
    does not make a refusal.
    """
    clauses = [clause for clause in CLAUSES.split(_plain(text)) if tokens(clause)]
    refuses = [_refuses(clause, also) for clause in clauses]
    harmless = [bool(POLITE.search(clause)) and not re.search(r"\d", clause) for clause in clauses]
    return not clauses or (
        any(refuses) and all(r or h for r, h in zip(refuses, harmless, strict=True))
    )
