"""The gallery of failures: each really fails, is really fixed, and is counted by the workbook's
own measures."""

from __future__ import annotations

import inspect

import pytest

from helpers.data.questions import load_questions
from helpers.experiments import failure_gallery
from helpers.experiments.failure_gallery import Count, Failure, GalleryInputs
from helpers.models import load
from helpers.retrieval.index import build_index

WITHOUT_SEARCH = (failure_gallery.flattened_table, failure_gallery.split_evidence)
WITH_MODEL = (failure_gallery.context_ignored,)


@pytest.fixture(scope="module")
def parts(documents):
    """Without index and model: for failures that need neither."""
    return GalleryInputs(documents, load_questions("dev", documents), None, None)


@pytest.fixture(scope="module")
def searched(documents):
    """With the true index. Built once in the learner's cache, as notebook 02 does; nothing here
    changes it."""
    return GalleryInputs(
        documents,
        load_questions("dev", documents),
        build_index(documents, failure_gallery.SIZE, failure_gallery.OVERLAP, say=str),
        None,
    )


def worse_then_better(failure: Failure):
    assert failure.before.n == failure.after.n > 0, (
        "before and after must be counted on the same cases"
    )
    assert failure.before.good < failure.before.n, f"{failure.name} does not fail"
    assert failure.before.good < failure.after.good <= failure.after.n, (
        f"{failure.name} is not fixed: {failure.before} -> {failure.after}"
    )
    assert all(
        getattr(failure, field).strip() for field in ("name", "wrong", "shows", "good", "fix")
    )


def test_there_are_enough_and_each_has_its_own_name():
    assert len(failure_gallery.FAILURES) >= 10
    assert len(set(failure_gallery.FAILURES)) == len(failure_gallery.FAILURES)
    for make in failure_gallery.FAILURES:
        assert make.__doc__, f"{make.__name__} does not fit on a screen"
        assert len(inspect.getsource(make).splitlines()) <= 45, (
            f"{make.__name__} does not fit on a screen"
        )


@pytest.mark.parametrize("make", WITHOUT_SEARCH, ids=lambda make: make.__name__)
def test_what_breaks_before_the_search(make, parts):
    worse_then_better(make(parts))


def test_the_flattened_table_names_what_was_orphaned(parts):
    failure = failure_gallery.flattened_table(parts)
    assert "18:35" in failure.shows
    assert "hidden order" in failure.shows
    assert failure.after == Count(4, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [m for m in failure_gallery.FAILURES if m not in WITHOUT_SEARCH + WITH_MODEL],
    ids=lambda make: make.__name__,
)
def test_what_breaks_in_the_search_or_after_it(make, searched):
    worse_then_better(make(searched))


@pytest.mark.slow
def test_a_prompt_without_passages_is_seen_in_the_answers(searched):
    worse_then_better(
        failure_gallery.context_ignored(
            GalleryInputs(searched.documents, searched.cases, searched.index, load.load_generator())
        )
    )


@pytest.mark.slow
def test_what_cannot_be_fixed_fully_says_so(searched):
    """The rules stop orders that they know; those that they do not know still get in, and the count
    shows them."""
    failure = failure_gallery.poisoned(searched)
    assert failure.after.good < failure.after.n
    assert f"{failure.after.n}" in failure.shows


@pytest.mark.slow
def test_vectors_of_another_embedder_never_get_the_name_of_the_right_index(searched):
    """Else another notebook would open an index full of nonsense: made twice, in any order, both
    stay what they are."""
    first, second = (
        failure_gallery.mixed_embedders(searched),
        failure_gallery.mixed_embedders(searched),
    )
    assert first == second
    assert first.shows.startswith("refused: ")


def test_the_table_has_a_row_for_each():
    one = Failure("name", "wrong", "shows", "good", Count(1, 7), Count(7, 7), "fix")
    table = failure_gallery.as_table([one, one])
    assert list(table["before"]) == ["1 of 7"] * 2
    assert list(table["after"]) == ["7 of 7"] * 2
    assert table.index.name == "name"
