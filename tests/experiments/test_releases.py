"""What notebook 10 ships and judges: all eight parts, slices of the exam, flags by ticket."""

from __future__ import annotations

import pytest

from helpers.experiments import training_grid
from helpers.experiments.releases import by_id, desk_parts, exam, index_parts, invalid, slices
from helpers.release.manifest import PARTS


@pytest.fixture(scope="module")
def grid():
    return training_grid.load_grid()


def test_the_desk_names_every_part_of_a_release(weights):
    assert set(desk_parts()) == set(PARTS)


def test_a_system_with_an_index_has_no_adapter(weights, tmp_path):
    parts = index_parts(tmp_path)
    assert (parts["adapter"], parts["labels"], parts["index"]) == (None, None, tmp_path)


def test_the_exam_is_in_the_order_of_the_grid(grid):
    assert [case.id for case in exam(grid)] == list(grid.dev_ids)


def test_a_slice_holds_what_its_name_says(grid):
    cases = {case.id: case for case in exam(grid)}
    urgent = slices(list(cases.values()))["urgent or high"]
    assert {cases[id].gold.output["priority"] for id in urgent} == {"urgent", "high"}


def test_flags_are_found_by_ticket(grid):
    flags = [at == 1 for at in range(len(grid.dev_ids))]
    assert [id for id, flag in by_id(grid, flags).items() if flag] == [grid.dev_ids[1]]


@pytest.mark.parametrize(("row", "broken"), [({"valid": "101"}, [0, 1, 0]), (None, [0])])
def test_an_invalid_record_is_counted(row, broken):
    assert invalid(row) == broken
