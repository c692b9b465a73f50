"""What is read from somebody's folder: good parts stay, every fault is named, nothing outside is
touched."""

from __future__ import annotations

import datetime as dt
import json
import os

import pytest

from helpers.commands.assess import report
from helpers.commands.assess.config import read_config, template
from helpers.commands.assess.example import write_example
from helpers.commands.assess.findings import requirements_of
from helpers.commands.assess.folder import EVERYBODY, read_user_folder
from helpers.core.records import DataError
from helpers.decision.conclusion import decide
from helpers.decision.findings import load_findings
from helpers.decision.requirements import FIELDS


def rows(path, *lines):
    path.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines),
        encoding="utf-8",
    )


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "own"
    (home / "documents" / "hr").mkdir(parents=True)
    (home / "documents" / "hr" / "leave.md").write_text(
        "# Leave\n\nStaff get 11 days\nof leave a year.\n", encoding="utf-8"
    )
    (home / "documents" / "visit.txt").write_text(
        "Guests get a badge for 3 days.\n", encoding="utf-8"
    )
    rows(
        home / "questions.jsonl",
        {
            "id": "a",
            "question": "How much leave?",
            "answers": ["11 days"],
            "evidence": [{"doc": "hr/leave.md", "quote": "11 days of leave"}],
        },
        {"id": "b", "question": "How tall is the tower?", "answers": []},
    )
    return home


def test_good_parts_are_read_and_quotes_found_across_line_breaks(folder):
    own = read_user_folder(folder, dt.date(2026, 3, 2))
    assert own.faults == ()
    assert len(own.documents) == 2
    first, second = own.questions
    assert first.gold.evidence[0].quote == "11 days\nof leave"
    assert first.ask.groups == (EVERYBODY,)
    assert first.ask.as_of == dt.date(2026, 3, 2)
    assert second.gold.answers == ()
    assert second.kind == "to refuse"


def test_a_quote_is_looked_for_as_whole_words_first(folder):
    (folder / "documents" / "visit.txt").write_text(
        "A pass is good for 15 days, a badge for 5 days. 访客证有效期三天。\n", encoding="utf-8"
    )
    quoted = [
        {
            "question": f"{quote}?",
            "answers": ["x"],
            "evidence": [{"doc": "visit.txt", "quote": quote}],
        }
        for quote in ("5 days", "ass is", "有效期三天")
    ]
    rows(folder / "questions.jsonl", *quoted)
    own = read_user_folder(folder)
    assert own.faults == ()
    assert [case.gold.evidence[0].start for case in own.questions] == [
        40,
        3,
        51,
    ]


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("It’s “free” for all.", 'It\'s "free"', "It’s “free”"),
        ("It's free for all.", "It‘s free", "It's free"),
        ("Open 9–17 on days.", "Open 9-17", "Open 9–17"),
        ("Open 9-17 on days.", "Open 9—17", "Open 9-17"),
        ("Café open.", "Cafe\u0301 open", "Café open"),
        ("Cafe\u0301 open.", "Café open", "Cafe\u0301 open"),
        ("It costs **18 euros** a day.", "costs 18 euros a day", "costs **18 euros** a day"),
        ("It costs 18 euros a day.", "costs `18 euros` a day", "costs 18 euros a day"),
        ("| Lost key | 18 euros |\n", "Lost key 18 euros", "Lost key | 18 euros"),
        ("Wait\u2026 then go.", "Wait... then", "Wait\u2026 then"),
        ("A tariff of 18 euros.", "ta\ufb00 of", None),
        ("A staff of 18.", "sta\ufb00 of 18", "staff of 18"),
        ("| in 15 days | in 5 days |", "**5 days**", "5 days"),
        ("For 18\u00a0euros.", "18 euros", "18\u00a0euros"),
    ],
)
def test_a_quote_in_other_typography_is_found_where_it_stands(folder, text, quote, found):
    (folder / "documents" / "visit.txt").write_text(f"First.\n\n{text}\n", encoding="utf-8")
    asked = {
        "question": "q?",
        "answers": ["x"],
        "evidence": [{"doc": "visit.txt", "quote": quote}],
    }
    rows(folder / "questions.jsonl", asked)
    (case,) = read_user_folder(folder).questions
    assert [one.quote for one in case.gold.evidence] == ([found] if found else [])


def test_the_text_nearest_to_a_quote_that_is_not_there_is_shown(folder):
    asked = {
        "question": "q?",
        "answers": ["x"],
        "evidence": [{"doc": "visit.txt", "quote": "Guests get a pass for 5 days"}],
    }
    rows(folder / "questions.jsonl", asked)
    (fault,) = read_user_folder(folder).faults
    assert fault.message == (
        "the quote does not stand in 'visit.txt'; nearest to it is “Guests get a badge for 3"
        " days.”; copy it from the text letter for letter; the question counts, without this"
        " evidence"
    )


def test_no_text_is_shown_as_nearest_that_shares_little_with_the_quote(folder):
    asked = {
        "question": "q?",
        "answers": ["x"],
        "evidence": [{"doc": "visit.txt", "quote": "The tower is 90 metres tall"}],
    }
    rows(folder / "questions.jsonl", asked)
    assert "nearest" not in read_user_folder(folder).faults[0].message


BAD = (
    ('{"id": "a", "question": "again?", "answers": ["x"]}', "already used in line 1"),
    ("{oh", "is not JSON"),
    ("", "is empty"),
    ('{"question": "no answers?"}', "field 'answers'"),
    ('{"question": 7, "answers": []}', "field 'question'"),
    ('{"question": "q?", "answers": ["x"], "groups": "staff"}', "field 'groups'"),
    ('{"question": "q?", "answers": ["x"], "as_of": "2026-02-30"}', "field 'as_of'"),
    (
        '{"question": "q?", "answers": ["x"], "evidence": [{"doc": "none.md", "quote": "x"}]}',
        "no document 'none.md'",
    ),
    (
        (
            '{"question": "q?", "answers": ["x"], "evidence": [{"doc": "visit.txt", "quote": "5'
            ' days"}]}'
        ),
        "does not stand in",
    ),
    ("[1]", "is not a row"),
)


def test_each_fault_has_its_file_line_and_reason_and_the_rest_is_read(folder):
    with (folder / "questions.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line, _ in BAD))
    (folder / "documents" / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (folder / "documents" / "empty.txt").write_bytes(b"")
    own = read_user_folder(folder)
    for number, (_, reason) in enumerate(BAD, start=3):
        assert any(
            f.file == "questions.jsonl" and f.line == number and reason in f.reason
            for f in own.faults
        ), (number, reason, own.faults)
    assert {f.file for f in own.faults} == {
        "questions.jsonl",
        "documents/broken.pdf",
        "documents/empty.txt",
    }
    assert [q.id for q in own.questions] == ["a", "b", "q-0010", "q-0011"]
    assert own.questions[2].gold.evidence == ()


def test_examples_that_can_be_used_are_and_the_others_are_named(folder):
    rows(
        folder / "examples.jsonl",
        {"input": "it broke", "output": "fault"},
        {"input": "", "output": "fault"},
        {"input": "where is it", "output": {"a": 1}},
        {"input": "my bill", "output": "billing"},
    )
    own = read_user_folder(folder)
    assert [c.gold.answers for c in own.examples] == [("fault",), ("billing",)]
    assert [(f.file, f.line) for f in own.faults] == [("examples.jsonl", 2), ("examples.jsonl", 3)]
    (folder / "schema.json").write_text(
        '{"type": "string", "$ref": "http://example.com/x"}', encoding="utf-8"
    )
    own = read_user_folder(folder)
    assert own.schema is None
    assert len(own.examples) == 2
    assert any(f.file == "schema.json" and "nothing is fetched" in f.reason for f in own.faults)


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="no symbolic links")
def test_no_link_that_leaves_the_folder_is_followed(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "secret.md").write_text("# Secret\n\nThe safe opens with 4711.\n", encoding="utf-8")
    rows(secret / "examples.jsonl", {"input": "secret", "output": "4711"})
    (folder / "documents" / "link.md").symlink_to(secret / "secret.md")
    (folder / "documents" / "links").symlink_to(secret)
    (folder / "examples.jsonl").symlink_to(secret / "examples.jsonl")
    (folder / "assess.toml").symlink_to(tmp_path / "nowhere.toml")
    own = read_user_folder(folder)
    assert "4711" not in repr(own)
    assert own.examples == ()
    assert {f.file for f in own.faults if "link" in f.reason} == {
        "documents/link.md",
        "documents/links",
        "examples.jsonl",
        "assess.toml",
    }
    moved = folder.with_name("documents-elsewhere")
    (folder / "documents").rename(moved)
    (folder / "documents").symlink_to(moved)
    assert read_user_folder(folder).documents == ()


def test_a_folder_without_anything_to_judge_says_what_belongs_in_it(tmp_path):
    with pytest.raises(DataError, match="there is no such folder"):
        read_user_folder(tmp_path / "none")
    with pytest.raises(DataError, match=r"questions\.jsonl"):
        read_user_folder(tmp_path)


def test_wishes_that_are_wrong_are_named_and_the_others_count():
    wishes, faults = read_config(
        'minutes = 5\n[search]\nretriever = "magic"\ntop_k = 4\n[requirements]\nlookup_share ='
        ' 80\ncitations = true\nmood = 1\n[endpoint]\nkey = "sk-1"\n'
    )
    assert wishes.minutes == 5
    assert wishes.search.top_k == 4
    assert wishes.search.retriever == "auto"
    assert wishes.stated == {"citations": True}
    assert {f.line: f.field for f in faults} == {
        3: "search.retriever",
        6: "requirements.lookup_share",
        8: "requirements.mood",
        10: "endpoint.key",
    }


CONFIG_FAULTS = {  # text of the file: what is said of it
    "a = 1\nb = = 2\n": "assess.toml line 2: is not TOML (",
    "minutes = 0": "assess.toml line 1: field 'minutes': is 0; it should be greater than 0",
    "minutes = true": "assess.toml line 1: field 'minutes': is True; it should be a valid number",
    "title = 3": "assess.toml line 1: field 'title': is 3; it should be a valid string",
    "titel = 3": "assess.toml line 1: field 'titel': is not known; there are title, minutes, lan",
    "search = 3": "assess.toml line 1: field 'search': is 3; it should be a table [search]",
    "[serch]\nx = 1": "assess.toml line 1: field 'serch': is not known; there are title, minutes",
    '[search]\nretriever = "magic"': (
        "assess.toml line 2: field 'search.retriever': is 'magic'; it should be 'auto', 'dense',"
    ),
    "[search]\ntop_k = 50": (
        "assess.toml line 2: field 'search.top_k': is 50; it should be less than or equal to 20"
    ),
    "[search]\nmood = 1": (
        "assess.toml line 2: field 'search.mood': is not known; there are retriever, top_k"
    ),
    "[access]\nopen_keys = ['a', 1]": (
        "assess.toml line 2: field 'access.open_keys': is 1; it should be a valid string"
    ),
    "[access]\nopen_keys = 'a'": (
        "assess.toml line 2: field 'access.open_keys': is 'a'; it should be a valid list"
    ),
    "[requirements]\nmood = 1": (
        "assess.toml line 2: field 'requirements.mood': is not known; there are action_share"
    ),
    "[requirements]\nlookup_share = 80": (
        "assess.toml line 2: field 'requirements.lookup_share': is 80; it takes a share from 0 to"
        " 1; did you mean 0.8?: Of the others, which share"
    ),
    "[requirements]\nprice_in = []": (
        "assess.toml line 2: field 'requirements.price_in': is []; it takes a number of EUR"
    ),
}


@pytest.mark.parametrize("text", CONFIG_FAULTS)
def test_a_fault_of_assess_toml_says_where_what_and_what_to_write(text):
    (fault,) = read_config(text)[1]
    assert str(fault).startswith(CONFIG_FAULTS[text])


def test_every_requirement_stands_in_the_template_and_works_without_its_mark():
    stated = template().replace("\n# ", "\n").split("[requirements]")[1]
    wishes, faults = read_config("[requirements]" + stated)
    assert faults == []
    assert set(wishes.stated) == set(FIELDS)


def test_the_example_folder_reads_without_a_fault_and_is_never_written_over(tmp_path):
    own = read_user_folder(write_example(tmp_path / "example"))
    assert own.faults == ()
    assert len(own.questions) == 60
    assert len(own.examples) == 160
    assert own.schema.kind == "object"
    assert own.documents
    assert sum(bool(case.gold.evidence) for case in own.questions) == sum(
        bool(case.gold.answers) for case in own.questions
    )
    with pytest.raises(DataError, match="not empty"):
        write_example(tmp_path / "example")


def test_the_exported_example_reads_without_a_fault_in_the_forms_of_other_programs(tmp_path):
    own = read_user_folder(write_example(tmp_path / "example", exported=True))
    assert own.faults == ()
    assert len(own.questions) == 60
    assert len(own.examples) == 160
    assert any(case.gold.evidence for case in own.questions)
    assert set(own.examples[0].gold.output) == {"category", "product", "priority", "needs_human"}
    assert not (tmp_path / "example" / "schema.json").exists()


def test_another_folder_has_another_fingerprint(folder):
    before = read_user_folder(folder, dt.date(2026, 3, 2)).fingerprint
    assert read_user_folder(folder, dt.date(2026, 3, 2)).fingerprint == before
    (folder / "documents" / "visit.txt").write_text(
        "Guests get a badge for 4 days.\n", encoding="utf-8"
    )
    assert read_user_folder(folder, dt.date(2026, 3, 2)).fingerprint != before


# --- who may read it ------------------------------------------------------------------------------


def closed_page(folder):
    (folder / "documents" / "pay.md").write_text(
        "---\ntitle: Pay\nreaders: [hr]\n---\n\nThe CEO earns 91.\n", encoding="utf-8"
    )


def test_a_closed_page_is_named_with_the_line_that_opens_it(folder):
    closed_page(folder)
    (fault,) = read_user_folder(folder).faults
    assert str(fault) == (
        "documents/pay.md: front matter may say who may read it, or when: 'readers'; if everybody"
        ' may, open_keys = ["readers"] opens it (under [access] in assess.toml)'
    )


def test_that_line_opens_it(folder):
    closed_page(folder)
    (folder / "assess.toml").write_text('[access]\nopen_keys = ["readers"]\n', encoding="utf-8")
    own = read_user_folder(folder)
    assert "pay" in [document.id for document in own.documents]
    assert own.faults == ()


def test_where_a_page_is_closed_rights_were_asked_for(folder):
    assert requirements_of(read_user_folder(folder))[0].access is False
    closed_page(folder)
    assert requirements_of(read_user_folder(folder))[0].access is True


def test_a_folder_whose_name_speaks_of_access_draws_a_remark(folder):
    (folder / "documents" / "_private").mkdir()
    (folder / "documents" / "_private" / "pay.txt").write_text("The CEO earns 91.", "utf-8")
    (remark,) = read_user_folder(folder).remarks
    assert str(remark).startswith("documents/_private: seems to be about who may read the 1 doc")


def test_remarks_stand_in_the_report_and_the_json(folder):
    (folder / "documents" / "_private").mkdir()
    (folder / "documents" / "_private" / "pay.txt").write_text("The CEO earns 91.", "utf-8")
    own = read_user_folder(folder)
    requirements, sources = requirements_of(own)
    results = report.Results(
        own, {}, {}, [], None, [], [], decide(requirements, load_findings()), sources, "m", 1, 1
    )
    (remark,) = own.remarks
    assert str(remark) in str(report.parts(results))
    assert report.as_json(results)["remarks"][0]["file"] == "documents/_private"


def two_groups(folder):
    for name in ("HR", "Board"):
        (folder / "documents" / f"{name}.md").write_text(
            f"---\nid: {name.lower()}\npolicy: {name.lower()}\ntitle: a\nsection: a\n"
            "owner: a\nversion: 1\n"
            "effective_from: 2024-01-01\nsupersedes: null\n"
            f"audience: [{name}]\nregion: all\n---\n\nx\n",
            encoding="utf-8",
        )


@pytest.mark.parametrize(
    ("group", "nearest"),
    [("hr", "; there is 'HR'"), ("Hr ", "; there is 'HR'"), ("zorbl", "; there are Board, HR")],
)
def test_a_group_that_no_document_names_is_told_with_the_nearest(folder, group, nearest):
    two_groups(folder)
    rows(folder / "questions.jsonl", {"question": "q?", "answers": ["x"], "groups": [group]})
    own = read_user_folder(folder)
    assert [str(fault) for fault in own.faults] == [
        f"questions.jsonl line 1: field 'groups': {group!r} is named by no document{nearest};"
        " the question counts, and finds nothing by this group"
    ]


def test_a_group_is_told_once_however_many_questions_name_it(folder):
    two_groups(folder)
    asked = [{"question": f"q{i}?", "answers": ["x"], "groups": ["hr"]} for i in range(3)]
    rows(folder / "questions.jsonl", *asked)
    (fault,) = read_user_folder(folder).faults
    assert str(fault).endswith("finds nothing by this group; 2 more lines say the same")


def test_a_user_may_be_in_further_groups_that_no_document_names(folder):
    two_groups(folder)
    rows(
        folder / "questions.jsonl",
        {"question": "q?", "answers": ["x"], "groups": ["HR", "warehouse"]},
    )
    assert read_user_folder(folder).faults == ()


def test_groups_that_documents_name_draw_no_fault(folder):
    rows(
        folder / "questions.jsonl",
        {"question": "q?", "answers": ["x"], "groups": [EVERYBODY]},
        {"question": "r?", "answers": ["x"], "groups": []},
    )
    assert read_user_folder(folder).faults == ()
