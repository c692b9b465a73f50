"""Scripts that put no space between words: found by pairs of characters, cut at their sentence
ends."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.retrieval import bm25
from helpers.retrieval.bm25 import Lexical, words
from helpers.retrieval.chunking import cut

ZH = "访客证有效期为三天。员工每年有十一天带薪年假！迟到怎么办？请联系经理。" * 6
JA = (
    "入館証の有効期間は三日間です。社員の年次休暇は十一日です！遅刻したら？上司に連絡してください。"
    * 4
)
TH = "บัตรผู้เยี่ยมชมใช้ได้สามวัน พนักงานมีวันลาพักร้อนสิบเอ็ดวัน ติดต่อผู้จัดการ " * 6


def first(question, texts):
    found = Lexical(texts).best(question, np.ones(len(texts), bool), 1)
    return found[0][0] if found else None


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        ("年假有多少天？", ["食堂八点开门。", "员工每年有十一天带薪年假。"]),
        ("年次休暇は何日ですか", ["食堂は八時に開く。", "社員の年次休暇は十一日です。"]),
        ("วันลาพักร้อนกี่วัน", ["โรงอาหารเปิดแปดโมง", "พนักงานมีวันลาพักร้อนสิบเอ็ดวัน"]),
        ("연차는 며칠입니까", ["식당은 여덟 시에 연다.", "직원의 연차는 열하루이다."]),
        ("海", ["食堂は八時に開く。", "海"]),
    ],
)
def test_bm25_finds_words_inside_a_sentence(question, texts):
    assert first(question, texts) == 1


def test_spaced_text_reaches_bm25_as_it_is():
    text = "Don't cut “grade 7”, naïve £1,350 — Ελλάδα, Москва, हिन्दी, שלום, العربية!"
    assert bm25.spaced(text) is text


def test_each_character_counts_where_chunks_are_counted():
    assert len(words("员工有11天 leave。")) == 7


@pytest.mark.parametrize("strategy", ["tokens", "recursive", "sentences", "headings"])
@pytest.mark.parametrize("text", [ZH, JA])
def test_a_chunk_ends_where_a_sentence_does(text, strategy):
    assert {text[end - 1] for _, end in cut(text, 40, 8, strategy, words)} <= set("。！？")


@pytest.mark.parametrize("strategy", ["tokens", "recursive", "sentences", "headings"])
@pytest.mark.parametrize("text", [ZH, JA])
def test_a_chunk_begins_where_a_sentence_does(text, strategy):
    starts = [start for start, _ in cut(text, 40, 8, strategy, words)]
    assert all(start == 0 or text[start - 1] in "。！？" for start in starts)


def test_thai_is_cut_at_its_spaces():
    ends = [end for _, end in cut(TH, 60, 0, "tokens", words)]
    assert all(end == len(TH.rstrip()) or TH[end] == " " for end in ends)


@pytest.mark.parametrize("text", [ZH, JA, TH])
def test_no_chunk_of_such_a_text_is_too_long(text):
    assert max(len(words(text[a:b])) for a, b in cut(text, 40, 8, "tokens", words)) <= 40


def test_a_quote_closes_the_sentence_it_stands_in():
    text = "他说：「三天。」然后走了。" * 8
    assert {text[end - 1] for _, end in cut(text, 20, 0, "sentences", words)} <= set("」。")
