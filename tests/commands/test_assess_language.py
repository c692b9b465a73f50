"""What embedder, word search and scorer can do in the language of a folder is said before any
number, and search by meaning is off where it is of no use."""

from __future__ import annotations

import pytest
from support.towns import lines, own_folder, write

from helpers.commands.assess import assess, language
from helpers.commands.assess.folder import read_user_folder
from helpers.commands.assess.schedule import ArmProgress, Clock
from helpers.commands.assess.systems import Systems

GERMAN = (
    "Die Bücherei verleiht bis zu zwanzig Bücher. Eine verlorene Karte wird gegen eine Gebühr"
    " ersetzt, und ein Buch, das von einem anderen reserviert ist, wird nicht verlängert."
)
JAPANESE = "図書館の会員は一度に二十冊まで本を借りることができます。"
KOREAN = "도서관 회원은 한 번에 스무 권까지 책을 빌릴 수 있습니다."


@pytest.fixture
def read(tmp_path):
    def made(text, toml=""):
        write(tmp_path / "documents" / "a.txt", text)
        write(tmp_path / "questions.jsonl", lines({"question": f"{text[:12]}?", "answers": ["20"]}))
        write(tmp_path / "assess.toml", toml)
        own = read_user_folder(tmp_path)
        assert own.faults == ()
        return own

    return made


@pytest.fixture
def systems(read, tmp_path):
    def made(text, toml=""):
        progress = ArmProgress(tmp_path / "progress.json", {"fingerprint": "f", "done": {}})
        return Systems(read(text, toml), Clock(9), progress, str)

    return made


def test_english_is_no_matter(read):
    assert language.warning(read("The books of the library are not for sale. " * 5)) is None


def test_a_detected_language_is_named_with_the_figure_of_the_embedder(read):
    said = language.warning(read(GERMAN))
    assert said.startswith("The texts are in German (detected)")
    assert f"English {language.BELEBELE['en']:.2f}, German {language.BELEBELE['de']:.2f}" in said


def test_a_stated_language_counts_more_than_what_is_seen(read):
    assert language.language(read(GERMAN, 'language = "nl"\n')) == ("nl", "stated")


def test_a_language_whose_refusals_are_not_known_is_said(read):
    assert "no refusals in Korean are known" in language.warning(read(KOREAN))


def test_a_language_that_is_no_code_is_a_fault(tmp_path):
    write(tmp_path / "questions.jsonl", lines({"question": "a?", "answers": ["b"]}))
    write(tmp_path / "assess.toml", 'language = "German"\n')
    assert [one.field for one in read_user_folder(tmp_path).faults] == ["language"]


@pytest.mark.parametrize(
    ("text", "toml", "searched"),
    [
        (GERMAN, "", "hybrid"),
        (JAPANESE, "", "bm25"),
        (KOREAN, "", "bm25"),
        (GERMAN, 'language = "zh"\n', "bm25"),
        (JAPANESE, '[search]\nretriever = "dense"\n', "dense"),
        (GERMAN, '[search]\nretriever = "bm25"\n', "bm25"),
    ],
)
def test_search_by_meaning_is_off_where_it_is_of_no_use(systems, text, toml, searched):
    assert systems(text, toml).retriever == searched


def test_an_embedder_of_the_users_own_is_trusted(systems, monkeypatch):
    monkeypatch.setenv("WORKBOOK_EMBEDDER", "somebody/multilingual")
    assert systems(JAPANESE).retriever == "hybrid"


def test_words_of_other_languages_are_not_stemmed_as_english(systems):
    assert systems(GERMAN, '[search]\nretriever = "bm25"\n').index.lexical.stem is False


def test_the_warning_comes_before_any_number(serve, tmp_path):
    server = serve()
    home = own_folder(tmp_path / "own", server.url, examples=False)
    for path in (home / "documents").rglob("*.md"):
        path.write_text(GERMAN, encoding="utf-8")
    said = []
    held = assess.assess(home, tmp_path / "out", 1, said.append)
    warned = next(at for at, line in enumerate(said) if "are in German" in line)
    assert warned < min(at for at, line in enumerate(said) if " right" in line)
    assert any("are in German" in note for note in held["folder"]["notes"])
