"""The calculator computes what mathematics says, and gives everything else back with a reason."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.systems.calculator import CalculationError, calculate, expression_in, written


@pytest.mark.parametrize("said, value", [
    ("17 % of 250", "42.5"),
    ("what is 17 % of 250", "42.5"),
    ("(120 - 45) * 4", "300"),
    ("2 ^ 3 ^ 2", "512"),
    ("-2 ^ 2", "-4"),
    ("2 ** 10", "1024"),
    ("420 - 15 %", "357"),
    ("650 minus 12 % minus 3 %", "554.84"),
    ("what's 20% off 149", "119.2"),
    ("1,350 * 2", "2700"),
    ("was ergibt 250 mal 1,19", "297.5"),
    ("how much is 19 percent vat on 84.90", "16.131"),
    ("add 14.20, 33.75 and 8.05", "56"),
    ("0.1 + 0.2", "0.3"),
    (".5 * 4", "2"),
    ("15 litres x 40 minutes", "600"),
])  # fmt: skip
def test_what_people_type_is_computed(said, value):
    assert calculate(expression_in(said)) == Decimal(value)


@pytest.mark.parametrize("said, why", [
    ("1 / 0", "divides by zero"),
    ("5 / (3 - 3)", "divides by zero"),
    ("0 / 0", "no value"),
    ("9**9**9**9**9", "exponent is beyond"),
    ("2**999999999**9", "goes beyond"),
    ("10^64 * 10^64", "beyond 10"),
    ("(-8) ^ 0.5", "no value"),
    ("9" * 190 + "+1", "beyond 10"),
    ("1+" * 150 + "1", "longer than"),
    ("(" * 60 + "1" + ")" * 60, "nested more"),
    ("-" * 100 + "1", "nested more"),
    ("(1 + 2", "not closed"),
    ("1 +", "ends too early"),
    ("1 2", "'2' was not expected"),
    ("2 * * 3", "a number is missing"),
    ("", "ends too early"),
    ("__import__('os')", "no part of a calculation"),
    ("1 if 2 else 3", "no part of a calculation"),
    ("1e999", "no part of a calculation"),
    ("[1][0]", "no part of a calculation"),
])  # fmt: skip
def test_what_cannot_be_computed_says_why(said, why):
    with pytest.raises(CalculationError, match=why):
        calculate(said)


@pytest.mark.parametrize("said", [
    "٣ + ٤",  # Arabic-Indic
    "２ ＊ ３",  # full width
    "5² + 1",
    "½ of 8",
])  # fmt: skip
def test_digits_of_other_scripts_are_not_taken_for_others(said):
    with pytest.raises(CalculationError):
        calculate(expression_in(said))


@pytest.mark.parametrize("said", [
    "4 rolls of 25 m, how many metres is that",
    "I have 29 days abroad and used 11, so 29 - 11 is",
    "discount of 27 % on 84 cartons at 16.20",
    "is 37*41 more than 1500",
    "what do you think",
])  # fmt: skip
def test_nothing_is_guessed(said):
    """Where the words matter, dropping them could give a wrong number."""
    with pytest.raises(CalculationError):
        calculate(expression_in(said))


SIGNS = st.sampled_from(["+", "-", "*", "/"])


@given(st.lists(st.tuples(SIGNS, st.integers(1, 999)), min_size=1, max_size=6),
       st.integers(1, 999))  # fmt: skip
def test_precedence_is_that_of_fractions(rest, first):
    text = f"{first}" + "".join(f" {sign} {number}" for sign, number in rest)
    terms = [Fraction(first)]
    for sign, number in rest:
        if sign in "+-":
            terms.append(Fraction(number if sign == "+" else -number))
        else:
            terms[-1] = terms[-1] * number if sign == "*" else terms[-1] / number
    assert float(calculate(text)) == pytest.approx(float(sum(terms)), abs=1e-9)


@given(st.text(max_size=60))
def test_no_text_breaks_it(text):
    for read in (calculate, lambda said: calculate(expression_in(said))):
        try:
            assert isinstance(read(text), Decimal)
        except CalculationError as error:
            assert str(error)


@pytest.mark.parametrize("value, shown", [
    ("1104", "1,104"), ("42.50", "42.5"), ("1E+3", "1,000"), ("-0.25", "-0.25"),
    ("178.5714285714285714", "178.571428571429"), ("1E+40", "1.000000000000e+40"),
])  # fmt: skip
def test_results_are_written_for_people(value, shown):
    assert written(Decimal(value)) == shown
