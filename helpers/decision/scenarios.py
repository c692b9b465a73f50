"""Six features that enterprises ask for: what would each require? Starting points to argue with,
not recommendations.

The numbers are stated, not measured: they say what such a feature is typically like, and the text
says which of them to doubt first. The decision for each follows from your evidence; it is computed
in notebook 11 and written nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from helpers.decision.requirements import Requirements


@dataclass(frozen=True)
class Scenario:
    """A feature, what it requires, and what its owners should argue about."""

    name: str
    feature: str
    requirements: Requirements
    discuss: str


SCENARIOS: Mapping[str, Scenario] = {
    s.name: s
    for s in (
        Scenario(
            "support macros",
            "Each incoming ticket gets a category, a product, a priority, and the macro that"
            " answers it.",
            Requirements(
                lookup_share=0.0,
                label_changes_per_year=4,
                corpus_tokens=20_000,
                strict_format=True,
                house_style=True,
                requests_per_day=3_000,
                latency_seconds=5,
                cost_wrong=4,
                cost_refusal=1.5,
                labelled_examples=600,
                cost_per_label=0.5,
            ),
            "All that is needed is in the message: what is missing is the house's way of"
            " judging. Past tickets are labels that cost little, as long as they have been checked"
            " once. Sorting by hand takes a minute and a half; a ticket in the wrong queue waits,"
            " and is sorted again."
            " Doubt first: are the labels still today's rules, or last year's?",
        ),
        Scenario(
            "policy assistant",
            "Staff ask about leave, travel and security rules, and get an answer with the place"
            " where it stands.",
            Requirements(
                lookup_share=1.0,
                changes_per_year=50,
                citations=True,
                access=True,
                requests_per_day=800,
                latency_seconds=8,
                least_right=0.8,
                cost_wrong=25,
                cost_refusal=6,
            ),
            "The answer is in a document, differs by country and group, and changes. Asking"
            " somebody takes six minutes; a wrong answer that is believed takes an hour of others."
            " Doubt first: the cost of a wrong answer. About a canteen it is nothing, about a"
            " notice period it is a lawsuit: perhaps these are two features.",
        ),
        Scenario(
            "contract extraction",
            "From each contract a record: parties, dates, notice periods, liability; a program"
            " reads it.",
            Requirements(
                lookup_share=0.0,
                corpus_tokens=15_000,
                citations=True,
                strict_format=True,
                fixed_labels=False,
                requests_per_day=60,
                latency_seconds=60,
                cost_wrong=150,
                cost_refusal=40,
                labelled_examples=40,
                cost_per_label=8,
                data_in_weights=False,
            ),
            "The text is in the request, so nothing has to be searched; form and judgement are what"
            " is hard. Labels come from lawyers and are dear, and the contracts belong to clients,"
            " so they may not go into weights. Doubt first: whether every field is equally dear. A"
            " person may have to check two of nine.",
        ),
        Scenario(
            "product prices",
            "Sales staff ask for price, stock and delivery time while a customer waits.",
            Requirements(
                action_share=0.9,
                lookup_share=1.0,
                changes_per_year=3_000,
                corpus_tokens=5_000_000,
                citations=True,
                requests_per_day=5_000,
                latency_seconds=3,
                cost_wrong=30,
                cost_refusal=1,
                can_train=False,
            ),
            "What is true changes every hour, and a look into the system costs one EUR. Nine of ten"
            " requests are one row of a table; the rest are terms of delivery, which stand in"
            " documents. A wrong price is promised to a customer. Doubt first: why a model, and not"
            " a search field?",
        ),
        Scenario(
            "clinical coding",
            "Discharge letters become diagnosis codes for billing, each with its evidence in the"
            " letter.",
            Requirements(
                lookup_share=0.5,
                changes_per_year=2,
                label_changes_per_year=2,
                corpus_tokens=3_000_000,
                citations=True,
                strict_format=True,
                requests_per_day=400,
                latency_seconds=30,
                least_right=0.9,
                cost_wrong=60,
                cost_refusal=8,
                labelled_examples=5_000,
                cost_per_label=6,
                data_in_weights=False,
                person_per_hour=90,
            ),
            "The code book is a document, the way of coding is a judgement, and both are audited. A"
            " wrong code is a claim that is refused, or fraud. Patients' letters in weights cannot"
            " be taken out again. Doubt first: whether anything but a suggestion to a coder is"
            " being asked for; that changes what a wrong one costs.",
        ),
        Scenario(
            "internal code search",
            "Engineers ask where and how something is done in the company's own code, and get the"
            " place.",
            Requirements(
                lookup_share=1.0,
                changes_per_year=5_000,
                corpus_tokens=80_000_000,
                citations=True,
                place_enough=True,
                access=True,
                requests_per_day=2_000,
                latency_seconds=4,
                least_right=0.5,
                cost_wrong=6,
                cost_refusal=4,
                cost_per_label=5,
            ),
            "The code changes with every merge, and not everybody may see all of it. The engineer"
            " opens the place and sees at once whether it is the right one: a wrong one costs a"
            " glance more than asking a colleague. Doubt first: is an answer needed, or only the"
            " place? A search without a reader is the cheapest system here.",
        ),
    )
}

_SORTING = Scenario(
    "sorting tickets",
    "Each incoming ticket gets a category, a product and a priority; a program reads them.",
    SCENARIOS["support macros"].requirements.but(house_style=False),
    "The labels are those of a fixed list, so rules written by hand and a classifier compete."
    " Sorting by hand takes a minute and a half; a ticket in the wrong queue waits, and is sorted"
    " again. Doubt first: how many tickets did the team that wrote the rules look at?",
)
_FORMS = Scenario(
    "forms filled in advance",
    "A team gets 20 mails a day; the fields of a form are filled in, and a person looks at them.",
    Requirements(
        lookup_share=0.0,
        strict_format=True,
        fixed_labels=False,
        requests_per_day=20,
        latency_seconds=10,
        least_right=0.3,
        cost_wrong=3,
        cost_refusal=3,
        labelled_examples=600,
        can_search=False,
    ),
    "Fields are free text, so no classifier can fill them, and nobody keeps an index of past mails."
    " Typing a form takes three minutes, putting a wrong one right as long. Below a third nobody"
    " would look at what is filled in. Doubt first: 20 mails a day must bear the work of every"
    " release of weights.",
)
_PAGE = Scenario(
    "find the page",
    "Staff look for the page of the handbook that answers their question, and read it themselves.",
    Requirements(
        lookup_share=1.0,
        changes_per_year=50,
        citations=True,
        place_enough=True,
        requests_per_day=800,
        latency_seconds=4,
        least_right=0.6,
        cost_wrong=2,
        cost_refusal=6,
    ),
    "A page that does not help costs a minute and another try; asking somebody takes six minutes."
    " If it fails four times in ten, people go back to asking. Doubt first: do they read the page,"
    " or do they want the sentence?",
)
_COUNTER = Scenario(
    "at the counter",
    "A customer waits while somebody asks the handbook; the answer names its place.",
    Requirements(
        lookup_share=1.0,
        changes_per_year=50,
        citations=True,
        requests_per_day=800,
        latency_seconds=3.2,
        least_right=0.8,
        cost_wrong=25,
        cost_refusal=6,
    ),
    "Three seconds are long when somebody stands before you. Each passage takes time to read, so"
    " what the search hands over is limited by the wait. Doubt first: on whose machine were the"
    " seconds taken?",
)
# lab -> the scenarios in which its sliders count, the one it opens with first
IN_LABS: Mapping[str, Mapping[str, Scenario]] = {
    lab: {one.name: one for one in found}
    for lab, found in (
        (
            "chunking",
            (
                _PAGE,
                SCENARIOS["policy assistant"],
                _COUNTER,
                SCENARIOS["internal code search"],
            ),
        ),
        (
            "training",
            (
                _FORMS,
                _SORTING,
                SCENARIOS["support macros"],
                SCENARIOS["contract extraction"],
                SCENARIOS["clinical coding"],
            ),
        ),
    )
}
