"""The stage of a lab: drawn once, dressed for every picture, and left as it was."""

import pytest

from helpers.plots.canvas import Stage, brief, ink_on


@pytest.fixture
def stage():
    return Stage(lambda left, right: left.plot([0, 1], [0, 1]), left=0.1, wspace=0.2)


def dot(x):
    return lambda left, right: left.plot(x, x, "o", color="black")


def test_a_picture_holds_nothing_of_the_one_before(stage):
    first = stage.picture("one", dot(0.2))
    assert stage.picture("one", dot(0.8)) != first
    assert stage.picture("one", dot(0.2)) == first


def test_the_title_is_in_the_picture(stage):
    assert stage.picture("one", dot(0.2)) != stage.picture("two", dot(0.2))


def test_a_drawing_that_fails_leaves_the_stage_as_it_was(stage):
    first = stage.picture("one", dot(0.2))

    def broken(left, right):
        dot(0.8)(left, right)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stage.picture("one", broken)
    assert stage.picture("one", dot(0.2)) == first


def test_the_ground_stays(stage):
    stage.picture("one", dot(0.2))
    assert len(stage.axes[0].lines) == 1


@pytest.mark.parametrize("colour,ink", [("#FFFFFF", "black"), ("#0072B2", "white")])
def test_ink_can_be_read_on_its_colour(colour, ink):
    assert ink_on(colour) == ink


def test_a_short_description_stays_as_it_is():
    assert brief("The finding. a 1; b 2.") == "The finding. a 1; b 2."


def test_a_long_description_keeps_the_finding_and_ends_at_a_whole_part():
    said = brief("The finding. " + "; ".join(f"system {i} 35 %" for i in range(99)))
    assert said.startswith("The finding. system 0 35 %; ")
    assert said.endswith(" 35 %; …")
    assert len(said) <= 250


def test_a_description_without_parts_is_cut_all_the_same():
    assert len(brief("x" * 400)) == 250
