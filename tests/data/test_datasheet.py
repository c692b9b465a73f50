"""The figures of DATASHEET.md come from a run, about the data as it is now; and no split leaks into
another by meaning."""

from __future__ import annotations

import json
import re

import pytest
from support.build_scripts import build_script

from helpers.core import settings
from helpers.data.questions import load_questions
from helpers.data.tickets import FIELDS, Ticket, load_tickets
from helpers.systems import majority_label, nearest_neighbour

measure, leakage = build_script("measure"), build_script("leakage")


@pytest.fixture(scope="module")
def measured():
    return json.loads(measure.RESULTS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sheet():
    return measure.SHEET.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_results(measured, sheet):
    assert measure.with_tables(sheet, measured) == sheet, (
        "run: python labs_data/build/measure.py --tables"
    )


def test_a_changed_figure_and_a_lost_marker_are_noticed(measured, sheet):
    altered = json.loads(json.dumps(measured))
    altered["tickets"]["test"]["keywords"]["exact"]["share"] += 0.1
    assert measure.with_tables(sheet, altered) != sheet
    with pytest.raises(ValueError, match="markers"):
        measure.with_tables(sheet.replace("<!-- table recall -->", ""), measured)


def test_the_results_are_about_these_data(measured):
    """A change of any data file asks for a new measurement."""
    assert measured["provenance"]["data"] == measure.hashes(), (
        "run: python labs_data/build/measure.py"
    )
    assert measured["provenance"]["weights"] == {
        w.name: w.sha256 for w in (measure.weights.MINILM, measure.weights.SMOLLM2)
    }
    assert measured["counts"] == measure.counts()


def test_every_file_counts_in_the_provenance(tmp_path):
    import shutil

    shutil.copytree(settings.DATA, tmp_path / "data")
    before = measure.hashes(tmp_path / "data")
    assert before == measure.hashes()
    (tmp_path / "data/handbook/people/annual-leave.md").rename(
        tmp_path / "data/handbook/people/annual.md"
    )
    (tmp_path / "data/users.json").write_text("{}")
    assert {
        name for name, value in measure.hashes(tmp_path / "data").items() if value != before[name]
    } == {"handbook", "users.json"}


def test_shares_have_their_intervals(measured):
    def shares(part):
        if isinstance(part, dict) and "low" in part:
            yield part
        elif isinstance(part, dict):
            for inner in part.values():
                yield from shares(inner)

    found = list(shares(measured))
    assert len(found) > 100
    for one in found:
        assert one == measure.proportion(one["right"], one["n"])
        assert one["low"] <= one["share"] <= one["high"]


def test_cheap_baselines_measure_the_same_again(measured):
    train, test = load_tickets("train"), load_tickets("test")
    assert (
        measure.judged(measure.said(majority_label(train, by_field=True), test), test)
        == measured["tickets"]["test"]["majority label"]
    )
    assert (
        measure.judged([measure.keywords(c.ask.input) for c in test], test)
        == measured["tickets"]["test"]["keywords"]
    )
    assert all(
        Ticket.model_validate(measure.keywords(text))
        for text in ("", "zone 2 won't stop, call me", *(c.ask.input for c in test))
    )


def test_bm25_measures_the_same_again(measured, documents):
    cases = [c for c in load_questions("dev", documents) if c.gold.evidence]
    search = measure.bm25_search(documents, 128, 32)
    assert measure.recall(search, cases) == measured["retrieval"]["BM25 128/32"]["dev"]
    assert {
        split: measure.lexical_overlap(load_questions(split, documents))
        for split in ("dev", "test")
    } == measured["overlap"]


def test_bm25_keeps_access_and_date(documents):
    """What the asker may not read on that day is not found, however well it fits."""
    search = measure.bm25_search(documents, 128, 32)
    by_id = {d.id: d for d in documents}
    cases = load_questions("dev", documents)
    for case in [c for c in cases if c.kind in ("restricted", "versioned")]:
        for passage in search(case, 5):
            assert by_id[passage.doc].readable_by(case.ask.groups)
            assert by_id[passage.doc].in_force(case.ask.as_of)
    assert any(not c.gold.evidence for c in cases if c.kind == "restricted")


def test_recall_wants_all_of_the_evidence():
    case = load_questions("dev")[0]
    (evidence,) = case.gold.evidence
    whole = measure.Passage(evidence.doc, "", evidence.start, evidence.end, evidence.quote)
    part = measure.Passage(evidence.doc, "", evidence.start, evidence.end - 1, evidence.quote[:-1])
    found = measure.recall(lambda c, k: [part, whole], [case])
    assert [found["all"][str(k)]["right"] for k in measure.TOP_K] == [0, 1, 1]
    assert found[case.kind] == found["all"]


def test_the_keyword_baseline_stays_a_baseline():
    """Fifteen patterns and words at most a field: with more it would be a system."""
    import inspect

    assert len(inspect.getsource(measure.keywords).split()) <= 220
    assert len(FIELDS) == 4


def test_the_second_reading_adds_up(sheet):
    found = json.loads(
        (settings.DATA / "reference" / "second_reading.json").read_text(encoding="utf-8")
    )
    for reading in found["readings"]:
        for split, fields in reading["splits"].items():
            any_field = fields["any_field"]
            assert all(
                f["n"] == any_field["n"] and f["disagreements"] <= any_field["disagreements"]
                for f in fields.values()
            )
            assert f"| {reading['rows']} | {split} | {any_field['n']} |" in sheet
    assert "No independent human annotators" in sheet


def test_the_changes_told_are_the_changes_made(sheet):
    """Each row of the table of updates: the old value stands in the old document, the new one in
    the new; nothing else changed."""
    from helpers.data.handbook import load_handbook

    by_id = {d.id: d for d in load_handbook(updates=True)}
    rows = re.findall(
        r"^\| ([\w-]+-v2) \| ([\w-]+) \| [\w.-]+ \| ([^|]+) \| ([^|]+) \|", sheet, re.M
    )
    assert len(rows) == 12
    assert {new for new, *_ in rows} == {
        d.id for d in by_id.values() if d.path.parent.name == "updates"
    }
    for new_id, old_id, _, _ in rows:
        old, new = by_id[old_id].text, by_id[new_id].text
        assert by_id[new_id].meta.supersedes == old_id
        assert old != new
        differing = [
            pair
            for pair in zip(old.splitlines(), new.splitlines(), strict=True)
            if pair[0] != pair[1]
        ]
        assert 1 <= len(differing) <= 2
        for _, _, before, after in (row for row in rows if row[0] == new_id):
            was, now = (re.escape(re.match(r"[\d.]+", value)[0]) for value in (before, after))
            assert any(
                re.search(rf"\b{was}\b", x) and re.search(rf"\b{now}\b", y) for x, y in differing
            ), (new_id, before, after)


def test_the_licence_is_named(sheet):
    text = (settings.DATA / "LICENSE").read_text(encoding="utf-8")
    assert "Creative Commons Attribution 4.0 International" in text
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in text
    assert "CC BY 4.0" in sheet


# --- by meaning -----------------------------------------------------------------------------------


def test_splits_are_compared_with_each_other_and_never_within():
    pairs = leakage.comparisons()
    assert len(pairs) == 16
    assert all(left and right for left, right in pairs.values())
    assert all(
        not {t.text for t in left} & {t.text for t in right} for left, right in pairs.values()
    )


def test_within_a_split_no_text_is_its_own_neighbour():
    found = [leakage.Text(name, name) for name in "abc"]
    vectors = {"a": [1.0, 0.0], "b": [0.8, 0.6], "c": [0.0, 1.0]}
    pairs = leakage.nearest(found, found, "within", vectors)
    assert all(one.left != one.right for one in pairs)
    assert [round(one.similarity, 6) for one in pairs] == [0.8, 0.8, 0.6]


@pytest.mark.slow
def test_no_two_splits_share_a_meaning():
    measured = leakage.measure()
    assert leakage.leaks(measured) == [], "\n".join(map(str, leakage.leaks(measured)))
    assert max(found[0].similarity for found in measured.values()) > 0.75, (
        "similarities this low mean that the comparison is broken"
    )


@pytest.mark.slow
def test_a_light_rewrite_would_be_found():
    """The threshold is worth something: messages with every 8th word left out are nearly all above
    it, unrelated ones are not."""
    assert leakage.rewrites_found(every=8) > 0.9
    texts = leakage.texts(settings.DATA, "tickets/test.jsonl", "input")
    planted = leakage.Text("planted", texts[1].text.replace(" ", "  ").upper())
    vectors = dict(
        zip(
            (t.text for t in (*texts[:3], planted)),
            leakage.embed([t.text for t in (*texts[:3], planted)]),
            strict=True,
        )
    )
    (near,) = leakage.nearest(texts[:3], [planted], "planted", vectors)
    assert near.left == texts[1]
    assert leakage.leaks({"planted": [near]}) == [near]


@pytest.mark.slow
def test_the_nearest_neighbour_measures_the_same_again(measured):
    """Other machines round differently, so a few rows may turn."""
    test = load_tickets("test")
    found = measure.judged(measure.said(nearest_neighbour(load_tickets("train")), test), test)
    kept = measured["tickets"]["test"]["1 nearest neighbour (MiniLM)"]
    assert all(abs(found[name]["share"] - kept[name]["share"]) <= 0.02 for name in kept)
