"""What does a page say of itself before its text, and may everybody read it all the same? Front
matter in YAML, TOML or JSON, and lines `Key: value`, whatever the suffix.

A page is closed by every key that is not known to be harmless: a list of forbidden words is never
complete, and a page that is closed by mistake is named, while an open one is not. Not recognised:
headers written as a list or a table, and properties in the same paragraph as the text.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import yaml

from helpers.core.records import DataError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Small letters and digits only, as `_flat` leaves them: layout, dates, authors, menus, metadata
# of pages in HTML and of PDF files, and the words that open a question and its answer.
HARMLESS = _words("""
    title subtitle shorttitle longtitle headline heading name id identifier uid uuid slug permalink
    url uri link href canonical canonicalurl alias aliases redirect redirectfrom redirectto
    redirects description summary abstract excerpt intro lead tagline subject topic topics keyword
    keywords tag tags category categories taxonomy taxonomies series collection type kind format
    genre section chapter part page number version revision edition date day time created createdat
    createdon datecreated creationdate creationtime modified modifiedat datemodified modifiedtime
    moddate updated updatedat updatedtime lastmod lastmodified lastmodifiedat lastupdate lastupdated
    lastupdatedat lastedited lastreviewed reviewed year month copyright copyrightyear license
    licence spdxlicenseidentifier author authors authorname byline by creator contributor
    contributors editor editors maintainer maintainers writer owner publisher producer company
    source sources origin generator createdby madeby software tool layout template theme style
    classes cssclass cssclasses bodyclass css js scripts font color colour background icon
    emoji logo image images img thumbnail cover banner hero feature featured featuredimage
    coverimage teaser alt altimage caption photo picture gallery video audio width height size
    weight order position rank priority sort sortorder navorder navtitle nav navigation
    navbar menu menus menutitle main footer header sidebar sidebarposition sidebarlabel
    sidebartitle parent grandparent grandgrandparent child children haschildren prev previous next
    pre post breadcrumb breadcrumbs toc toctitle toclevels tocmaxheadinglevel tocminheadinglevel
    tocdepth tableofcontents outline numbered numbersections sectnums sectanchors params extra
    custom meta metadata data config options settings resources src text actions action
    variant details features lang language locale languages translationkey translation charset
    encoding markup math katex mathjax mermaid highlight syntax codefold comments readingtime
    readtime wordcount minutes estimatedtime difficulty isbn doi issn bibliography csl citation
    references documentclass output editurl customediturl editlink paginationnext paginationprev
    paginationlabel hidetitle hidetableofcontents slidelevel jupytext jupyter kernelspec
    displayname notitle noheader linktitle pagetitle seotitle metatitle seodescription
    metadescription pagination paginate sortby insertanchorlinks
    viewport themecolor colorscheme contenttype contentlanguage contentscripttype
    contentstyletype xuacompatible refresh referrer formatdetection handheldfriendly
    mobileoptimized applicationname mobilewebappcapable applemobilewebappcapable
    applemobilewebappstatusbarstyle applemobilewebapptitle appleitunesapp msapplicationtilecolor
    msapplicationtileimage msapplicationconfig googlesiteverification msvalidate01
    yandexverification facebookdomainverification nextheadcount progid site sitename card domain
    creatorid siteid label1 label2 data1 data2 localealternate imagewidth imageheight imagealt
    imagetype imagesecureurl imageurl videourl appid admins
    trapped ptexfullbanner sourcemodified gtspdfxversion
    about since stability extends libraryname pipelinetag datasets
    question answer q a faq note tip hint example warning important attention caution todo
    """)
# these open a page where they say no ...
CLOSES = _words("""
    draft isdraft hidden ishidden hide internal private isprivate confidential restricted protected
    secret unlisted archived deprecated obsolete expired embargo noindex membersonly nda
    """)
# ... these where they say yes, or name a day that has come ...
OPENS = _words("""
    index published ispublished publish
    public ispublic listed visible publishdate pubdate publisheddate
    datepublished publishedat publishedon publishedtime publicationdate issued
    """)
# ... and these where they say nothing but words of their list
PUBLIC = _words("public everyone everybody anyone world all open")
INDEXED = _words("index follow nofollow all")
WORDS = {
    **dict.fromkeys(
        _words("visibility access privacy sharing permission permissions sensitivity"), PUBLIC
    ),
    "classification": PUBLIC | {"unclassified"},
    "status": _words("published publish public current active final live stable"),
    "tlp": _words("clear white"),
    "hide": _words("toc navigation footer path"),  # parts of the page, not the page
    **dict.fromkeys(_words("robots googlebot bingbot"), INDEXED),
}
# of names in HTML: whose vocabulary it is
VOCABULARY = re.compile(r"(?:article|og|twitter|dc|dcterms)[.:]")

BLANK = re.compile(r"\s*")
PARAGRAPH = re.compile(r"\n[ \t]*(?:\n|\Z)|\n(?=-{3,}[ \t]*$)|\Z", re.MULTILINE)
COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)", re.DOTALL)
# of Markdown, AsciiDoc and reStructuredText; and the line above its fields
HEADING = re.compile(
    r"(?:(?P<over>[=\-~^*+#]{3,})\n)?(?:#{1,6}[ \t].*|={1,6}[ \t].*|\.\.[ \t]meta::.*"
    r"|\S.*\n(?:={3,}|-{3,}|~{3,}|\^{3,}))(?:\n|\Z)"
)
FENCE = re.compile(r"(-{3,}|\+{3,}|;{3,})[ \t]*(?:\#?[ \t]*(yaml|yml|toml|json))?[ \t]*(?:\n|\Z)")
# a key of one to four words, plain, quoted, bold, or between colons, and what it says
KEY = re.compile(
    r"[ \t]*(?:>[ \t]*)?(?:\#\+|:(?=[^\s:]))?[\"'`*_]*(?P<key>[^\W\d_][^\s:=\"'`*]{0,60}"
    r"(?:[ \t][^\s:=\"'`*]{1,60}){0,3})[\"'`*_]*(?P<to>::?(?![/\\:\d`])|[ \t]*=)[*_]*"
    r"[ \t]*(?P<value>.*)"
)


# headings, comments and headers that are looked at: each may cost a look at the whole file
LEADING_PARTS = 50


class Split(NamedTuple):
    """headers: what each leading block says, as YAML, TOML or JSON give it. body: the text below
    those that a tool would take away."""

    headers: list[Any]
    body: str


def split(text: str, strict: bool = False) -> Split:
    """Which headers stand above a text? Those after a heading, and lines `Key: value`, stay part of
    the body: they may be text.

    strict: a rule on top always opens front matter, as in Markdown; else only where keys follow.
    Raises DataError where a header cannot be read.
    """
    headers: list[Any] = []
    cut, heads, at = 0, False, BLANK.match(text).end()
    start = at
    for _ in range(LEADING_PARTS):
        fence = FENCE.match(text, at)
        found = _fenced(text, fence, strict and at == start) if fence else _object(text, at)
        if found:
            header, at = found
            headers.append(header)
            cut = cut if heads else at
        elif comment := COMMENT.match(text, at):
            # the point stands for a text below; a comment holds no other
            headers += split(f"{comment[1].replace('<!--', '')}\n\n.").headers
            at = comment.end()
        elif lines := _lines(text, at):
            headers += lines
            break
        elif heading := HEADING.match(text, at):
            at, heads = heading.end(), True
        else:
            break
        at = BLANK.match(text, at).end()
    return Split(headers, text[cut:])


def _fenced(text: str, fence: re.Match, always: bool) -> tuple[Any, int] | None:
    """(what stands between two fences, where the text goes on); None where this is a rule."""
    mark, kind = fence[1], fence[2] or ("toml" if fence[1][0] == "+" else "yaml")
    ends = "|".join(map(re.escape, [mark, "..."] if mark[0] == "-" else [mark]))
    close = re.compile(rf"^(?:{ends})[ \t]*(?:\n\n?|\Z)", re.MULTILINE).search(text, fence.end())
    inside = text[fence.end() : close.start() if close else len(text)]
    first = inside.lstrip() if close else inside
    if not always and not (KEY.match(first) or first.startswith("{")):
        return None
    rule = f"; if it is meant as a rule, write *** there instead of {mark}" if always else ""
    if close is None:
        raise DataError(f"front matter is not closed; write {mark} below its last key{rule}")
    fields = _parsed(inside, kind, mark, text.count("\n", 0, fence.end()) + 1)
    if not isinstance(fields, dict) and inside.strip():
        raise DataError(f"front matter must be 'key: value' lines{rule}")
    return fields, close.end()


def _parsed(inside: str, kind: str, mark: str, line: int) -> Any:
    """What a header says. line: the first of it in the file, for the message."""
    try:
        if kind == "toml":
            return tomllib.loads(inside)
        if kind == "json" or inside.lstrip().startswith("{"):
            try:
                return json.loads(inside)
            except ValueError:
                pass  # YAML may still know it
        if mark[0] == ";" and not inside.lstrip().startswith("{"):
            inside = "{" + inside + "}"
        return yaml.safe_load(inside)
    except yaml.MarkedYAMLError as error:
        place = f"line {line + error.problem_mark.line}: " if error.problem_mark else ""
        reason = f"{place}{error.problem}"
    except (yaml.YAMLError, ValueError) as error:  # also a day that is none
        reason = " ".join(str(error).split())
    raise _unreadable(reason)


def _unreadable(reason: str) -> DataError:
    return DataError(
        f"front matter cannot be read ({reason}), so who may read this page is not known; correct"
        " it or take it out"
    )


def _object(text: str, at: int) -> tuple[Any, int] | None:
    """(a JSON object on top, where the text goes on); None where no object begins."""
    if not re.compile(r"\{\s*\"[^\"\n]*\"\s*:").match(text, at):
        return None
    try:
        fields, end = json.JSONDecoder().raw_decode(text, at)
    except ValueError as error:
        raise _unreadable(str(error)) from error
    return fields, re.compile(r"[ \t]*\n?\n?").match(text, end).end()


def _lines(text: str, at: int) -> list[dict[str, str]]:
    """What the first paragraph says, where all of it is lines `Key: value` with a text below; empty
    where it is prose."""
    if not KEY.match(text, at):
        return []
    end = PARAGRAPH.search(text, at)
    keys: list[tuple[str, list[str]]] = []
    for line in text[at : end.start()].split("\n"):
        found = KEY.match(line)
        if keys and line[:1].isspace():  # goes on with the value above
            keys[-1][1].append(line.strip())
        elif found and found["to"].startswith(":"):
            keys.append((found["key"], [found["value"].strip(" \t*_")]))
        else:
            return []
    fields = [{key: " ".join(parts).strip()} for key, parts in keys]
    below = re.compile(r"\S").search(text, end.end())
    return fields if below and any(value for one in fields for value in one.values()) else []


def closing(headers: Sequence[Any], open_keys: Collection[str] = ()) -> list[str]:
    """Which keys close a page, as they are spelt there? Every one at any depth that is neither
    harmless nor one of `open_keys`, and whose value does not say "open"."""
    harmless = HARMLESS | {_flat(key) for key in open_keys}
    found: dict[str, None] = {}
    seen: set[int] = set()
    waiting = list(headers)
    for part in waiting:  # it grows on the way; each part is looked at once, whatever refers to it
        if id(part) in seen or not isinstance(part, dict | list | tuple | set):
            continue
        seen.add(id(part))
        if isinstance(part, tuple) and len(part) == 2:  # a pair of YAML's !!omap
            part = {part[0]: part[1]}
        if isinstance(part, dict):
            for key, value in part.items():
                flat = _flat(str(key))
                if flat not in harmless and not _says_open(flat, value):
                    found[str(key)] = None
        waiting.extend(part.values() if isinstance(part, dict) else part)
    return list(found)


def _flat(key: str) -> str:
    """A key without case, separators and vocabulary: members-only, membersOnly, Members_Only."""
    key = VOCABULARY.sub("", unicodedata.normalize("NFKC", key).casefold(), count=1)
    return "".join(c for c in key if c.isalnum())


def _says_open(key: str, value: Any) -> bool:
    """Does the value of a key about access say that everybody may read the page?"""
    value = value.strip().casefold() if isinstance(value, str) else value
    if key in CLOSES and value in (False, "false", "no", "off"):
        return True
    if key in OPENS:
        return value in (True, "true", "yes", "on") or _has_come(value)
    if key in WORDS:
        words = re.split(r"[,\s]+", value) if isinstance(value, str) else value
        return (
            isinstance(words, list)
            and bool(words)
            and all(str(word).casefold() in WORDS[key] for word in words)
        )
    return False


def _has_come(value: Any) -> bool:
    """Is it a day, and not one in the future?"""
    try:
        return dt.date.fromisoformat(str(value)[:10]) <= dt.date.today()
    except ValueError:
        return False
