"""Which systems do the folder's data allow? Baselines, memory, search, the right passage, a tuned
reader; examples compared with, in the prompt and in the weights.

`Systems` makes them when they are first needed: the model is loaded once, documents are embedded
where that fits the time, else searched by their words. A model behind an endpoint gives the same
systems without those that need its weights.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from helpers.commands.assess.folder import UserFolder
from helpers.commands.assess.language import dense_is_weak, language, warning
from helpers.commands.assess.practice import Practice, name_of, rounds_note
from helpers.commands.assess.schedule import (
    ALONE_PREPARATION,
    COMPARED,
    DECIDES,
    DECIDING_PREPARATION,
    EXPLAINS,
    LARGEST_PREPARATION,
    LAST,
    ArmProgress,
    Clock,
    Step,
)
from helpers.core.cases import Arm, Ask, Case
from helpers.data import labelled_rows
from helpers.data.handbook import Document
from helpers.data.json_schema import Checked, SchemaError, checked, closed, derived, form_remarks
from helpers.data.label_audit import LabelAudit, label_audit
from helpers.evaluation import retrieval_metrics
from helpers.evaluation.evaluator import questions_task, wilson
from helpers.evaluation.labelled_task import task_of
from helpers.models import constrain, load
from helpers.models.endpoint import Endpoint
from helpers.models.language_model import LanguageModel
from helpers.models.weights import WeightsError
from helpers.retrieval import bm25
from helpers.retrieval.chunking import Chunk, chunk_all
from helpers.retrieval.retriever import Retriever
from helpers.systems import baselines, labelled, questions, reader
from helpers.systems.baselines import always_refuse, best_sentence
from helpers.systems.classifier import label_columns, linear_classifier, out_of_fold
from helpers.systems.prompts import TaskPrompt
from helpers.training import adapters
from helpers.training.trainer import finetune

SHARES = (0.6, 0.1, 0.3)  # of the examples; the tenth that no recipe needs trains, too
SIZES = (16, 64, 256, 1024)
SHOWN_EXAMPLES, SHOWN_EXAMPLE_CHARS = 6, 600
OVERLAP_TOKENS = 32
# what found the most evidence on the workbook's dev questions (labs_data/reference/search.json), so
# it is tried first on anybody's: pieces of whole sentences under their title, rows of a table with
# the names of their columns; meaning and words weighed together
STRATEGY, LEXICAL_WEIGHT = "sentences", 0.3
PROBE_CHUNKS, FASTEST_CHUNK_SECONDS = 48, 0.002
FEW_CHUNKS = 300  # these are embedded without asking how long it takes
LOADING_SECONDS = 5.0  # of the model, before it was loaded here once
EMBED_AT_ONCE = 256
MOST_DOUBTED = 5_000  # rows whose labels are looked at one by one: seconds a field
DEPTHS = (1, 3, 5)
# the systems whose answers follow from what the search finds, or from how documents are cut for it
SEARCHING = ("best sentence", "RAG", "reader + RAG", "long context", "oracle context")
PLAIN = "Answer as the examples show."


class Systems:
    """Everything that is made once for one folder. remote: the endpoint that answers instead of a
    model of our own."""

    def __init__(
        self,
        own: UserFolder,
        clock: Clock,
        progress: ArmProgress,
        say: Callable[[str], object],
        remote: Endpoint | None = None,
    ):
        self.own, self.clock, self.progress, self.say, self.remote, self.notes = (
            own,
            clock,
            progress,
            say,
            remote,
            [],
        )
        self.questions = shuffled_by_hash(own.questions)
        enough = len({labelled_rows.plain(case.ask.input) for case in own.examples}) >= 3
        self.splits = _split(own.examples) if enough else None
        rows = len(self.splits.train) if self.splits else 0
        self.practice = Practice(rows, clock, progress, say)
        if own.examples and not enough:
            self.notes.append(
                f"{len(own.examples)} examples are too few to be split into train, dev and test;"
                " nothing was measured on them."
            )
        self.language, _ = language(own)
        self.notes += [note for note in (warning(own),) if note]
        self.notes += label_audit(own.examples).remarks()
        self.schema: Checked | None = own.schema
        if self.splits and self.schema is None and (found := derived(self.splits.train)):
            self.schema = found
            self.notes.append(
                "There is no usable schema.json: the form of an output was taken from the training"
                " rows."
            )
            self.notes += form_remarks(self.splits.train)
        if self.splits:
            try:
                task_of(self.schema)
            except ValueError as error:
                self.splits = None
                self.notes.append(f"Nothing was measured on the examples: {error}.")

    # --- what is made once ------------------------------------------------------------------------

    @functools.cached_property
    def generator(self) -> load.Generator:
        self.say("loading the model")
        begun = self.clock.used
        generator = load.load_generator()
        self.progress.set("loading_seconds", self.clock.used - begun)
        return generator

    def loading_seconds(self) -> float:
        """How long until the model can be asked?"""
        if self.remote or "generator" in self.__dict__:
            return 0.0
        known = self.progress["loading_seconds"]
        return LOADING_SECONDS if known is None else known

    @property
    def model(self) -> LanguageModel:
        return self.remote or self.generator

    @functools.cached_property
    def retriever(self) -> str:
        """ "dense", "hybrid" or "bm25": as wished, else hybrid where embedding fits the time. What
        was too long for a short start is asked again at the next; hybrid stays hybrid."""
        wish = self.own.wishes.search.retriever
        if wish != "auto":
            return wish
        if dense_is_weak(self.language):
            return "bm25"
        before = self.progress["retriever"]
        chosen, why = ("hybrid", None) if before == "hybrid" else self._affordable()
        if before and chosen != before:  # other passages, so nothing that searches is done
            self.progress.begin_again(SEARCHING)
        self.progress.set("retriever", chosen)
        if why:
            self.notes.append(why)
        return chosen

    def _affordable(self) -> tuple[str, str | None]:
        about = (
            self.own.characters / 4 / max(1, self.own.wishes.search.chunk_tokens - OVERLAP_TOKENS)
        )
        room, told = (
            LARGEST_PREPARATION * max(0.0, self.clock.left),
            f"Documents were searched by words (BM25), not by meaning: about {about:,.0f} passages",
        )
        if about <= FEW_CHUNKS:
            return ("hybrid", None)
        if about * FASTEST_CHUNK_SECONDS > room:
            return (
                "bm25",
                f"{told} cannot be embedded in the {room / 60:.1f} minutes that there were for it.",
            )
        pace, loading = self._embedding_pace(self._passages_of(self.own.documents[:8]))
        needed = pace * about + loading
        return (
            ("hybrid", None)
            if needed <= room
            else (
                "bm25",
                (
                    f"{told} would take about {needed / 60:.1f} minutes to embed, and there were"
                    f" {room / 60:.1f} for it."
                ),
            )
        )

    def _embedding_pace(self, texts: Sequence[str]) -> tuple[float, float]:
        """(seconds to embed a text such as these, seconds to load the embedder)."""
        from helpers.retrieval import embedding

        some, begun = texts[:PROBE_CHUNKS], self.clock.used
        embedding.embed(some[:2])  # loading is not the pace
        loaded = self.clock.used
        embedding.embed(some)
        return (self.clock.used - loaded) / max(1, len(some)), loaded - begun

    def _embed(self, texts: Sequence[str]) -> None:
        """See to it that the vectors of these texts are cached. Part by part: stopped, it resumes
        from there."""
        from helpers.retrieval import embedding

        for start in range(0, len(texts), EMBED_AT_ONCE):
            embedding.embed_cached(texts[start : start + EMBED_AT_ONCE])
            self.clock.check()

    def _passages_of(self, documents: Sequence) -> list[str]:
        return [chunk.text for chunk in self._chunks(documents)]

    def _chunks(self, documents: Sequence[Document]) -> list[Chunk]:
        size = self.own.wishes.search.chunk_tokens
        return chunk_all(documents, size, OVERLAP_TOKENS, STRATEGY, table_headers=True)

    @functools.cached_property
    def index(self) -> Retriever:
        if self.retriever == "bm25":
            return bm25.lexical_index(
                self.own.documents,
                self.own.wishes.search.chunk_tokens,
                OVERLAP_TOKENS,
                table_headers=True,
                stem=self.stems,
                strategy=STRATEGY,
            )
        from helpers.retrieval.index import index_chunks
        from helpers.retrieval.rows import embedded_text

        asked, reads = self.own.wishes.search.chunk_tokens, load.load_embedder().max_seq_length
        if reads and asked > reads:
            self.notes.append(
                f"Passages are {asked:,} tokens long, but the embedder reads {reads:,} tokens at"
                " most, title included: the rest of each is not searched by meaning. Lower"
                " chunk_tokens in assess.toml."
            )
        chunks = self._chunks(self.own.documents)
        self._embed([embedded_text(chunk) for chunk in chunks])
        return index_chunks(chunks, say=self.say).searched(self.stems, LEXICAL_WEIGHT)

    @property
    def stems(self) -> bool:
        """Are words compared by their stems? The stemmer knows English."""
        return self.language in ("", "en")

    @functools.cached_property
    def perfect(self) -> questions.Contexts:
        named = {one.doc for case in self.questions for one in case.gold.evidence}
        documents, size = (
            [d for d in self.own.documents if d.id in named],
            self.own.wishes.search.chunk_tokens,
        )
        cut = (
            bm25.chunks(documents, size, OVERLAP_TOKENS, table_headers=True, strategy=STRATEGY)
            if self.retriever == "bm25"
            else self._chunks(documents)
        )
        return questions.evidence_contexts(self.questions, list(cut))

    @functools.cached_property
    def reader(self) -> load.Generator:
        from helpers.training.adapters import reference_or_train

        return adapters.with_adapter(
            self.generator,
            reference_or_train(
                "reader",
                self.generator,
                lambda: finetune(
                    self.generator,
                    self._reader_rows,
                    reader.HOW,
                    progress=self.clock.check_training,
                    say=self.say,
                ),
                self.say,
            ),
        )

    @functools.cached_property
    def _reader_rows(self) -> list[tuple[str, str]]:
        from helpers.data.reading import load_reading

        return reader.training_rows(self.generator, load_reading("train"))

    def _reader_seconds(self) -> float:
        from helpers.training.time_estimate import training_seconds

        try:
            adapters.reference_adapter("reader", self.generator)
            return 0.0
        except adapters.AdapterError:
            return training_seconds(self.generator, self._reader_rows, reader.HOW)

    # --- questions --------------------------------------------------------------------------------

    def question_steps(self) -> list[Step]:
        if not self.questions:
            return []
        top_k, retriever, can_search = (
            self.own.wishes.search.top_k,
            lambda: self.retriever,
            bool(self.own.documents),
        )
        shown = [case for case in self.questions if case.gold.evidence]
        ask = functools.partial(
            Step,
            task=questions_task(**self.own.wishes.answers.judging),
            loading_seconds=self.loading_seconds,
        )
        steps = [
            ask(
                "always refuse",
                "the share of questions that should be refused",
                self.questions,
                make=always_refuse,
                free=True,
            )
        ]
        if can_search:
            steps += [
                ask(
                    "best sentence",
                    "what the search alone is worth, without a model",
                    self.questions,
                    make=lambda: best_sentence(self.index),
                    free=True,
                ),
                ask(
                    "RAG",
                    "whether documents in the prompt answer",
                    self.questions,
                    turn=DECIDES,
                    make=lambda: questions.retrieval_augmented(
                        self.model, self.index, top_k, retriever=retriever()
                    ),
                ),
            ]
        steps.append(
            ask(
                "closed book",
                "what the model knows already",
                self.questions,
                turn=COMPARED,
                make=lambda: questions.closed_book(self.model),
            )
        )
        if shown:
            steps.append(
                ask(
                    "oracle context",
                    "how well the model reads when the search is perfect",
                    shown,
                    make=lambda: questions.oracle(self.model, self.perfect),
                )
            )
        if can_search and not self.remote:
            steps.append(
                ask(
                    "reader + RAG",
                    "whether learning to read, not to know, pays",
                    self.questions,
                    prepare_seconds=self._reader_seconds,
                    trained=True,
                    make=lambda: questions.retrieval_augmented(
                        self.reader, self.index, top_k, retriever=retriever()
                    ),
                )
            )
        if can_search:
            steps.append(
                ask(
                    "long context",
                    "whether whole documents do instead of passages",
                    self.questions,
                    turn=EXPLAINS,
                    make=lambda: questions.long_context(self.model, self.index, self.own.documents),
                )
            )
        return steps

    def search_table(self) -> pd.DataFrame | None:
        """How often does the search find all the evidence among the first 1, 3, 5 passages? One
        line a way to search, that of the systems first; None without evidence."""
        cases = [case for case in self.questions if case.gold.evidence]
        if not cases or not self.own.documents:
            return None
        rows = []
        others = () if self.retriever == "bm25" else ("hybrid", "dense", "bm25")
        for way in dict.fromkeys((self.retriever, *others)):
            found = self.index.search_all([case.ask for case in cases], max(DEPTHS), way)
            for k in DEPTHS:
                hits = sum(
                    retrieval_metrics.evidence_found(case.gold.evidence, passages[:k])
                    for case, passages in zip(cases, found, strict=True)
                )
                low, high = wilson(hits, len(cases))
                rows.append(
                    {
                        "search": way,
                        "passages": k,
                        "evidence found": hits / len(cases),
                        "low": low,
                        "high": high,
                        "n": len(cases),
                    }
                )
        return pd.DataFrame(rows)

    # --- examples ---------------------------------------------------------------------------------

    @functools.cached_property
    def task(self) -> TaskPrompt:
        schema, pairs = self.schema, labelled.pairs(self.splits.train, self.schema)
        return TaskPrompt(
            self.own.wishes.task.instruction
            or (labelled.instruction_of(schema) if schema else PLAIN),
            schema.schema if schema else None,
            max_new_tokens=labelled.room(self.model, pairs),
        )

    @functools.cached_property
    def constrained(self) -> bool:
        """Can a model be held to the schema? If not, a note says why, and answers are free. An
        endpoint cannot."""
        if self.schema is None or self.remote:
            return False
        try:
            self._examples_keep(closed(self.schema.schema))
            constrain.only_valid(
                self.generator, self.schema.schema, 1, max_new_tokens=self.task.max_new_tokens
            )
        except (constrain.ConstraintError, SchemaError) as error:
            self.notes.append(
                "Answers were not held to the form of an output while they were written, only"
                f" judged by it: {error}."
            )
            return False
        return True

    def _examples_keep(self, schema: dict) -> None:
        """Raises ConstraintError where closing the schema ruled out what a training row holds."""
        if schema == self.schema.schema:
            return
        form = checked(schema)
        for case in self.splits.train:
            for fault in form.faults(case.gold.output or case.gold.answers[0]):
                raise constrain.ConstraintError(
                    f"the output of row '{case.id}' has what the schema does not name ({fault})"
                )

    def example_steps(self) -> list[Step]:
        if not self.splits:
            return []
        train = shuffled_by_hash(self.splits.train)
        test, held = shuffled_by_hash(self.splits.test), self.schema
        pairs = labelled.pairs(train, held)
        ask = functools.partial(
            Step, cases=test, task=task_of(held), loading_seconds=self.loading_seconds
        )
        shown, short = examples_to_show(pairs), short_rows(pairs)
        compare = functools.partial(
            ask, prepare_seconds=functools.partial(self._comparing_seconds, pairs)
        )
        first = [
            ask(
                "majority label",
                "what the most common output would get",
                make=lambda: baselines.majority_label(pairs),
                free=True,
            ),
            compare(
                "nearest neighbour",
                "what the output of the most similar example would get",
                make=lambda: self._comparing(pairs, lambda: baselines.nearest_neighbour(pairs)),
                free=True,
            ),
        ]
        if self.classifiable:
            first.append(
                compare(
                    "classifier",
                    "what the same examples buy without a language model",
                    make=lambda: self._comparing(pairs, lambda: self._classifier(pairs)),
                    free=True,
                )
            )
        first.append(
            ask(
                "few-shot",
                "what examples in the prompt do",
                make=lambda: labelled.few_shot(self.model, self.task, shown, self.constrained),
            )
        )
        rest = [
            ask(
                "zero-shot",
                "what the instruction alone does",
                turn=EXPLAINS,
                make=lambda: labelled.zero_shot(self.model, self.task, self.constrained),
            )
        ]
        if short:
            retrieved = compare(
                "retrieved examples",
                "whether examples like the message do more in the prompt",
                make=lambda: self._comparing(
                    pairs,
                    lambda: labelled.retrieved_examples(
                        self.model, self.task, short, SHOWN_EXAMPLES, self.constrained
                    ),
                ),
            )
            rest.insert(0, retrieved)
        if self.remote:
            return [*first, *rest]
        tuned = self._tuned_steps(ask, pairs)
        return [*first, tuned[0], *rest, *tuned[1:]]

    def _tuned_steps(self, ask: Callable[..., Step], pairs: labelled.Pairs) -> list[Step]:
        """Trained on all rows, which can decide; and on fewer, which take its place where all
        would take too long, and else come last."""
        sizes = sorted({size for size in SIZES if size < len(pairs)} | {len(pairs)}, reverse=True)
        names = [name_of(size) for size in sizes]
        return [
            ask(
                name,
                "whether fewer examples would do" if larger else "what training on examples does",
                prepare_seconds=functools.partial(self._training_seconds, pairs[:size]),
                trained=True,
                turn=LAST if larger else DECIDES,
                most=self.most,
                instead_of=larger,
                make=functools.partial(self._tuned, pairs[:size]),
            )
            for name, size, larger in zip(names, sizes, ["", *names], strict=False)
        ]

    @functools.cached_property
    def classifiable(self) -> bool:
        """Do outputs come from closed lists, so that a classifier can choose? If not, a note says
        why."""
        try:
            label_columns(self.splits.train, self.schema)
        except ValueError as error:
            self.notes.append(f"No classifier was measured: {error}.")
            return False
        return True

    def label_audit(self) -> LabelAudit | None:
        """What the labels say of themselves; with the classifier's doubts where the rows are
        embedded already, for it must cost nothing that an arm needs."""
        if not self.splits:
            return None
        held_out, doubts = self.splits.test, None
        embedded = self.progress["rows_embedded"] == len(self.splits.train)
        if embedded and self.classifiable and self.clock.left > 0:
            rows = [*self.splits.train, *held_out][:MOST_DOUBTED]
            doubts = out_of_fold(rows, self.schema)
        return label_audit(self.splits.train, held_out, doubts)

    def _classifier(self, pairs: labelled.Pairs) -> Arm:
        arm = linear_classifier(pairs, self.schema)
        # fitted now: else the time that takes would pass for the pace of its answers
        list(arm([Ask("", pairs[0][0])]))
        return arm

    def _comparing(self, pairs: labelled.Pairs, make: Callable[[], Arm]) -> Arm:
        """An arm that compares a message with the training rows, made when their vectors are there.
        Raises RuntimeError without an embedder: the other arms need none."""
        try:
            self._embed([text for text, _ in pairs])
            self.progress.set("rows_embedded", len(pairs))
            return make()
        except WeightsError as error:
            raise RuntimeError(f"there is no embedder: {error}") from error

    def _comparing_seconds(self, pairs: labelled.Pairs) -> float:
        """How long until the training rows can be compared with a message?"""
        if len(pairs) <= FEW_CHUNKS or self.progress["rows_embedded"] == len(pairs):
            return 0.0
        try:
            pace, loading = self._embedding_pace([text for text, _ in pairs[:PROBE_CHUNKS]])
        except WeightsError:
            return 0.0  # it is said when the arm is made
        return pace * len(pairs) + loading

    @property
    def most(self) -> float:
        """The share of the time left that training may take: less where questions wait, too."""
        return DECIDING_PREPARATION if self.questions else ALONE_PREPARATION

    def _training_seconds(self, pairs: labelled.Pairs) -> float:
        rows = labelled.training_rows(self.generator, self.task, pairs)
        return self.practice.seconds(self.generator, len(pairs), rows, self.most)

    def _tuned(self, pairs: labelled.Pairs) -> Arm:
        rows = labelled.training_rows(self.generator, self.task, pairs)
        how, adapter = self.practice.trained(self.generator, len(pairs), rows)
        self.notes += filter(None, [rounds_note(len(pairs), how)])
        tuned = adapters.with_adapter(self.generator, adapter)
        return labelled.tuned(tuned, self.task, self.constrained)

    def steps(self) -> list[Step]:
        """All of them, the most informative first; questions and examples in turn, so that neither
        waits for the other."""
        both = [self.question_steps(), self.example_steps()]
        turns = [
            step for at in range(max(map(len, both))) for part in both for step in part[at : at + 1]
        ]
        return [step for step in turns if step.free] + [step for step in turns if not step.free]


def _split(examples: Sequence[Case]) -> labelled_rows.Splits:
    """Rows to train on and to test. The recipe is fixed, so none are needed to choose it."""
    train, dev, test = labelled_rows.split(examples, shares=SHARES)
    return labelled_rows.Splits([*train, *(replace(one, split="train") for one in dev)], [], test)


def shuffled_by_hash(cases: Sequence[Case]) -> list[Case]:
    """The cases in an order that has nothing to do with the file's: the first n are a fair draw of
    all."""
    return sorted(
        cases,
        key=lambda case: hashlib.sha256(
            f"{case.fact} {case.id}".encode("utf-8", "surrogatepass")
        ).digest(),
    )


def short_rows(pairs: labelled.Pairs) -> list[tuple[str, str]]:
    """The rows that a prompt has room for several of."""
    return [pair for pair in pairs if len(pair[0]) + len(pair[1]) <= SHOWN_EXAMPLE_CHARS]


def examples_to_show(pairs: labelled.Pairs) -> list[tuple[str, str]]:
    """A few short rows for the prompt, as many different outputs as there are among them."""
    short = short_rows(pairs)
    first = {output: (text, output) for text, output in reversed(short)}
    different = dict.fromkeys(reversed(first.values()))
    return [*different, *(pair for pair in short if pair not in different)][:SHOWN_EXAMPLES]
