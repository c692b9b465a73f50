"""Write labs_data/tickets/{train,dev,test}.jsonl: composed tickets plus those in
tickets_written.jsonl.

A composed ticket starts from a core sentence whose category, product and base priority are known,
and adds parts whose effect on the label is known too (a deadline, "no hurry", a wish for a call) or
which have none (noise). The label therefore follows from labs_data/tickets/LABELS.md by
construction. Same seed, same bytes.
"""

import json
import random
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "tickets"
SEED = 20260302
PRODUCT = {"s": "sprig", "g": "gale", "w": "dewline", "p": "almanac", "-": "none"}
PRIORITY = {"u": "urgent", "h": "high", "n": "normal", "l": "low"}
GENERATED = {  # rows to compose, by split and category
    "train": {
        "fault": 111,
        "delivery": 69,
        "return": 62,
        "billing": 56,
        "account": 51,
        "how_to": 51,
    },
    "dev": {"fault": 17, "delivery": 10, "return": 9, "billing": 8, "account": 8, "how_to": 8},
}
FIRST = 64  # the first rows of train that must show every label value

# The blocks of ticket_templates.txt. {a|b} picks one. In CORES a line is
# "product priority :: text", and lines whose number is 5, 11, 17 ... in their block are for dev
# only.
BLOCKS = dict(
    re.findall(
        r"^== (\w+)(\n.*?)(?=^==|\Z)",
        (HERE / "ticket_templates.txt").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
CORES = {category: BLOCKS[category] for category in GENERATED["train"]}
# Parts that set a field. A letter list before :: says for which categories (f d r b a h).
DEADLINE, NO_HURRY, PERSON = BLOCKS["deadline"], BLOCKS["no_hurry"], BLOCKS["person"]
# Parts that leave the label alone, some of them on purpose close to a word that looks decisive.
DETAIL = {
    "fault": (
        "I've tried it {twice|several times} now. /// Bought {in May|about two years ago}, from"
        " {your site|the garden centre}. /// I don't want to return it, I want it to work. /// Not"
        " a refund case, I hope. /// A neighbour has the same and his is fine. /// {Pictures|A"
        " video} can be sent. /// I read the help pages from top to bottom. /// Money back or"
        " repair, either is fine with me."
    ),
    "app": (
        "Reinstalled it {twice|already}. /// The phone is {new|three years old}. /// I'm on the"
        " {latest|newest} version, I think. /// It's the same {with and without wifi|on mobile"
        " data}. /// I don't want a refund, I want it to work. /// I don't mean to cancel, not yet."
        " /// {Screenshots|Pictures} on request."
    ),
    "delivery": (
        "Order {55-2180|TW-0917|number 88341}. /// I paid for {express|standard} by the way. /// It"
        " doesn't need a repair, it needs to be here. /// The tracking link {opens|goes to} {an"
        " empty page|the carrier's homepage}. /// Must I return anything for this? /// The account"
        ' says "completed". /// The driver was {friendly|in a hurry}.'
    ),
    "return": (
        "Bought {ten|nineteen} days ago. /// Receipt {is here|attached}. /// No fault, really. ///"
        " Who pays the postage? /// I still have the {box|carton} and all the bits. /// The"
        " delivery itself was {quick|perfect}. /// I've no printer for a label."
    ),
    "billing": (
        "Customer number {20-7714|CN 6652}. /// The product itself {is fine|works}. /// I paid by"
        " {card|bank transfer}. /// Nothing to return, all is in use. /// A screenshot is attached."
        " /// Delivery was on time, by the way."
    ),
    "account": (
        "The {watering|hardware} {itself runs|is all right}. /// I've {checked|looked in} the spam"
        " folder. /// I can send {proof|the receipt} if needed. /// My bank card isn't the matter"
        " here. /// I followed the help page {to the letter|twice}."
    ),
    "how_to": (
        "I {looked|searched} in the manual and {found nothing|gave up}. /// Everything works, don't"
        " worry. /// {Nothing's|Nothing is} broken, I'm only asking. /// We're {new to"
        " this|beginners}. /// No return or complaint this time!"
    ),
}
NOISE = (
    "Lovely weather here, {finally|for once}. /// {It's been raining|Rain} since Sunday {here|in"
    " our valley}. /// Hope {you're all well|spring has reached you as well}. /// I'm {71|82} and"
    " learned all this {late|from my grandson}. /// This is URGENT!! /// urgent!!! /// Please treat"
    " as soon as possible. /// ASAP please. /// Serial {S8-20417|GL2-7780|ends in 4402}, if that"
    " helps. /// {Otherwise|All in all} I'm {a happy customer|quite pleased with you}. /// I wrote"
    " {once before|on Monday}, perhaps it got lost. /// Your chat {sent me here|was closed}. /// If"
    " this goes on I'll leave {a bad review|one star}. /// {My wife|My husband} says I should just"
    " ask. /// Not the end of the world. /// I garden to relax, you know. /// The slugs had a good"
    " year too. /// Please reply {by mail|in writing}. /// Sent from the greenhouse, {excuse the"
    " typos|muddy thumbs}."
)
OTHER = {
    "s": (
        "The {Sprig|controller}, by the way, never misses a beat. /// My Sprig is {a joy|fine}. ///"
        " With the watering controller I've no complaints."
    ),
    "g": (
        "The weather station {is great|runs without trouble}. /// (The Gale is happy, thanks.) ///"
        " I've a Gale too, no problems there."
    ),
    "w": "The drip hoses are {brilliant|doing well}. /// The Dewline I have from last year works.",
    "p": "The app {as such is good|runs nicely}. /// Almanac I {use daily|like a lot}.",
}
OPEN = (
    "Hi, /// Hello, /// Hello there, /// Dear team, /// Good morning, /// Hey, /// Good evening,"
    " /// To whom it may concern, /// Hallo, /// Bonjour, /// Hi Brindlemark, /// Sorry to bother"
    " you."
)
CLOSE = (
    "Thanks. /// Thank you! /// Kind regards /// Best wishes, {Jo|Piet|Maren|Colin} /// Thanks,"
    " {K.|B. T.|Anouk} /// Cheers, {Rob|Nell} /// Merci! /// Viele Grüße, {Anke|Uli} /// Many"
    " thanks in advance /// Rgds {J|P. K.} /// Yours, {a wet gardener|Mrs F.} /// ???"
)


def spin(rng, text):
    return re.sub(r"\{([^{}]*)\}", lambda m: rng.choice(m[1].split("|")), text)


def pick(rng, bank):
    return spin(rng, rng.choice(bank.split("///")).strip())


def pick_for(rng, table, category):
    lines = [line.split(" :: ") for line in table.strip().splitlines()]
    return pick(rng, rng.choice([bank for letters, bank in lines if category[0] in letters]))


def shorthand(rng, text):
    """Phone style: no capitals, fewer marks, one slip of the finger. No word that carries the label
    gets lost."""
    text = re.sub(r"\bplease\b", "pls", text.lower()).replace("'", "").rstrip(".")
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if w.isalpha() and len(w) > 6]
    if long:
        i, k = rng.choice(long), rng.randrange(1, 5)
        words[i] = words[i][:k] + words[i][k + 1] + words[i][k] + words[i][k + 2 :]
    return " ".join(words)


def compose(rng, category, line):
    head, core = line.split(" :: ")
    product, priority = head.split()
    before, after = [], []
    roll = rng.random()
    if priority in "nl" and roll < 0.2:
        after.append(pick_for(rng, DEADLINE, category))
        priority = "h"
    elif priority == "n" and roll < 0.4:
        after.append(pick_for(rng, NO_HURRY, category))
        priority = "l"
    human = priority == "u"
    if rng.random() < 0.29:
        after.append(pick_for(rng, PERSON, category))
        human = True
    if rng.random() < 0.45:
        after.append(
            pick(rng, DETAIL["app" if category == "fault" and product == "p" else category])
        )
    if rng.random() < 0.4:
        # "urgent!!" beside "no hurry" would be odd, so low rows keep to the other noise
        noise = pick(rng, NOISE)
        calm = not re.search("urgent|as soon|asap", noise, re.I)
        if calm or priority != "l":
            (
                before
                if re.match("Lovely|.*[Rr]ain|Hope|I'm \\d|My ", noise) and rng.random() < 0.6
                else after
            ).append(noise)
    if product != "-" and rng.random() < 0.3:
        after.append(pick(rng, OTHER[rng.choice([p for p in OTHER if p != product])]))
    rng.shuffle(after)
    text = " ".join([*before, spin(rng, core), *after])
    if rng.random() < 0.4:
        hello = pick(rng, OPEN)
        if (
            hello.endswith(",")
            and rng.random() < 0.5
            and not re.match(r"I\b|Zone|Almanac|According", text)
        ):
            text = text[0].lower() + text[1:]
            hello += " "
        else:
            hello += rng.choice(["\n", "\n\n"]) if hello.endswith(",") else " "
        text = hello + text
    if rng.random() < 0.45:
        text += rng.choice([" ", "\n", "\n\n"]) + pick(rng, CLOSE)
    if rng.random() < 0.17:
        text = shorthand(rng, text)
    label = {
        "category": category,
        "product": PRODUCT[product],
        "priority": PRIORITY[priority],
        "needs_human": human,
    }
    return {"input": text, "output": label}


def grams(text, n=8):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def main():
    rng = random.Random(SEED)
    written = [
        json.loads(line)
        for line in (HERE / "tickets_written.jsonl").read_text("utf-8").splitlines()
    ]
    rows = {"train": [], "dev": [], "test": []}
    seen = {split: set() for split in rows}  # 8-grams, kept apart between the splits
    for row in written:
        seen[row["split"]] |= grams(row["input"])
        rows[row["split"]].append({**row, "source": "written", "labelled_by": "written"})
    for split, counts in GENERATED.items():
        for category, count in counts.items():
            cores = CORES[category].strip().splitlines()
            cores = [c for i, c in enumerate(cores) if (i % 6 == 5) == (split == "dev")]
            order = [
                line
                for _ in range(count // len(cores) + 1)
                for line in rng.sample(cores, len(cores))
            ]
            for line in order[:count]:
                while True:
                    row = compose(rng, category, line)
                    mine = grams(row["input"])
                    if not any(mine & seen[s] for s in seen if s != split):
                        break
                seen[split] |= mine
                rows[split].append(
                    {**row, "slices": [], "source": "generated", "labelled_by": "rules"}
                )
    for split, items in rows.items():
        values = {(k, v) for r in items for k, v in r["output"].items()}
        rng.shuffle(items)
        while {(k, v) for r in items[:FIRST] for k, v in r["output"].items()} != values:
            rng.shuffle(items)
        with (OUT / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for n, r in enumerate(items, 1):
                row = {
                    "id": f"t-{split}-{n:04d}",
                    "input": r["input"],
                    "output": r["output"],
                    "slices": r["slices"],
                    "source": r["source"],
                    "labelled_by": r["labelled_by"],
                    "licence": "CC-BY-4.0",
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
