"""When shorter prompts pay: the closed form against a count request by request, the limits, and
where every number comes from."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.decision import payback
from helpers.decision.payback import (
    Given,
    Plan,
    costs,
    inputs_table,
    payback_by_input,
    pays_from,
    saved,
    spent,
    token_price,
    tokens_saved,
)
from helpers.plots import training


def plan(**changes) -> Plan:
    base = {
        "few_shot_tokens": Given(820, "tokens", "measured"),
        "tuned_tokens": Given(70, "tokens", "measured"),
        "examples": Given(8, "rows", "measured"),
        "rows": Given(108, "rows", "measured"),
        "cost_per_label": Given(0.5, "EUR a label", "assumed"),
        "training_seconds": Given(1800, "seconds", "measured"),
        "machine_per_hour": Given(0.2, "EUR an hour", "assumed"),
        "price_per_1000_tokens": Given(0.04, "EUR", "assumed"),
    }
    numbers = {
        name: (
            base.get(name, Given(0, "", "assumed"))._replace(value=value)
            if isinstance(value, int | float)
            else value
        )
        for name, value in changes.items()
    }
    return Plan(**base | numbers)


def test_by_hand():
    one = plan()
    assert tokens_saved(one) == 750
    assert saved(one) == pytest.approx(0.03)
    assert spent(one) == pytest.approx(100 * 0.5 + 0.5 * 0.2)
    assert pays_from(one) == math.ceil(50.1 / 0.03) == 1670


def test_own_machine():
    one = plan(
        price_per_1000_tokens=None,
        seconds_per_token=Given(0.002, "seconds", "measured"),
        machine_per_hour=0.36,
    )
    assert token_price(one) == pytest.approx(0.002 * 0.0001)
    assert saved(one) == pytest.approx(750 * 2e-7)


def test_repeated_tokens_may_be_cheaper():
    assert pays_from(plan(repeated_price=0.1)) == pytest.approx(10 * pays_from(plan()), abs=10)


def test_an_adapter_that_takes_longer_is_paid_from_what_is_saved():
    """10 s at 0.36 an hour are 0.001, of the 0.03 that a request saves."""
    slow = plan(extra_seconds=10.0, machine_per_hour=0.36)
    assert saved(slow) == pytest.approx(0.03 - 0.001)


def test_a_slow_adapter_can_eat_up_the_saving():
    assert pays_from(plan(extra_seconds=301.0, machine_per_hour=0.36)) == math.inf


def test_an_adapter_costs_few_shot_nothing():
    one, slow = (
        costs(plan(machine_per_hour=0.36, **how), [1e6]) for how in ({}, {"extra_seconds": 10.0})
    )
    assert slow["few_shot"].iloc[0] == pytest.approx(one["few_shot"].iloc[0])


def test_an_adapter_costs_tuned_its_seconds():
    one, slow = (
        costs(plan(machine_per_hour=0.36, **how), [1e6]) for how in ({}, {"extra_seconds": 10.0})
    )
    assert slow["tuned"].iloc[0] - one["tuned"].iloc[0] == pytest.approx(1e6 * 0.001)


def test_a_prompt_that_was_read_before_pays_sooner():
    assert pays_from(plan(extra_seconds=-10.0)) < pays_from(plan())


@pytest.mark.parametrize(
    ("changes", "requests"),
    [
        ({"few_shot_tokens": 70}, math.inf),
        ({"few_shot_tokens": 50}, math.inf),
        ({"price_per_1000_tokens": 0}, math.inf),
        ({"repeated_price": 0}, math.inf),
        ({"rows": 8, "training_seconds": 0}, 0),
        ({"rows": 4, "training_seconds": 0}, 0),
        ({"cost_per_label": 0, "training_seconds": 0}, 0),
    ],
)
def test_the_limits(changes, requests):
    assert pays_from(plan(**changes)) == requests
    assert training.payback(plan(**changes)).png.startswith(b"\x89PNG")


def test_never_is_said_as_never():
    assert training.payback(plan(few_shot_tokens=50)).alt.startswith("Tuning never pays")


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1, 3000),
    st.floats(0, 900),
    st.floats(0, 500),
    st.floats(0, 2),
    st.floats(0.001, 1),
    st.floats(0.01, 1),
)
def test_the_closed_form_is_where_the_costs_cross(few, tuned, rows, label, price, repeated):
    one = plan(
        few_shot_tokens=few,
        tuned_tokens=tuned,
        rows=rows,
        cost_per_label=label,
        price_per_1000_tokens=price,
        repeated_price=repeated,
    )
    at = pays_from(one)
    if math.isinf(at):
        assert (
            costs(one, [1e3, 1e9])["few_shot"] <= costs(one, [1e3, 1e9])["tuned"] * (1 + 1e-9)
        ).all()
        return
    before, after = costs(one, [max(0, at * (1 - 1e-6) - 2), at * (1 + 1e-6) + 2]).itertuples(
        index=False
    )
    assert after.tuned <= after.few_shot * (1 + 1e-9)
    if at > 3:
        assert before.tuned >= before.few_shot * (1 - 1e-9)


def test_only_assumptions_are_varied_and_all_inputs_are_named():
    one = plan()
    table = inputs_table(one)
    assert set(table["source"]) == {"measured", "assumed"}
    assert table.loc["rows", "source"] == "measured"
    assert "seconds_per_token" not in table.index
    varied = payback_by_input(one)
    assert list(varied.index) == [
        "cost_per_label",
        "machine_per_hour",
        "price_per_1000_tokens",
        "repeated_price",
    ]
    assert varied.loc["price_per_1000_tokens", "divided"] == pytest.approx(
        2 * pays_from(one), abs=2
    )
    assert varied.loc["repeated_price", "multiplied"] == pays_from(one), "a share does not exceed 1"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seconds_per_token": Given(1, "s", "measured")}, "one of them"),
        ({"price_per_1000_tokens": None}, "one of them"),
        ({"rows": -1}, "rows must be"),
        ({"cost_per_label": math.nan}, "cost_per_label must be"),
        ({"repeated_price": 1.5}, "is a share"),
    ],
)
def test_numbers_that_make_no_sense(changes, said):
    with pytest.raises(ValueError, match=said):
        plan(**changes)


def test_the_figure_says_the_finding_and_its_doubt():
    picture = training.payback(plan())
    assert picture.alt.startswith(
        "Tuning pays from about 1,700 requests on (840 to 3,300, as a label costs 1/2 to 2 times as"
        " much)."
    )
    assert list(picture.table.columns) == ["few_shot", "tuned"]
    assert pays_from(replace(plan(), cost_per_label=Given(0.25, "", "assumed"))) == 837
    assert payback.NO_DISCOUNT.value == 1
