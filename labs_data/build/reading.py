"""Make the reading rows (train.jsonl, dev.jsonl) from the hand-written passages in
reading_worlds.jsonl.

    python labs_data/build/reading.py                   write labs_data/reading/train.jsonl and
                                                        dev.jsonl
    python labs_data/build/reading.py --check [FOLDER]  test sources and rows; no 8-gram may be
                                                        shared with any file in FOLDER

A row shows a reader 2 to 5 numbered passages and a question. Most rows hold the passage that
answers it (`cite` is its number, from 1); about 22 % do not, and the right reply is "I don't know"
(`cite` is null). Distractors come from the same invented world where possible. The first is the
passage's sibling (`near`: the same rule for another branch or another season) or else the passage
of that world closest to the question in words. Dev rows use worlds that train rows never touch. The
same seed gives the same bytes. Standard library only.
"""

import argparse
import collections
import json
import random
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
# written for the next reader: more worlds, genres, tables and lengths; no row is made of them yet
MORE, MORE_LENGTHS, MORE_QUESTIONS = "reading_worlds_2.jsonl", (30, 175), (4, 7)
SEED = 20260302
DEV_WORLDS = {"Orrinfell Observatory", "Sundrake Post"}
REFUSAL = "I don't know"
REFUSAL_SHARE = 0.22
SIZES = [2, 3, 3, 4, 4, 5, 5]  # passages in a row, dealt out in turn
REFUSED_SIBLING_SHARE = 0.65  # of the refusals, those about a passage that has a sibling
# the closest rival is in an answerable row; a refusal always holds it
RIVAL_CHANCE = 0.75
SAME_WORLD_CHANCE = 0.75  # for each further distractor
PAIR_CHANCE = 0.5  # a further distractor brings its own sibling along


def load(path):
    with Path(path).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def save(path, rows):
    with Path(path).open("w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def words(text):
    return re.findall(r"\w+", text.lower())


def grams(text, n):
    w = words(text)
    return {tuple(w[i : i + n]) for i in range(len(w) - n + 1)}


def holds(passage, answer):
    """True when the answer's letters stand anywhere in the passage or its title (stricter than
    whole words)."""
    return answer.lower() in (passage["title"] + "\n" + passage["text"]).lower()


# ---------------------------------------------------------------- making rows


class Deck:
    """The passages of one split, and the rules for drawing distractors from them."""

    def __init__(self, passages, rng):
        self.passages, self.rng = passages, rng
        self.by_title = {(p["world"], p["title"]): p for p in passages}
        self.by_world = collections.defaultdict(list)
        for p in passages:
            self.by_world[p["world"]].append(p)
        self.seen_in = collections.Counter(
            w for p in passages for w in set(words(p["title"] + " " + p["text"]))
        )

    def sibling(self, passage):
        return self.by_title.get((passage["world"], passage.get("near")))

    def closest(self, right, question):
        """The other passages of the world, those that share the rarest words with the question
        first."""
        asked = set(words(question))

        def score(p):
            return sum(
                1 / self.seen_in[w]
                for w in sorted(asked & set(words(p["title"] + " " + p["text"])))
            )

        return sorted(
            (p for p in self.by_world[right["world"]] if p is not right), key=score, reverse=True
        )

    def distractors(self, right, qa, count, rival_chance):
        """`count` passages, none of which is `right` or holds the answer."""
        chosen = []

        def take(p):
            if (
                p
                and p is not right
                and p not in chosen
                and len(chosen) < count
                and not holds(p, qa["answer"])
            ):
                chosen.append(p)

        sibling = self.sibling(right)
        rivals = [sibling] if sibling else self.closest(right, qa["question"])
        rival = next(p for p in rivals if not holds(p, qa["answer"]))
        wanted = self.rng.random() < rival_chance
        if wanted:
            take(rival)
        while len(chosen) < count:
            same = self.rng.random() < SAME_WORLD_CHANCE
            pick = self.rng.choice(self.by_world[right["world"]] if same else self.passages)
            if pick is rival and not wanted:
                continue
            take(pick)
            if self.rng.random() < PAIR_CHANCE and pick is not right:
                take(self.sibling(pick))
        return chosen


def make_rows(passages, split, rng):
    """Every question once with its passage, and a sample of the questions once more without it."""
    deck = Deck(passages, rng)
    asked = [(p, qa) for p in passages for qa in p["qa"]]
    rng.shuffle(asked)
    refusals = round(len(asked) * REFUSAL_SHARE / (1 - REFUSAL_SHARE))
    paired = round(refusals * REFUSED_SIBLING_SHARE)
    refused = rng.sample([x for x in asked if "near" in x[0]], paired)
    refused += rng.sample([x for x in asked if "near" not in x[0]], refusals - paired)
    rng.shuffle(refused)
    plan = [(p, qa, True) for p, qa in asked] + [(p, qa, False) for p, qa in refused]

    rows = []
    # for each row size, an endless deal of the places 1..n, each as often as the others
    next_place = {}
    for i, (right, qa, answerable) in enumerate(plan):
        size = SIZES[i % len(SIZES)]
        if answerable:
            shown = deck.distractors(right, qa, size - 1, RIVAL_CHANCE)
            rng.shuffle(shown)
            if not next_place.get(size):
                next_place[size] = rng.sample(range(1, size + 1), size)
            cite = next_place[size].pop()
            shown.insert(cite - 1, right)
        else:
            shown = deck.distractors(right, qa, size, 1.0)
            rng.shuffle(shown)
            cite = None
        rows.append(
            {
                "passages": [{"title": p["title"], "text": p["text"]} for p in shown],
                "question": qa["question"],
                "answer": qa["answer"] if answerable else REFUSAL,
                "cite": cite,
                "world": right["world"],
                "source": "generated from hand-written passages",
                "labelled_by": "written",
                "licence": "CC-BY-4.0",
            }
        )
    rng.shuffle(rows)
    return [{"id": f"reading-{split}-{i:04d}", **row} for i, row in enumerate(rows, 1)]


def make():
    passages = load(HERE / "reading_worlds.jsonl")
    for split in ("train", "dev"):
        mine = [p for p in passages if (p["world"] in DEV_WORLDS) == (split == "dev")]
        rows = make_rows(mine, split, random.Random(f"{SEED}-{split}"))
        save(HERE.parent / "reading" / f"{split}.jsonl", rows)
        print(f"{split}.jsonl: {len(rows)} rows from {len(mine)} passages")


# ---------------------------------------------------------------- checking


def check_sources(passages, lengths=(60, 130), questions=(3, 4)):
    """What is wrong with hand-written passages; lengths in words, and questions of a passage, from
    and to."""
    bad = []
    titles = {(p["world"], p["title"]): p for p in passages}
    if len(titles) != len(passages):
        bad.append("two passages of one world share a title")
    for p in passages:
        name = f"{p['world']} / {p['title']}"
        length = len([w for w in p["text"].split() if re.search(r"\w", w)])
        if not lengths[0] <= length <= lengths[1]:
            bad.append(f"{name}: {length} words")
        if not questions[0] <= len(p["qa"]) <= questions[1]:
            bad.append(f"{name}: {len(p['qa'])} questions")
        if "near" in p and titles.get((p["world"], p["near"]), {}).get("near") != p["title"]:
            bad.append(f"{name}: near is not mutual")
        for qa in p["qa"]:
            if (
                p["text"].count(qa["answer"]) != 1
                or qa["answer"] not in qa["quote"]
                or qa["quote"] not in p["text"]
            ):
                bad.append(f"{name}: answer or quote does not fit: {qa['answer']}")
            if not 1 <= len(qa["answer"].split()) <= 6:
                bad.append(f"{name}: long answer: {qa['answer']}")
            if grams(qa["question"], 6) & grams(p["text"], 6):
                bad.append(f"{name}: question copies the text: {qa['question']}")
            if "near" in p and holds(titles[p["world"], p["near"]], qa["answer"]):
                bad.append(f"{name}: the sibling holds the answer too: {qa['answer']}")
    return bad


def check_rows(rows, passages, split):
    bad = []
    world_of = {p["text"]: p["world"] for p in passages}
    answers = {qa["question"]: (qa["answer"], p) for p in passages for qa in p["qa"]}
    times = collections.Counter(r["question"] for r in rows)
    bad += [f"{split}: asked {n} times: {q}" for q, n in times.items() if n > 2]
    for r in rows:
        answer, source = answers[r["question"]]
        texts = [p["text"] for p in r["passages"]]
        where = [i for i, p in enumerate(r["passages"], 1) if holds(p, answer)]
        if not 2 <= len(texts) <= 5 or len(set(texts)) != len(texts):
            bad.append(f"{r['id']}: {len(texts)} passages, or one twice")
        if any((world_of[t] in DEV_WORLDS) != (split == "dev") for t in texts):
            bad.append(f"{r['id']}: a passage of the other split")
        if r["cite"] is None:
            sibling = source.get("near")
            if where or r["answer"] != REFUSAL or source["text"] in texts:
                bad.append(f"{r['id']}: the refusal can be answered")
            if sibling and sibling not in [p["title"] for p in r["passages"]]:
                bad.append(f"{r['id']}: the refusal lacks the sibling")
        elif (
            where != [r["cite"]] or r["answer"] != answer or texts[r["cite"] - 1] != source["text"]
        ):
            bad.append(f"{r['id']}: answer in {where}, cite {r['cite']}")
    return bad


def check_places(rows, split):
    """Within each row size no place may be more than one ahead of another."""
    bad = []
    for size in sorted(set(SIZES)):
        places = collections.Counter(
            r["cite"] for r in rows if r["cite"] and len(r["passages"]) == size
        )
        print(f"  {split}, {size} passages: right one at", dict(sorted(places.items())))
        if len(places) != size or max(places.values()) - min(places.values()) > 1:
            bad.append(f"{split}: places not even for size {size}")
    return bad


def check(folder):
    passages = load(HERE / "reading_worlds.jsonl")
    bad = check_sources(passages)
    for split, least in (("train", 640), ("dev", 80)):
        rows = load(HERE.parent / "reading" / f"{split}.jsonl")
        refusals = sum(r["cite"] is None for r in rows)
        print(f"{split}: {len(rows)} rows, {refusals} refusals ({refusals / len(rows):.1%})")
        bad += check_rows(rows, passages, split) + check_places(rows, split)
        if len(rows) < least:
            bad.append(f"{split}: fewer than {least} rows")
    if folder:
        mine = set()
        for p in passages:
            for text in [p["text"], p["title"]] + [qa["question"] for qa in p["qa"]]:
                mine |= grams(text, 8)
        files = [f for f in sorted(Path(folder).rglob("*")) if f.is_file()]
        for f in files:
            for shared in sorted(mine & grams(f.read_text(encoding="utf-8", errors="ignore"), 8)):
                bad.append(f"8 words shared with {f}: {' '.join(shared)}")
        print(f"8-grams compared with {len(files)} files")
    print("\n".join(bad) if bad else "all checks passed")
    return 1 if bad else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="test instead of write")
    parser.add_argument(
        "folder", nargs="?", help="with --check: files that must share no 8-gram with the passages"
    )
    options = parser.parse_args()
    raise SystemExit(check(options.folder) if options.check else make())
