"""The requests of the router: typed, balanced, apart from each other, and as DATASHEET.md counts
them."""

from __future__ import annotations

import json
import re

import pytest

from helpers.core import settings
from helpers.core.records import DataError
from helpers.data.labelled_rows import plain
from helpers.data.orders import load_orders, load_ticket_states
from helpers.data.questions import load_questions
from helpers.data.requests import KINDS, NEAR_MISS, ROUTES, TODAY, load_requests

SPLITS = ("train", "dev", "test")
ROW = {
    "id": "r-1",
    "input": "hi",
    "route": "small talk",
    "kind": "greeting",
    "near_miss": False,
    "writer": "staff",
    "licence": "CC-BY-4.0",
}


@pytest.fixture(scope="module")
def requests():
    return {split: load_requests(split) for split in SPLITS}


def raw(split):
    lines = (settings.DATA / "router" / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in lines.splitlines()]


def test_there_are_six_hundred_or_more(requests):
    assert sum(map(len, requests.values())) >= 600


@pytest.mark.parametrize("split", SPLITS)
def test_every_route_has_a_sixth_or_more(requests, split):
    said = [case.gold.answers[0] for case in requests[split]]
    assert min(said.count(route) for route in ROUTES) >= len(said) / 6


@pytest.mark.parametrize("split", SPLITS)
def test_every_route_has_near_misses(requests, split):
    near = {c.gold.answers[0] for c in requests[split] if c.kind.endswith(NEAR_MISS)}
    assert near == set(ROUTES)


def test_no_request_comes_twice(requests):
    texts = [plain(case.ask.input) for cases in requests.values() for case in cases]
    assert len(set(texts)) == len(texts)


def test_none_is_a_question_of_the_handbook(requests, documents):
    asked = {
        plain(c.ask.input) for split in ("dev", "test") for c in load_questions(split, documents)
    }
    assert not asked & {plain(c.ask.input) for cases in requests.values() for c in cases}


def test_everybody_asks_on_the_day_of_the_course(requests, documents):
    assert {c.ask.as_of for c in requests["dev"]} == {TODAY}
    assert TODAY in {c.ask.as_of for c in load_questions("dev", documents)}


def test_staff_asks_as_staff_and_customers_as_customers(requests):
    writers = [row["writer"] for row in raw("dev")]
    groups = {"staff": ("staff",), "customer": ("customers",)}
    assert [c.ask.groups for c in requests["dev"]] == [groups[one] for one in writers]


def counted(split):
    rows = raw(split)
    return {
        "all": len(rows),
        **{route: sum(row["route"] == route for row in rows) for route in ROUTES},
        "near misses": sum(row["near_miss"] for row in rows),
        "by customers": sum(row["writer"] == "customer" for row in rows),
    }


def test_the_datasheet_counts_them_rightly():
    sheet = (settings.DATA / "DATASHEET.md").read_text(encoding="utf-8")
    table = sheet[sheet.index("| requests | train | dev | test |") :].split("\n\n")[0]
    told = {
        name.strip(): [int(n) for n in numbers.split("|")]
        for name, numbers in re.findall(r"^\| ([a-z ]+) \| ([\d |]+) \|$", table, re.MULTILINE)
    }
    counts = [counted(split) for split in SPLITS]
    assert told == {name: [one[name] for one in counts] for name in counts[0]}


def test_the_datasheet_counts_orders_and_tickets_rightly():
    sheet = (settings.DATA / "DATASHEET.md").read_text(encoding="utf-8")
    assert f"{len(load_orders())} orders and {len(load_ticket_states())} tickets" in sheet


def test_the_rules_name_every_route_and_kind():
    rules = (settings.DATA / "router" / "LABELS.md").read_text(encoding="utf-8")
    names = [*ROUTES, *(kind for kinds in KINDS.values() for kind in kinds)]
    assert [name for name in names if f"`{name}`" not in rules] == []


@pytest.mark.parametrize("wrong, told", [
    ({"kind": "order"}, "line 2: field 'kind': 'order' is no kind of 'small talk'"),
    ({"route": "chat"}, "line 2: field 'route'"),
    ({"near_miss": "no"}, "line 2: field 'near_miss'"),
    ({"note": "x"}, "line 2: field 'note'"),
    ({"id": "r-0"}, "line 2: field 'id': r-0 was already used in line 1"),
])  # fmt: skip
def test_a_wrong_row_is_named_by_line_and_field(tmp_path, wrong, told):
    path = tmp_path / "dev.jsonl"
    rows = [ROW | {"id": "r-0"}, ROW | wrong]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(told)):
        load_requests("dev", path)
