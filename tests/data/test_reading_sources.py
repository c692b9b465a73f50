"""The passages behind the reading rows keep the rules by which they were written."""

from __future__ import annotations

from support.build_scripts import build_script

reading = build_script("reading")
FIRST, MORE = (reading.load(reading.HERE / name) for name in ("reading_worlds.jsonl", reading.MORE))


def test_the_passages_that_rows_are_made_of_are_sound():
    assert reading.check_sources(FIRST) == []


def test_the_passages_for_the_next_reader_are_sound():
    assert reading.check_sources(MORE, reading.MORE_LENGTHS, reading.MORE_QUESTIONS) == []


def test_their_worlds_are_new():
    assert not {p["world"] for p in FIRST} & {p["world"] for p in MORE}


def test_no_two_passages_share_eight_words_but_siblings():
    seen, shared = {}, []
    for p in (*FIRST, *MORE):
        for gram in reading.grams(p["text"], 8):
            other = seen.setdefault(gram, p)
            siblings = other["world"] == p["world"] and other.get("near") == p["title"]
            if other is not p and not siblings:
                shared.append((other["title"], p["title"]))
    assert shared == []


def test_a_fault_is_found():
    (first, *_), broken = MORE, dict(MORE[0])
    broken["qa"] = [first["qa"][0] | {"answer": "never said"}, *first["qa"][1:]]
    faults = reading.check_sources(
        [broken, *MORE[1:]], reading.MORE_LENGTHS, reading.MORE_QUESTIONS
    )
    assert [fault for fault in faults if "never said" in fault]
