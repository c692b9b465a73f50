"""How many learners a machine holds, from what was measured; and the files of deploy/ agree."""

from __future__ import annotations

import runpy
import sys

import psutil
import pytest
import yaml
from conftest import ROOT

from helpers.commands.hub import capacity

ROW = {
    "name": "warm",
    "date": "2026-03-02",
    "learners": 8,
    "finished": 8,
    "failures": 0,
    "pss_mib_per_learner_max": 1000.0,
    "hub_pss_mib": 300.0,
    "cpu_seconds_per_learner": 60.0,
    "disk_mb_per_learner": 20.0,
}


def test_memory_is_that_of_the_largest_learner_each_and_the_hub():
    assert capacity.needs(30, ROW).memory_mib == 30 * 1000 + 300 + capacity.SYSTEM_MIB


def test_cores_are_the_seconds_of_all_spread_over_the_lesson():
    wanted = 30 * 60 / capacity.lesson_seconds() / capacity.BUSY_SHARE
    assert capacity.needs(30, ROW).cores == pytest.approx(wanted)


def test_a_test_that_did_not_end_tells_nothing():
    half = ROW | {"learners": 20, "finished": 19}
    assert capacity.best_row([ROW, half])["learners"] == 8
    with pytest.raises(ValueError, match="no load test"):
        capacity.best_row([half])


@pytest.mark.parametrize(("gib", "enough"), [(64, True), (16, False)])
def test_a_machine_that_is_too_small_is_told_how_many_fit(monkeypatch, gib, enough):
    monkeypatch.setattr(capacity, "rows", lambda: [ROW])
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("M", (), {"total": gib * 2**30})())
    name, ok, _, fix = capacity.lines(30)[0]
    assert (name, ok) == ("room: memory", enough)
    assert enough or fix.startswith("15 learners fit")


def test_the_page_on_scaling_is_what_was_measured(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "deploy"), *sys.path])
    assert runpy.run_path(str(ROOT / "deploy" / "scaling.py"))["main"](["--check"]) == 0


def test_every_yaml_of_deploy_is_one():
    files = sorted((ROOT / "deploy").rglob("*.yaml"))
    assert len(files) == 4
    assert all(isinstance(yaml.safe_load(file.read_text()), dict) for file in files)


@pytest.mark.parametrize("file", ["README.md", "Dockerfile", "values.yaml"])
def test_what_was_not_run_here_says_so(file):
    text = (ROOT / "deploy" / "jupyterhub" / "kubernetes" / file).read_text(encoding="utf-8")
    assert "not run here" in text.lower()
