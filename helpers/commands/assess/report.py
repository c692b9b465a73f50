"""How does an assessment reach those who decide? One page (HTML with its pictures inside), the same
as Markdown, and every number as JSON.

All texts of the folder (names, questions, answers, reasons) are escaped where they are written;
nothing in them can run or format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from helpers import plots
from helpers.commands.assess.exports import plain, write_exports
from helpers.commands.assess.fields import field_scores, fields_of_arms, has_fields
from helpers.commands.assess.findings import rows_of
from helpers.commands.assess.folder import UserFolder, sentence_answers, sentence_note
from helpers.commands.assess.language import language
from helpers.commands.assess.schedule import Skipped, more_minutes
from helpers.core.files import in_utf8, write_whole
from helpers.data.label_audit import LabelAudit
from helpers.decision import sensitivity
from helpers.decision.conclusion import Decision
from helpers.decision.costs import bill
from helpers.decision.options import JUDGEMENTS, LOOKUPS
from helpers.evaluation.attribution import CAUSES, REASONS, blame
from helpers.evaluation.comparison import Comparison, as_table
from helpers.evaluation.evaluator import summary
from helpers.evaluation.numbers import percent
from helpers.labs import decision_record
from helpers.labs.decision_record import Part

LAYOUT = 2
SMALL_TOKENS = 8_000  # documents of so few are read whole by any model of today
SHOWN_FAULTS, SHOWN_WRONG, SHOWN_CHARS, SHOWN_LABELS = 200, 12, 300, 40
BASELINES = ("always refuse", "best sentence", "majority label", "nearest neighbour", "classifier")


@dataclass(frozen=True)
class Results:
    """Everything that an assessment found."""

    own: UserFolder
    tables: Mapping[str, pd.DataFrame]
    causes: Mapping[str, pd.DataFrame]
    compared: Sequence[Comparison]
    search: pd.DataFrame | None
    skipped: Sequence[Skipped]
    to_settle: Sequence[str]
    decision: Decision
    sources: Mapping[str, str]
    model: str
    minutes: float
    used_minutes: float
    notes: Sequence[str] = ()
    whys: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, int] = field(default_factory=dict)
    labels: LabelAudit | None = None

    @property
    def title(self) -> str:
        return self.own.wishes.title.strip() or f"Assessment of {self.own.folder.resolve().name}"

    @property
    def answer(self) -> str:
        """Direction, readiness and next step, each to be read aloud."""
        return "\n".join([*self.decision.paragraphs, *filter(None, [self.lacking, self.fits])])

    @property
    def lacking(self) -> str:
        """That there are fewer cases than it would take, where that is so."""
        step, more = self.decision.next, self.decision.readiness.more
        kind = step.measure.kind if step.measure else LOOKUPS if self.own.questions else JUDGEMENTS
        there = len(self.own.examples if kind == JUDGEMENTS else self.own.questions)
        enough = max(step.n_both or 0, more or 0) <= there
        return "" if enough else f"You have {there:,} such cases: write or label more."

    @property
    def fits(self) -> str:
        """That all documents go into one prompt, where they do."""
        tokens = self.decision.requirements.corpus_tokens
        here = self.own.documents and tokens <= min(
            SMALL_TOKENS, self.decision.requirements.window_tokens
        )
        if not here or LOOKUPS not in self.decision.direction:
            return ""
        return (
            f"All your documents are about {tokens:,.0f} tokens and fit into one prompt: try long"
            " context before you build a search."
        )


def by_kind(results: Results) -> dict[str, dict[str, pd.DataFrame]]:
    """The tables of questions and those of examples: what is right means something else in each."""
    found: dict[str, dict[str, pd.DataFrame]] = {"questions": {}, "examples": {}}
    for name, table in results.tables.items():
        found["questions" if "answerable" in table else "examples"][name] = table
    return {kind: tables for kind, tables in found.items() if tables}


def arms_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One line an arm; for questions also the share among those that have an answer, which is what
    the decision counts."""
    table = summary(tables)
    if any("near_miss" in one for one in tables.values()):
        table["token F1"] = [one["token_f1"].mean() for one in tables.values()]
        table["near misses"] = [int(one["near_miss"].sum()) for one in tables.values()]
    if any("answerable" in one for one in tables.values()):
        table["right, of answerable"] = [
            one[one["answerable"]]["right"].mean() if one["answerable"].any() else float("nan")
            for one in tables.values()
        ]
        table["refused, of what should be"] = [
            one[~one["answerable"]]["right"].mean() if (~one["answerable"]).any() else float("nan")
            for one in tables.values()
        ]
    return table


def near_misses(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The replies that are wrong by rule alone, of every system: id, reply and gold."""
    close = [
        table[table["near_miss"]][["id", "answer", "gold"]].assign(system=name)
        for name, table in tables.items()
        if "near_miss" in table
    ]
    columns = ["system", "id", "answer", "gold"]
    return pd.concat(close, ignore_index=True)[columns] if close else pd.DataFrame(columns=columns)


def parts(results: Results) -> list[Part]:
    """The sections of the page, in the order of who reads how far: the answer, what it rests on,
    what is missing, then the record of the decision."""
    record = decision_record.sections_of(results.decision, note=_note(results))
    (first, reasons), rest = (
        record[:2],
        [part for part in record[2:] if not part.heading.startswith("What is required")],
    )
    return [
        first,
        reasons,
        _folder(results),
        *_labels(results),
        *_systems(results),
        *_fault(results),
        *_wrong(results),
        *_near(results),
        _missing(results),
        *rest[:-1],
        _required(results),
        rest[-1],
    ]


def _note(results: Results) -> str:
    assumed = [name for name, source in results.sources.items() if source == "assumed"]
    stated = len(results.sources) - len(assumed)
    return (
        " ".join(filter(None, [results.lacking, results.fits]))
        + f" Measured on your own data with {results.model} in"
        f" {results.used_minutes:.1f} of {results.minutes:g} minutes. Of"
        f" {len(results.sources)} requirements {stated} are stated in assess.toml or seen in the"
        f" folder, {len(assumed)} are assumed: state them, and the answer may change (see “What"
        " would change the answer”)."
    ).strip()


def _folder(results: Results) -> Part:
    own, split = results.own, results.split
    refused = sum(not case.gold.answers for case in own.questions)
    evidence = sum(bool(case.gold.evidence) for case in own.questions)
    lines = [
        f"{len(own.documents):,} documents, {own.characters:,} characters"
        + (f"; {own.ignored:,} files of other kinds were passed over" if own.ignored else ""),
        (
            f"{len(own.questions):,} questions: {refused:,} should be refused, {evidence:,} come"
            " with evidence; nothing was chosen on them, so all of them test"
        ),
        f"{len(own.examples):,} labelled examples"
        + (
            f": {split['train']:,} to train on and to show, {split['test']:,} to test"
            if split
            else ""
        ),
        *filter(None, [sentence_note(own)]),
        *(str(remark) for remark in own.remarks[:SHOWN_FAULTS]),
        *results.notes,
    ]
    content: list[Any] = [lines]
    if own.faults:
        content.append(
            f"{len(own.faults):,} {'fault' if len(own.faults) == 1 else 'faults'}. What is named"
            " here was left out; all else was used."
            + (f" The first {SHOWN_FAULTS}:" if len(own.faults) > SHOWN_FAULTS else "")
        )
        content.append(
            pd.DataFrame(
                [
                    {"file": f.file, "line": str(f.line or ""), "reason": f.reason}
                    for f in own.faults[:SHOWN_FAULTS]
                ]
            )
        )
    return Part("What lay in the folder", tuple(content))


def _labels(results: Results) -> list[Part]:
    """What the labels say of themselves, before anybody trusts what was trained on them."""
    if (audit := results.labels) is None:
        return []
    content: list[Any] = [audit.table(), audit.remarks()]
    if audit.doubts:
        doubts = [one._asdict() for one in audit.doubts[:SHOWN_WRONG]]
        told = (
            "Rows whose label a linear classifier denies that has not seen them, the surest first."
            " given, sure: the probabilities of the row's label and of what is said instead."
        )
        content += [told, _cut(pd.DataFrame(doubts))]
    if len(shares := audit.shares()):
        content.append(shares.head(SHOWN_LABELS))
    return [Part("What the labels say of themselves", tuple(one for one in content if len(one)))]


def _systems(results: Results) -> list[Part]:
    found = []
    for kind, tables in by_kind(results).items():
        table = arms_table(tables)
        title = finding(table)
        drawn = plots.bars(table, title, f"share of {kind} right")
        tells = [f"{name}: {results.whys[name]}" for name in table.index if name in results.whys]
        found.append(
            Part(
                f"How often each system is right: {kind}",
                (
                    (f"{kind}.png", drawn.alt, drawn.png),
                    table.drop(columns="errors" if not table["errors"].any() else []),
                    tells,
                ),
            )
        )
    found += _fields(results)
    sizes = {rows_of(name): name for name in results.tables if name.startswith("tuned, ")}
    if len(sizes) > 1:
        table = summary(
            {f"{rows} rows": results.tables[name] for rows, name in sorted(sizes.items())}
        )[["share", "low", "high", "n"]]
        found.append(Part("How many examples it takes", (table.rename_axis("trained on"),)))
    if results.compared:
        words = [str(one) for one in results.compared]
        found.append(
            Part(
                "Which differences are real",
                (as_table(results.compared).drop(columns=["level"]), words),
            )
        )
    if results.search is not None:
        found.append(
            Part(
                "What the search finds",
                (
                    results.search,
                    (
                        "The share of questions for which all evidence stands in so many passages:"
                        " no model can answer from what was not found."
                    ),
                ),
            )
        )
    return found


def _fields(results: Results) -> list[Part]:
    """Extraction by field, where fields may be empty: all of them right is too hard a question."""
    tables = {name: one for name, one in results.tables.items() if has_fields(one)}
    if not tables:
        return []
    arms = fields_of_arms(tables)
    best = arms["F1"].fillna(0.0).idxmax()
    return [
        Part(
            "How well each system fills the fields",
            (
                arms,
                (
                    "Of the fields that are filled: precision is the share of what a system filled"
                    " that equals the gold, recall the share of the gold that it filled so. Field"
                    f" by field, for the system with the best F1 ({best}):"
                ),
                field_scores(tables[best]),
            ),
        )
    ]


def finding(table: pd.DataFrame) -> str:
    """The best system and the best baseline in one line: without the second one cannot know what
    the first is worth. Best: the highest lower end, for few cases promise much."""
    free = [name for name in BASELINES if name in table.index]
    # an oracle is no system that one could have
    systems, baseline = (
        table.drop([*free, *(name for name in ("oracle context",) if name in table.index)]),
        table.loc[free],
    )
    best = [one.loc[one["low"].idxmax()] for one in (systems, baseline) if len(one)]
    return "; no model: ".join(
        f"{one.name} {percent(one['share'])} of {one['n']:.0f}" for one in best
    )


def _fault(results: Results) -> list[Part]:
    if not results.causes:
        return []
    rows = [blame(table).assign(system=name) for name, table in results.causes.items()]
    table = pd.concat(rows, ignore_index=True)
    drawn = plots.attribution(
        blame(
            pd.concat(
                [table.assign(system=name) for name, table in results.causes.items()],
                ignore_index=True,
            ),
            by="system",
        )
    )
    there = [name for name in REASONS if name in set(table["cause"])]
    return [
        Part(
            "Whose fault it is",
            (
                ("blame.png", drawn.alt, drawn.png),
                table[["system", "asked", "cause", "count", "n", "share", "low", "high"]],
                [f"{name}: {REASONS[name]}" for name in there],
            ),
        )
    ]


def _wrong(results: Results) -> list[Part]:
    """Some wrong answers to look at: a share says how often, only the case says why."""
    if "RAG" in results.causes:
        table = results.causes["RAG"]
        some = table[table["cause"].isin([*CAUSES, "answered what should be refused"])].head(
            SHOWN_WRONG
        )
        return (
            [
                Part(
                    "Wrong answers of RAG to look at",
                    (_cut(some[["id", "input", "answer", "gold", "cause"]]),),
                )
            ]
            if len(some)
            else []
        )
    tuned = [name for name in results.tables if name.startswith("tuned, ")]
    name = (
        max(tuned, key=rows_of)
        if tuned
        else next((n for n in ("RAG", "few-shot") if n in results.tables), None)
    )
    some = results.tables[name][~results.tables[name]["right"]].head(SHOWN_WRONG) if name else ()
    return (
        [
            Part(
                f"Wrong answers of {name} to look at",
                (_cut(some[["id", "input", "answer", "gold"]]),),
            )
        ]
        if len(some)
        else []
    )


def _near(results: Results) -> list[Part]:
    table = near_misses(results.tables)
    if not len(table):
        return []
    told = (
        f"{len(table):,} replies count as wrong by rule alone: but for signs, accents, separators,"
        " units, a doubt or their length they hold an answer. Where they are right, add their"
        " wording to the answers."
    )
    return [Part("Near misses", (told, _cut(table.head(SHOWN_WRONG))))]


def _cut(table: pd.DataFrame) -> pd.DataFrame:
    return table.map(
        lambda value: value if len(str(value)) <= SHOWN_CHARS else f"{str(value)[:SHOWN_CHARS]}…"
    )


def _missing(results: Results) -> Part:
    lines = [
        f"{one.name}: {one.reason}; {one.cases_left:,} cases not asked"
        + (f", about {max(0.1, one.seconds / 60):.1f} minutes" if one.seconds else "")
        for one in results.skipped
    ]
    more = more_minutes(results.skipped)
    told = (
        f"All of it takes about {more} minutes more. Run the same command again: what is measured"
        " is saved, and it resumes from here."
        if more
        else "Nothing was left out for want of time."
    )
    return Part(
        "What was skipped, and what more minutes would settle",
        (
            told,
            *([lines] if lines else []),
            *([list(results.to_settle)] if results.to_settle else []),
        ),
    )


def _required(results: Results) -> Part:
    table = results.decision.requirements.table().drop(columns=["from", "to"])
    table.insert(1, "source", [results.sources[name] for name in table.index])
    return Part("Requirements and their source", (table,))


# --- every number ---------------------------------------------------------------------------------


def as_json(results: Results) -> dict[str, Any]:
    """All that the page says, for programs. Shares are 0..1, money in EUR, time in the unit that
    the name says."""
    decision, own = results.decision, results.own
    agreed = sensitivity.agreement(decision.requirements, decision.evidence)
    ready, step = decision.readiness, decision.next
    return plain(
        {
            "layout": LAYOUT,
            "title": results.title,
            "fingerprint": own.fingerprint,
            "model": results.model,
            "minutes": results.minutes,
            "minutes_used": round(results.used_minutes, 2),
            "folder": {
                "documents": len(own.documents),
                "characters": own.characters,
                "questions": len(own.questions),
                "examples": len(own.examples),
                "sentence_answers": sentence_answers(own),
                "language": dict(zip(("code", "source"), language(own), strict=True)),
                "split": dict(results.split),
                "notes": list(results.notes),
            },
            "faults": [asdict(one) for one in own.faults],
            "remarks": [asdict(one) for one in own.remarks],
            "arms": {
                kind: _records(arms_table(tables).reset_index())
                for kind, tables in by_kind(results).items()
            },
            "comparisons": [asdict(one) for one in results.compared],
            "labels": _audited(results.labels),
            "fields": {
                name: _records(field_scores(table).reset_index())
                for name, table in results.tables.items()
                if has_fields(table)
            },
            "search": _records(results.search) if results.search is not None else None,
            "attribution": {name: _records(blame(table)) for name, table in results.causes.items()},
            "near_misses": _records(near_misses(results.tables)),
            "skipped": [asdict(one) for one in results.skipped],
            "to_settle": list(results.to_settle),
            "more_minutes": more_minutes(results.skipped),
            "requirements": {
                name: {"value": getattr(decision.requirements, name), "source": source}
                for name, source in results.sources.items()
            },
            "evidence": _records(decision.evidence.table().reset_index()),
            "decision": {
                "answer": decision.answer,
                "in_words": results.answer,
                "direction": {
                    kind: {
                        "option": one.option.name,
                        "weight": one.weight,
                        "firmness": one.firmness,
                        "measured": one.measured,
                        "open": [[str(d.first), str(d.second)] for d in one.open],
                    }
                    for kind, one in decision.direction.items()
                },
                "readiness": {
                    "state": ready.state,
                    **vars(ready.right),
                    "n": ready.n,
                    "models": ready.models,
                    "needed": ready.needed,
                    "by_cost": ready.by_cost,
                    "floor": ready.floor,
                    "asks_for_the_floor": ready.asks,
                    "more_cases": ready.more,
                    "give_up": ready.give_up,
                    "gates": [
                        {"kind": g.kind, "rule": g.rule.name, "passed": g.passed}
                        for g in ready.gates
                    ],
                },
                "next": {
                    "fix": step.fix,
                    "measure": str(step.measure.second) if step.measure else None,
                    "against": str(step.measure.first) if step.measure else None,
                    "n_both": step.n_both,
                    "label_eur": step.label_eur,
                    "minutes": step.minutes,
                    "wins_a_year": step.wins_a_year,
                    "governance": step.governance,
                },
                "reasons": [
                    {
                        "text": r.text,
                        "findings": list(r.findings),
                        "requirements": list(r.requirements),
                    }
                    for r in decision.reasons
                ],
                "out": [
                    {
                        "kind": kind,
                        "option": out.option.name,
                        "rule": rule.name,
                        "reason": rule.reason,
                    }
                    for kind, one in decision.direction.items()
                    for out in one.out
                    for rule in out.rules
                ],
                "duels": _records(decision.table()),
                "flips": [asdict(one) for one in decision.flips],
                "agreement": asdict(agreed),
                "bill": _records(bill(decision.requirements, decision.evidence).reset_index()),
            },
            "provenance": decision_record.provenance(decision),
        }
    )


def _audited(audit: LabelAudit | None) -> dict[str, Any] | None:
    if audit is None:
        return None
    return {
        "findings": _records(audit.table().reset_index()),
        "ceiling": audit.ceiling,
        "shares": _records(audit.shares()),
        "near": [
            {"train": one.train.id, "held_out": one.held_out.id, "alike": one.alike}
            for one in audit.near
        ],
        "doubts": [one._asdict() for one in audit.doubts or ()],
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.astype(object).to_dict(orient="records")


def write(results: Results, out: Path) -> dict[str, Any]:
    """report.html, report.md, report.json, the pictures of the Markdown and the files of `exports`,
    each whole; the JSON comes last. Gives its content. A byte of a file name that is no letter
    becomes U+FFFD: half a surrogate pair is no UTF-8."""

    sections = parts(results)
    held = in_utf8(json.dumps(as_json(results), indent=1, ensure_ascii=False, allow_nan=False))
    for section in sections:
        for one in section.content:
            if isinstance(one, tuple):
                write_whole(out / one[0], one[2])
    write_whole(out / "report.md", in_utf8(decision_record.markdown(results.title, sections)))
    write_whole(out / "report.html", in_utf8(decision_record.page(results.title, sections)))
    tables = {name: one for tables in by_kind(results).values() for name, one in tables.items()}
    lines = [arms_table(some) for some in by_kind(results).values()]
    whole = pd.concat(lines) if lines else pd.DataFrame()
    write_exports(tables, whole, results.model, results.title, out)
    write_whole(out / "report.json", held + "\n")
    return json.loads(held)
