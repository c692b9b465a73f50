"""A page whose header may say who may read it is closed and named, whatever the key and the form;
harmless keys, and values that say open, close nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from support.files import pdf, put

from helpers.core.records import DataError
from helpers.data.front_matter import HARMLESS, closing, split
from helpers.data.ingest import read_folder

SECRET = "The CEO earns 91.\n"
# known to some tool, invented, and in other languages
NAMES = (
    "internal readers allowed_users hidden sensitivity tlp clearance security privacy members-only"
    " nda unlisted password authorized owner-only team entitlement viewers who_can_see can_read"
    " eyes_only archived deprecated obsolete valid_until spaceKey allow deny scope need_to_know"
    " limited listed only_for Audience acl roles permissions groups visibility restricted"
    " confidential private protected secret classification draft published expires embargo"
    " vertraulich zugriff sichtbarkeit leserkreis lecteurs confidentiel diffusion visibilidad"
    " riservato доступ 機密 سري zorbl q7-flag x_y_z"
)
KEYS = NAMES.split()


def only(folder: Path, name: str, text: str, open_keys=()):
    """What one look at a folder with this one file gave."""
    put(folder, name, text)
    return read_folder(folder, ["staff"], open_keys=open_keys)


def why_closed(folder: Path, name: str, text: str) -> str:
    found = only(folder, name, text)
    assert found.documents == [], found.documents[0].text
    return found.unreadable[0].message


def test_there_are_sixty_keys():
    assert len(set(KEYS)) >= 60


HEADERS = {
    "yaml": "---\ntitle: Pay\n{key}: [hr]\n---\n\n",
    "nested": "---\ntitle: Pay\nparams:\n  - {{{key}: hr}}\n---\n\n",
    "toml": '+++\ntitle = "Pay"\n[extra.menu]\n"{key}" = "hr"\n+++\n\n',
    "json": '{{"title": "Pay", "{key}": ["hr"]}}\n\n',
    "lines": "Title: Pay\n{key}: hr\n\n",
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_is_not_known_to_be_harmless_closes_and_is_named(tmp_path, key):
    expected = {}
    for form, header in HEADERS.items():
        for case, spelt in {"as-it-is": key, "upper-case": key.upper()}.items():
            put(tmp_path, f"{form}-{case}.md", header.format(key=spelt) + SECRET)
            expected[f"{form}-{case}.md"] = (spelt,)
    found = read_folder(tmp_path, ["staff"])
    assert found.closed == expected
    for fault in found.unreadable:
        (spelt,) = expected[fault.file]
        assert (
            f"'{spelt}'; if everybody may, open_keys = [{json.dumps(spelt, ensure_ascii=False)}]"
            in (fault.message)
        )


FORMS = {
    "closed by dots": "---\nreaders: [hr]\n...\n\n",
    "not closed": "---\nreaders: [hr]\n\n",
    "named": "---yaml\nreaders: [hr]\n---\n\n",
    "named apart": "--- # yaml\nreaders: [hr]\n---\n\n",
    "named json": '---json\n{"readers": ["hr"]}\n---\n\n',
    "named toml": '---toml\nreaders = ["hr"]\n---\n\n',
    "four dashes": "----\nreaders: hr\n----\n\n",
    "toml": '+++\nreaders = ["hr"]\n+++\n\n',
    "toml, not closed": '+++\nreaders = ["hr"]\n\n',
    "toml, broken": "+++\nreaders = hr\n+++\n\n",
    "json": '{\n  "readers": ["hr"]\n}\n',
    "json, broken": '{\n  "readers": [hr]\n}\n\n',
    "semicolons": ';;;\n{"readers": ["hr"]}\n;;;\n\n',
    "semicolons without braces": ';;;\n"readers": ["hr"]\n;;;\n\n',
    "after a comment": "<!-- made by hand -->\n---\nreaders: [hr]\n---\n\n",
    "in a comment": "<!--\n---\nreaders: [hr]\n---\n-->\n\n",
    "in a comment that opens twice": "<!-- <!-- readers: hr -->\n\n",
    "lines in a comment": "<!-- readers: hr -->\n\n",
    "after a heading": "# Pay\n---\nreaders: [hr]\n---\n\n",
    "after an underlined heading": "Pay\n===\n\nReaders: hr\n\n",
    "after another": "---\ntitle: Pay\n---\n\n---\nreaders: [hr]\n---\n\n",
    "after empty lines": "\n\n---\nreaders: [hr]\n---\n\n",
    "MultiMarkdown": "Readers: HR only\n\n",
    "MultiMarkdown, several lines": "Title: Pay\nReaders: HR,\n    the board\n\n",
    "Notion": "# Pay\n\nOwner: Ann\nReaders: Managers only\n\n",
    "AsciiDoc": "= Pay\n:readers: hr\n:toc:\n\n",
    "reStructuredText": "===\nPay\n===\n\n:Readers: hr\n\n",
    "a directive": ".. meta::\n   :readers: hr\n\n",
    "Logseq": "readers:: hr\n\n",
    "org-mode": "#+READERS: hr\n\n",
    "in bold": "**Readers:** HR  \n**Owner:** Ann\n\n",
    "quoted": "> Readers: HR\n\n",
    "no space": "Readers:HR\n\n",
    "equals": "---\nreaders=hr\n---\n\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["pay.md", "pay.txt"])
def test_every_form_of_a_header_closes(tmp_path, form, name):
    assert "front matter" in why_closed(tmp_path, name, FORMS[form] + SECRET)


def test_in_markdown_dashes_on_top_are_front_matter_whatever_follows(tmp_path):
    assert "front matter" in why_closed(tmp_path, "pay.md", "---\nhr only\n---\n\n" + SECRET)


@pytest.mark.parametrize(
    "page",
    [
        "---\nreaders: [hr]\n---\n<p>The CEO earns 91.",
        '<meta name="audience" content="hr"><p>The CEO earns 91.',
        '<meta name="robots" content="noindex, follow"><p>The CEO earns 91.',
        '<meta property="article:readers" content="hr"><p>The CEO earns 91.',
        '<meta itemprop="readers" content="hr"><p>The CEO earns 91.',
        '<META NAME="DCTERMS.accessRights" CONTENT="hr"><p>The CEO earns 91.',
        "<h1>Pay</h1><p>Readers: Managers only</p><p>The CEO earns 91.",
        "<!-- readers: hr --><p>The CEO earns 91.",
    ],
)
def test_pages_in_html_close_too(tmp_path, page):
    assert "front matter" in why_closed(tmp_path, "pay.html", page)


@pytest.mark.parametrize(
    "page",
    [
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        '<meta http-equiv="Content-Type" content="text/html"><meta name="generator" content="x">',
        '<meta name="robots" content="index, follow"><meta property="og:title" content="Pay">',
        '<meta name="twitter:card" content="summary"><meta name="theme-color" content="#fff">',
        '<meta property="article:published_time" content="2020-01-01T00:00:00Z">',
    ],
)
def test_what_every_page_in_html_says_closes_nothing(tmp_path, page):
    found = only(tmp_path, "pay.html", page + "<p>The CEO earns 91.")
    assert [d.text for d in found.documents] == ["The CEO earns 91."]


def test_a_label_in_a_pdf_closes_it(tmp_path):
    data = pdf("The CEO earns 91.", about={"/MSIP_Label_1_Name": "Confidential"})
    assert "'MSIP_Label_1_Name'" in why_closed(tmp_path, "pay.pdf", data)


def test_what_every_pdf_says_closes_nothing(tmp_path):
    names = "Author Subject Keywords Creator Producer CreationDate ModDate Trapped PTEX.Fullbanner"
    about = {f"/{name}": "x" for name in names.split()}
    assert len(only(tmp_path, "pay.pdf", pdf("The CEO earns 91.", about=about)).documents) == 1


@pytest.mark.parametrize(
    "header",
    [
        "draft: false",
        "published: true",
        "hidden: false",
        "private: no",
        "archived: 'false'",
        "visibility: public",
        "access: Everyone",
        "status: published",
        "tlp: CLEAR",
        "publishDate: 2020-01-01",
        "id: intro\nsidebar_position: 3\nslug: /intro",
        "date: 2024-05-01T10:00:00+02:00\nweight: 10\ntags: [a]\ncategories: [b]\nauthor: Ann",
        "menu:\n  main:\n    weight: 3\n    parent: docs",
        "Title: Pay\nLANG: de\nlast-modified: 2024-01-01",
    ],
)
@pytest.mark.parametrize("end", ["---", "..."])
def test_harmless_keys_and_values_that_say_open_close_nothing(tmp_path, header, end):
    found = only(tmp_path, "pay.md", f"---\n{header}\n{end}\n\n{SECRET}")
    assert [d.text for d in found.documents] == [SECRET]


@pytest.mark.parametrize(
    "header",
    [
        "draft: true",
        "published: false",
        "published: 2999-01-01",
        "hidden: ''",
        "visibility: internal",
        "listed: false",
        "index: false",
        "class: secret",
        "status: archived",
        "readers: public",
        "internal: false\nzorbl: 1",
        "readers: []",
        "draft: {for: hr}",
        "hidden: [false]",
    ],
)
def test_what_does_not_clearly_say_open_closes(tmp_path, header):
    assert "front matter" in why_closed(tmp_path, "pay.md", f"---\n{header}\n---\n\n{SECRET}")


def test_front_matter_in_toml_and_json_gives_the_title_and_is_no_text(tmp_path):
    put(tmp_path, "a.md", f'+++\ntitle = "Pay"\ndate = 2024-05-01\ndraft = false\n+++\n\n{SECRET}')
    put(tmp_path, "b.md", f'{{"title": "Pay", "draft": false}}\n\n{SECRET}')
    found = read_folder(tmp_path, ["staff"])
    assert [(d.title, d.text) for d in found.documents] == [("Pay", SECRET)] * 2


@pytest.mark.parametrize("spelling", ["internal", "Internal", "INTER-NAL"])
def test_a_key_that_the_user_opens_is_open_in_every_spelling(tmp_path, spelling):
    page = f"---\n{spelling}: true\n---\n\n{SECRET}"
    assert len(only(tmp_path, "pay.md", page, open_keys=["internal"]).documents) == 1


def test_an_opened_key_opens_no_other(tmp_path):
    page = f"---\ninternal: true\nnda: true\n---\n\n{SECRET}"
    assert only(tmp_path, "pay.md", page, open_keys=["internal"]).closed == {"pay.md": ("nda",)}


def test_no_opened_key_widens_an_audience_that_is_whole(tmp_path):
    page = (
        "---\nid: pay\npolicy: pay\ntitle: Pay\nsection: hr\nowner: hr\nversion: 1\n"
        "effective_from: 2024-01-01\nsupersedes: null\naudience: [hr]\nregion: all\n---\n\n"
    )
    (document,) = only(tmp_path, "pay.md", page + SECRET, open_keys=["audience"]).documents
    assert document.meta.audience == ["hr"]


def test_an_audience_that_is_not_whole_says_what_it_needs(tmp_path):
    message = why_closed(tmp_path, "pay.md", f"---\ntitle: Pay\naudience: [hr]\n---\n\n{SECRET}")
    assert (
        "a page that names its audience needs all of id, policy, title, section, owner" in message
    )


def test_a_rule_on_top_is_told_from_front_matter(tmp_path):
    message = why_closed(tmp_path, "pay.md", f"---\n\n{SECRET}\n---\n\nMore.\n")
    assert "if it is meant as a rule, write *** there" in message


def test_the_reason_is_one_sentence_and_no_drawing_of_the_parser(tmp_path):
    message = why_closed(tmp_path, "pay.md", f"---\ntitle: {{{{ x }}}}\n---\n\n{SECRET}")
    assert message == (
        "front matter cannot be read (line 2: found unhashable key), so who may read this page is"
        " not known; correct it or take it out"
    )


PROSE = (
    "Refunds for members take 14 days: no longer.\n\nMore.\n",
    ":command:`if` knows numbers.\n\nMore.\n",
    "See https://example.org/a for more.\n\nMore.\n",
    "The rules:\n- one\n- two\n\nMore.\n",
    "At 9:30 the gates open.\n\nMore.\n",
    "Question: How much?\nAnswer: 18 euros.\n\nQuestion: When?\nAnswer: Now.\n",
    "Readers: this is the only paragraph.\n",
    "-----\nWelcome\n-----\n\nMore.\n",
    "# Pay\n\nText first.\n\nReaders: hr\n\nMore.\n",
    "# Pay\n\n---\n\nText below a rule.\n\n---\n\nMore.\n",
    "Dear all:\n\nWe open at nine.\n",
    "{{ macro }}\n\nMore.\n",
    "<!-- a remark -->\n\nMore.\n",
)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not_taken_for_a_header(tmp_path, text):
    found = only(tmp_path, "pay.txt", text)
    assert [d.text for d in found.documents] == [text]


def test_no_harmless_key_is_listed_in_a_spelling_that_is_never_compared():
    assert all(key == "".join(c for c in key.casefold() if c.isalnum()) for key in HARMLESS)


@given(st.text(max_size=60))
def test_any_text_is_split_or_refused_and_loses_nothing_of_its_end(text):
    try:
        body = split(text).body
    except DataError:  # a header that cannot be read closes the page
        return
    assert text.endswith(body)


@given(
    st.recursive(
        st.just({"zorbl": 1}),
        lambda inside: st.one_of(
            st.lists(inside, min_size=1, max_size=2),
            st.dictionaries(st.sampled_from(["title", "params", "menu"]), inside, min_size=1),
        ),
        max_leaves=4,
    ).filter(lambda fields: isinstance(fields, dict))
)
def test_a_key_is_found_however_deep_it_lies(fields):
    assert closing([fields]) == ["zorbl"]


def test_folders_and_files_that_speak_of_access_draw_a_remark(tmp_path):
    for name in ("_private/a.md", "hr/b.md", "Vertraulich/c.md", "open/d.md"):
        put(tmp_path, name, SECRET)
    put(tmp_path, "hr/.access.yml", "readers: [hr]\n")
    found = read_folder(tmp_path, ["staff"])
    assert {one.file for one in found.remarks} == {"_private", "hr/.access.yml", "Vertraulich"}


@pytest.mark.parametrize(
    "text",
    ["<!--" * 300_000, "# a\n" * 800_000, "a: b\n===\n" * 300_000, "k: v\n " * 500_000],
    ids=["comments", "headings", "underlined", "lines that go on"],
)
def test_headers_made_to_hang_do_not(tmp_path, text):
    """In a process of its own, so that a hang is a failure and not the end of the tests."""
    put(tmp_path, "a.txt", text)
    program = (
        "from pathlib import Path; from helpers.data.front_matter import split;"
        f" split(Path({str(tmp_path / 'a.txt')!r}).read_text()); print('read')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout == "read\n", done.stderr
