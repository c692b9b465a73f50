"""A diagram that does not fit is a defect that nobody sees until it is projected: texts stay inside
their boxes, and boxes apart."""

import itertools

import pytest

from helpers.plots import diagrams

DRAW = {
    "adapter sketch": lambda: diagrams.adapter_sketch(8, 134_515_008, 2_442_240),
    "adapter sketch, numbers unknown": diagrams.adapter_sketch,
    "decision path": diagrams.decision_path,
    "oracle swap": diagrams.oracle_swap,
    "rag pipeline": diagrams.rag_pipeline,
    "see or behave": diagrams.see_or_behave,
}


@pytest.fixture(scope="module")
def drawn():
    """Each diagram with its plane, drawn once."""
    planes = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, draw in DRAW.items():
            plane = []
            picture = diagrams.Plane.picture
            patch.setattr(
                diagrams.Plane,
                "picture",
                lambda self, alt, into=plane, picture=picture: (
                    into.append(self) or picture(self, alt)
                ),
            )
            planes[name] = (draw(), plane[0])
            patch.setattr(diagrams.Plane, "picture", picture)
    return planes


@pytest.mark.parametrize("name", sorted(DRAW))
def test_every_text_lies_inside_its_box(name, drawn):
    _, plane = drawn[name]
    renderer = plane.figure.canvas.get_renderer()
    outside = [
        says
        for says, patch, words in plane.boxes
        if not patch.get_window_extent(renderer)
        .padded(1)
        .contains(*words.get_window_extent(renderer).min)
        or not patch.get_window_extent(renderer)
        .padded(1)
        .contains(*words.get_window_extent(renderer).max)
    ]
    assert outside == []


@pytest.mark.parametrize("name", sorted(DRAW))
def test_no_two_boxes_and_no_two_texts_overlap(name, drawn):
    _, plane = drawn[name]
    renderer = plane.figure.canvas.get_renderer()
    inside = {words for _, _, words in plane.boxes}
    notes = [text for text in plane.axes.texts if text not in inside and text.get_text()]
    areas = [(says, patch.get_window_extent(renderer)) for says, patch, _ in plane.boxes]
    areas += [
        (note.get_text(), note.get_window_extent(renderer))
        for note in notes
        if note.get_weight() != "bold" or name != "oracle swap"  # the causes stand in their boxes
    ]
    pairs = itertools.combinations(areas, 2)
    assert [(a, b) for (a, one), (b, other) in pairs if one.overlaps(other)] == []


@pytest.mark.parametrize("name", sorted(DRAW))
def test_everything_lies_inside_the_picture(name, drawn):
    _, plane = drawn[name]
    whole = plane.figure.bbox
    texts = [*plane.axes.texts, *plane.figure.texts]
    areas = [text.get_window_extent() for text in texts if text.get_text()]
    assert all(whole.contains(*area.min) and whole.contains(*area.max) for area in areas)


@pytest.mark.parametrize("name", sorted(DRAW))
def test_the_alternative_text_can_be_read_aloud(name, drawn):
    assert 40 <= len(drawn[name][0].alt) <= 250


def test_the_path_names_the_notebook_of_every_fork(drawn):
    _, plane = drawn["decision path"]
    said = " ".join(text.get_text() for text in plane.axes.texts)
    assert all(f"{number:02d}" in said for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
