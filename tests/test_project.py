"""The project's files agree: dependencies, weights, the import contract, the linter."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from conftest import ROOT


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_environment_yml_is_valid_and_agrees_with_pyproject():
    from rattler import MatchSpec

    found = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert found["channels"] == ["conda-forge", "nodefaults"]
    conda = [MatchSpec(spec) for spec in found["dependencies"] if isinstance(spec, str)]
    assert [spec.name.normalized for spec in conda] == ["python", "pip"]
    assert str(conda[0].version).replace(" ", "") == project()["requires-python"]
    (pip,) = [spec["pip"] for spec in found["dependencies"] if isinstance(spec, dict)]
    assert pip == [*project()["dependencies"], "-e .[test]"]


def test_constraints_satisfy_pyproject_and_pin_everything():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
        if line and not line.startswith("#")
    )
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    for line in project()["dependencies"] + project()["optional-dependencies"]["test"]:
        requirement = Requirement(line)
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, line
    assert pins["torch"] == "2.13.0"
    assert not any(name.startswith("nvidia") for name in pins)


def test_what_the_site_needs_is_tested_and_no_learners():
    extra = project()["optional-dependencies"]
    assert set(extra["site"]) <= set(extra["test"])
    assert not set(extra["site"]) & set(project()["dependencies"])


def test_what_the_hub_needs_is_tested_and_no_learners():
    extra = project()["optional-dependencies"]
    assert set(extra["hub"]) <= set(extra["test"])
    assert not set(extra["hub"]) & set(project()["dependencies"])


def test_weight_wheels_are_pinned_by_hash():
    lines = [
        line
        for line in (ROOT / "weights.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert len(lines) == 2
    assert all(re.fullmatch(r"[\w-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_a_folder_imports_only_from_those_below_it():
    done = subprocess.run(
        [shutil.which("lint-imports", path=str(Path(sys.executable).parent))],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_linter_has_nothing_to_say():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_no_pickle_and_no_fixed_hosts():
    for path in [ROOT / "workbook.py", *(ROOT / "helpers").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bimport pickle\b|torch\.load\(|0\.0\.0\.0", text), path


def test_no_page_holds_the_marks_of_a_merge():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("labs_data/*.md")]
    pages += [*(ROOT / "notebooks").glob("*.md"), *(ROOT / "docs").rglob("*.html")]
    marked = [p.name for p in pages if re.search(r"^(<{7}|>{7}) ", p.read_text("utf-8"), re.M)]
    assert marked == []
