"""In which language are these texts? Scripts first, then the words that a language cannot do
without. A rule of thumb for a whole folder, not for a sentence: where it is not sure, it says "".

Languages are named by their codes in ISO 639-1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
    "nl": "Dutch", "pt": "Portuguese", "pl": "Polish", "sv": "Swedish", "da": "Danish",
    "fi": "Finnish", "cs": "Czech", "tr": "Turkish", "zh": "Chinese", "ja": "Japanese",
    "ko": "Korean", "ar": "Arabic", "he": "Hebrew", "ru": "Russian", "uk": "Ukrainian",
    "el": "Greek", "hi": "Hindi", "th": "Thai",
}  # fmt: skip
# letters that one language has alone, or nearly
SCRIPTS = {
    "ja": "\u3040-\u30ff", "ko": "\uac00-\ud7af\u1100-\u11ff", "zh": "\u4e00-\u9fff",
    "ar": "\u0600-\u06ff", "he": "\u0590-\u05ff", "ru": "\u0400-\u04ff", "el": "\u0370-\u03ff",
    "hi": "\u0900-\u097f", "th": "\u0e00-\u0e7f",
}  # fmt: skip
# words of grammar, so that a text about anything has them; those of two languages count for both
WORDS = {
    "en": "the and of to is are was were for with that this from have has not be by on at it you",
    "de": "der die das und ist sind nicht ein eine mit von zu den dem des auf für im wird werden",
    "fr": "le la les et est sont des du une dans pour avec que qui pas sur par au aux ce cette",
    "es": "el la los las y es son de que en un una por para con del no se su al como más",
    "it": "il lo gli e è sono di che un una per con del della non si nel alla dei le più come",
    "nl": "de het een en is zijn van voor met dat niet op te aan worden bij door ook naar er",
    "pt": "o os as e é são de que um uma para com não do da dos das em no na por mais ao se",
    "pl": "i w z na do nie jest się że o od po za dla są jak przez lub oraz jego który",
    "sv": "och att det som en är för på av med inte den till har om ett de kan från vid",
    "da": "og at det som en er for på af med ikke den til har om et de kan fra ved skal",
    "fi": "ja on ei se että ovat joka tai kun niin myös voi sen ole mutta kuin jos oli",
    "cs": "a je se na v že s z do pro nebo jsou není by jako podle po které být ze od",
    "tr": "ve bir bu için ile de da olan olarak değil çok daha gibi kadar sonra veya ise",
}
LEAST_WORDS = 20  # of a folder, to say anything
LEAST_SHARE = 0.12  # of the words: in running text a fifth to a half are words of grammar
CLEARLY = 1.15  # as many as the next language has: Danish and Swedish share half of theirs
CHARS, TEXTS = 2_000, 300  # looked at: of each text, and texts


def language_of(texts: Iterable[str]) -> str:
    """The code of the language that most of these texts are in; "" where that is not clear."""
    some = [text[:CHARS] for _, text in zip(range(TEXTS), texts, strict=False)]
    whole = "\n".join(some).casefold()
    letters = sum(map(str.isalpha, whole))
    if not letters:
        return ""
    written = {
        code: len(re.findall(f"[{signs}]", whole)) / letters for code, signs in SCRIPTS.items()
    }
    # Japanese writes a half of its words in Chinese characters
    if written["ja"] > 0.1:
        return "ja"
    code = max(written, key=written.__getitem__)
    if written[code] > 0.4:
        return "uk" if code == "ru" and len(re.findall("[іїєґ]", whole)) > 0.01 * letters else code
    words = re.findall(r"[^\W\d_]+", whole)
    if len(words) < LEAST_WORDS:
        return ""
    counts = Counter(words)
    found = sorted(
        (
            (sum(counts[word] for word in common.split()) / len(words), code)
            for code, common in WORDS.items()
        ),
        reverse=True,
    )
    (share, code), (next_share, _) = found[:2]
    return code if share >= LEAST_SHARE and share >= CLEARLY * next_share else ""


def name_of(code: str) -> str:
    """The English name of a language; the code itself where it is not known."""
    return NAMES.get(code, code)
