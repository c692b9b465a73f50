"""What is the result of a calculation that somebody typed? A grammar of five operators, read by
hand: nothing of Python is evaluated, and every number is bounded.

    calculate("17 % of 250")        Decimal("42.5")
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException, DivisionByZero, InvalidOperation, Overflow

LONGEST_CHARS = 200
DEEPEST = 20  # brackets and signs within each other
LARGEST_EXPONENT = 64  # of a power, and of the result: 10^64
# 34 digits, as IEEE 754's decimal128; what leaves these bounds is refused, never computed
EXACT = Context(
    prec=34, Emax=LARGEST_EXPONENT, Emin=-LARGEST_EXPONENT, traps=[InvalidOperation, Overflow]
)
EXACT.traps[DivisionByZero] = True

NUMBER = re.compile(r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|\.[0-9]+")
TOKEN = re.compile(rf"\s*(?:(?P<number>{NUMBER.pattern})|(?P<sign>\*\*|[-+*/^()%])|(?P<of>of\b))")
# words that people write for signs; the longer ones first
SIGNS = (
    (r"per\s?cent(?:age)?\b", "%"),
    (r"(?:to the power of)\b", "^"),
    (r"(?:divided by)\b", "/"),
    (r"(?:multiplied by|times|mal)\b|[×·]", "*"),
    (r"plus\b", "+"),
    (r"(?:minus|less)\b|[−–]", "-"),
    (r"÷", "/"),
    (r"\bhalf of\b", "0.5 *"),
    (r"\bthree quarters of\b", "0.75 *"),
    (r"\ba quarter of\b", "0.25 *"),
    (r"(?<=[0-9])x(?=[0-9])|(?<= )x(?= )", "*"),
)
NUM = NUMBER.pattern
SHAPES = (  # (what is written, the calculation that it means)
    (rf"({NUM})\s*% off (?:of )?({NUM})", r"\2 - \1 %"),
    (rf"subtract ({NUM}\s*%?) from ({NUM})", r"\2 - \1"),
    (rf"divide ({NUM}) by ({NUM})", r"\1 / \2"),
    (rf"split ({NUM}) (?:between|among) ({NUM})", r"\1 / \2"),
    (rf"if one \w+ is ({NUM}), what are ({NUM})", r"\1 * \2"),
    (rf"({NUM}) [a-z]+ (?:at|of) ({NUM}) each", r"\1 * \2"),
)
LISTED = re.compile(r"\b(?:add|sum up|sum of|total of)\b(?P<rest>.*)", re.DOTALL)
FILLER = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[?!:=,;\"“”#€$£]|\.(?![0-9])")


class CalculationError(ValueError):
    """A calculation that cannot be made; the message says why and what to write instead."""


def calculate(text: str) -> Decimal:
    """The value of an expression of + - * / ^ ( ) and %, where "a % of b" is a hundredth, and
    "b - a %" takes it off b, as on a pocket calculator. Raises CalculationError."""
    if len(text) > LONGEST_CHARS:
        raise CalculationError(f"it is longer than {LONGEST_CHARS} characters; make it shorter")
    reader = _Reader(_tokens(text))
    try:
        value = reader.sum(0)
    except DivisionByZero as error:
        raise CalculationError("it divides by zero") from error
    except Overflow as error:
        raise CalculationError(f"it goes beyond 10^{LARGEST_EXPONENT}") from error
    except DecimalException as error:  # 0 / 0, and powers that have no value
        raise CalculationError("it has no value") from error
    if reader.left:
        raise CalculationError(f"'{reader.left[0]}' was not expected there")
    return value


def expression_in(text: str) -> str:
    """The calculation that a sentence asks for, in signs. Words are dropped only where what remains
    is one whole expression, so nothing is guessed. Raises CalculationError."""
    found = text.lower()
    if any(char.isdigit() and char not in "0123456789" for char in found):
        raise CalculationError("it has digits other than 0 to 9; write them as 0 to 9")
    if len(found) > LONGEST_CHARS:
        raise CalculationError(f"it is longer than {LONGEST_CHARS} characters; make it shorter")
    for words, sign in SIGNS:
        found = re.sub(words, f" {sign} ", found)
    found = re.sub(r"\s+", " ", found)
    found = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", found)  # 1,350
    found = re.sub(r"(?<=[0-9]),(?=[0-9]{1,2}(?![0-9]))", ".", found)  # 1,19 as in German
    found = re.sub(rf"%(?: [a-z]+)? o[nf] ({NUM})", r"% of \1", found)  # 19 % VAT on 84.90
    for written, meant in SHAPES:
        if one := re.search(written, found):
            return one.expand(meant)
    if (listed := LISTED.search(found)) and len(numbers := NUMBER.findall(listed["rest"])) > 1:
        if re.search(r"[*/^%()]|\bhalve\b", listed["rest"]):
            raise CalculationError("it asks for two things; ask for one after the other")
        return " + ".join(numbers)
    kept = FILLER.sub(lambda word: "of" if word[0] == "of" else " ", found)
    kept = re.sub(r"(?<!%)(?<!% )\bof\b", " ", kept)  # "of" counts after a percentage alone
    kept = re.sub(r"\s+", " ", kept).strip().rstrip(" .")
    if not re.search(r"[-+*/^%]", kept) or not NUMBER.search(kept):
        raise CalculationError("there is no calculation in it; write one, such as 17 % of 250")
    return kept


def written(value: Decimal) -> str:
    """A result as people write it: 1,234.5, without zeros at its end, at most 12 places."""
    if value == value.to_integral_value() and abs(value) < Decimal(10) ** 20:
        return f"{int(value):,}"
    rounded = EXACT.create_decimal(value)
    if Decimal("1e-6") <= abs(rounded) < Decimal(10) ** 20:
        return f"{rounded:,.12f}".rstrip("0").rstrip(".")
    return f"{rounded:.12e}"


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        one = TOKEN.match(text, at)
        if not one:
            raise CalculationError(f"'{text[at:].strip()[:20]}' is no part of a calculation")
        found.append(one[0].strip())
        at = one.end()
    return found


class _Reader:
    """Reads tokens from the left: a sum of products of powers. `left`: those not read yet."""

    def __init__(self, tokens: list[str]):
        self.left = tokens

    def _take(self, *wanted: str) -> str | None:
        return self.left.pop(0) if self.left and self.left[0] in wanted else None

    def sum(self, depth: int) -> Decimal:
        value, _ = self.product(depth)
        while sign := self._take("+", "-"):
            part, share = self.product(depth)
            # "420 - 15 %" takes 15 hundredths of the 420
            part = EXACT.multiply(value, part) if share else part
            value = EXACT.add(value, part) if sign == "+" else EXACT.subtract(value, part)
        return value

    def product(self, depth: int) -> tuple[Decimal, bool]:
        """(value, whether it is a bare percentage)."""
        value, share = self.percent(depth)
        while sign := self._take("*", "/", "of"):
            part, _ = self.percent(depth)
            value = EXACT.divide(value, part) if sign == "/" else EXACT.multiply(value, part)
            share = False
        return value, share

    def percent(self, depth: int) -> tuple[Decimal, bool]:
        value = self.power(depth)
        share = bool(self._take("%"))
        return (EXACT.divide(value, Decimal(100)) if share else value), share

    def power(self, depth: int) -> Decimal:
        value = self.atom(depth)
        if self._take("^", "**"):
            exponent = self.power(depth + 1)  # from the right, as in mathematics
            if abs(exponent) > LARGEST_EXPONENT:
                raise CalculationError(f"its exponent is beyond {LARGEST_EXPONENT}")
            value = EXACT.power(value, exponent)
        return value

    def atom(self, depth: int) -> Decimal:
        if depth > DEEPEST:
            raise CalculationError(f"it is nested more than {DEEPEST} deep")
        if self._take("-"):
            return EXACT.minus(self.power(depth + 1))
        if self._take("+"):
            return self.power(depth + 1)
        if self._take("("):
            value = self.sum(depth + 1)
            if not self._take(")"):
                raise CalculationError("a bracket is not closed")
            return value
        if not self.left or not NUMBER.fullmatch(self.left[0]):
            raise CalculationError(
                f"a number is missing before '{self.left[0]}'" if self.left else "it ends too early"
            )
        return EXACT.create_decimal(self.left.pop(0).replace(",", ""))
