"""The answer beside the pictures of 03 and 06: at every measured setting of the reference, in every
scenario of the labs. `python tests/labs/test_lab_answers.py` prints all of them."""

from __future__ import annotations

import functools
import html
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.widgets import part

from helpers.decision.findings import load_findings
from helpers.decision.options import LOOKUPS
from helpers.decision.scenarios import IN_LABS
from helpers.experiments import chunking_grid, lab_findings, training_grid
from helpers.experiments.chunking_grid import ChunkingSetting
from helpers.experiments.training_cell import MEASURES, TrainingSetting
from helpers.labs import lab_answer, training
from helpers.labs.lab_answer import Key, LabAnswer

LABS = {
    "chunking": (lab_findings.of_chunking, chunking_grid),
    "training": (lab_findings.of_training, training_grid),
}


findings = functools.cache(load_findings)


@functools.cache
def findings_at(lab, setting):
    read, grid = LABS[lab]
    return lab_answer.known(read, grid.load_grid(), setting, findings())


def measured(lab):
    """All settings that the reference has."""
    if lab == "chunking":
        grid = chunking_grid.load_grid()
        return [chunking_grid.setting_of(row) for _, row in grid.iterrows()]
    grid = training_grid.load_grid()
    return [TrainingSetting(*key[:4]) for key in sorted(grid.found)]


@functools.cache
def answer_at(lab, scenario, setting) -> LabAnswer:
    return lab_answer.answer(findings_at(lab, setting), IN_LABS[lab][scenario].requirements)


def settled(lab, scenario, settings) -> list[Key]:
    """The different answers in the order of the settings; what is unmeasured, or cannot be told,
    is none."""
    found = [answer_at(lab, scenario, one) for one in settings]
    return list(dict.fromkeys(one.key._replace(fix="") for one in found if one.settled))


def along(setting, **values):
    """The settings of one slider that is moved alone."""
    ((name, places),) = values.items()
    return [replace(setting, **{name: value}) for value in places]


@pytest.mark.parametrize("lab", ["chunking", "training"])
def test_the_settings_of_a_lab_have_three_different_answers_or_more(lab):
    found = {key for name in IN_LABS[lab] for key in settled(lab, name, measured(lab))}
    assert len(found) >= 3, found
    assert len({key.direction for key in found}) >= 3, found


TURNS = [  # lab, scenario, setting, the slider that is moved alone, the two ends
    (
        "training",
        "forms filled in advance",
        along(TrainingSetting(), rows=(0, 550)),
        ["prompt + schema: not with this model", "fine-tune: yes, behind gates"],
    ),
    (
        "chunking",
        "find the page",
        along(ChunkingSetting(), top_k=(1, 10)),
        ["search only: not good enough yet", "search only: yes, behind gates"],
    ),
    (
        "chunking",
        "find the page",
        along(ChunkingSetting(chunk_size=128, top_k=5), retriever=("bm25", "dense")),
        ["search only: not good enough yet", "search only: yes, behind gates"],
    ),
    (
        "chunking",
        "at the counter",
        along(ChunkingSetting(chunk_size=128), top_k=(1, 3)),
        [
            "RAG + tuned reader: not with this model",
            "a person: your requirements contradict each other",
        ],
    ),
]


@pytest.mark.parametrize(
    ("lab", "scenario", "settings", "said"),
    TURNS,
    ids=["labels", "passages", "retriever", "passages and the wait"],
)
def test_one_slider_alone_turns_the_answer_round(lab, scenario, settings, said):
    assert [str(key) for key in settled(lab, scenario, settings)] == said


def test_epochs_count():
    name = "forms filled in advance"
    whole, hurried = (
        answer_at("training", name, TrainingSetting(256, epochs)).key.direction
        for epochs in (TrainingSetting().epochs, 1)
    )
    assert (whole, hurried) == ("fine-tune", "prompt + schema")


def test_wrong_labels_count():
    clean, spoilt = (
        findings_at("training", TrainingSetting(256, label_noise=share))["tuned"]
        for share in (0.0, 0.3)
    )
    assert spoilt.value < clean.value


def test_a_classifier_is_taken_until_tuning_passes_it():
    found = settled("training", "sorting tickets", along(TrainingSetting(), rows=(16, 550)))
    assert [key.direction for key in found] == [
        "a classifier without a language model",
        "fine-tune",
    ]


@pytest.mark.parametrize("scenario", ["find the page", "policy assistant"])
def test_the_retriever_moves_the_option_that_is_recommended(scenario):
    settings = along(ChunkingSetting(), retriever=("bm25", "hybrid", "dense"))
    found = [answer_at("chunking", scenario, one).decision for one in settings]
    assert len({one.readiness.right.value for one in found}) == 3
    chosen = {one.direction[LOOKUPS].option.rests_on[LOOKUPS] for one in found}
    assert len(chosen) == 1


def test_the_retriever_turns_what_to_fix_first():
    settings = along(ChunkingSetting(chunk_size=128), retriever=("dense",)) + along(
        ChunkingSetting(), retriever=("bm25",)
    )
    found = [answer_at("chunking", "policy assistant", one).key.fix for one in settings]
    assert found == ["First fix the prompt and its schema", "First fix the search"]


def test_what_nobody_measured_has_no_answer():
    for lab, setting in (
        ("training", TrainingSetting(96)),
        ("chunking", ChunkingSetting(chunk_size=96)),
    ):
        one = answer_at(lab, next(iter(IN_LABS[lab])), setting)
        assert (one.key, one.settled, one.pictures()) == (None, False, [])
        assert "Nobody has measured" in one._repr_html_()
        assert "t-grey" in one._repr_html_()


def trained_here(setting, right: str):
    """The evidence after a run of one's own, all tickets right or all wrong."""
    grid = training_grid.load_grid()
    bits = dict.fromkeys(MEASURES, right * len(grid.dev_ids))
    row = {**vars(setting), **bits, "here": True, "n": len(grid.dev_ids), "seconds": 9.0}
    return lab_findings.of_training(training_grid.joined(grid, row), setting, findings())


def test_an_own_run_is_a_finding_of_ones_own():
    found = trained_here(TrainingSetting(96), "1")["tuned"]
    assert (found.source, found.value) == ("yours", 1.0)


def test_an_own_run_counts_among_the_seeds_of_the_reference():
    setting = TrainingSetting(256)
    known = {r["seed"]: r["right"] for r in training_grid.load_grid().cells(setting)}
    another, again = (trained_here(replace(setting, seed=s), "1")["tuned"] for s in (99, 0))
    shares = [bits.count("1") / len(bits) for bits in known.values()]
    assert another.value == pytest.approx((sum(shares) + 1) / (len(shares) + 1))
    first = known[0].count("1") / len(known[0])
    assert again.value == pytest.approx((sum(shares) - first + 1) / len(shares))
    assert (another.source, again.source) == ("yours", "yours")


@pytest.fixture
def lab():
    return training.training_lab(
        training_grid.load_grid(), SimpleNamespace(fingerprint="toy"), TrainingSetting(256)
    )


def test_the_lab_shows_the_answer_of_its_setting(lab):
    requirements = IN_LABS["training"]["forms filled in advance"].requirements
    for rows in (550, 64, 96):
        part(lab, "rows").value = rows
        there = lab_answer.answer(findings_at("training", TrainingSetting(rows)), requirements)
        assert part(lab, "framework").value == there._repr_html_(), rows


def test_every_slider_has_the_answers_on_its_own_axis(lab):
    said = html.unescape(part(lab, "axis-rows").value)
    assert re.search(r"Now 256\. Turns round at (\d+, )*\d+ and 550\.", said)
    assert "8: not measured" in said
    assert "550: fine-tune: yes, behind gates" in said
    assert "1: prompt + schema" in html.unescape(part(lab, "axis-epochs").value)


def test_a_requirement_moves_the_answer(lab):
    before = part(lab, "framework").value
    part(lab, "requests-per-day").value = 5
    assert "<b>Fine-tune.</b>" in before
    assert "<b>Prompt + schema.</b>" in part(lab, "framework").value


def test_a_scenario_sets_its_requirements(lab):
    part(lab, "scenario").value = "sorting tickets"
    assert part(lab, "requests-per-day").value == 3_000
    assert "A classifier without a language model." in part(lab, "framework").value


if __name__ == "__main__":
    for lab_name, scenarios in IN_LABS.items():
        for scenario_name in scenarios:
            lines: dict[str, list[str]] = {}
            for each in measured(lab_name):
                one = answer_at(lab_name, scenario_name, each)
                lines.setdefault(str(one.key) if one.key else "not measured", []).append(str(each))
            print(f"\n{lab_name}, {scenario_name}:")
            for said, which in lines.items():
                print(f"  {len(which):4d}  {said}\n        {'; '.join(which[:12])}")
