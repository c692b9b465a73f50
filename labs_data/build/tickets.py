"""Write labs_data/tickets/{train,dev,test}.jsonl: composed tickets plus those in tickets_written.jsonl.

A composed ticket starts from a core sentence whose category, product and base priority are known, and adds parts
whose effect on the label is known too (a deadline, "no hurry", a wish for a call) or which have none (noise). The
label therefore follows from labs_data/tickets/LABELS.md by construction. Same seed, same bytes.
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
    "train": {"fault": 111, "delivery": 69, "return": 62, "billing": 56, "account": 51, "how_to": 51},
    "dev": {"fault": 17, "delivery": 10, "return": 9, "billing": 8, "account": 8, "how_to": 8},
}
FIRST = 64  # the first rows of train that must show every label value

# "product priority :: text"; {a|b} picks one. Lines whose number is 5, 11, 17 ... in their block are for dev only.
CORES = {
    "fault": """
s u :: Zone {1|4} of my {Sprig 4|Sprig 8} has been running {since midnight|for two hours} and won't stop, {the tap is stuck|the outside tap spins freely} and the {lawn|terrace} is a pond by now.
s n :: {Our|The} Sprig starts the morning program {twenty minutes|nearly an hour} late, but only on {weekdays|Sundays}.
s h :: The {Sprig 4|Sprig 8} {doesn't switch on any more|is stone dead}, no display, no lights, {not even with another power supply|different socket tried}.
s h :: Since {the update|the power cut} not one of the zones opens, neither from the phone nor with the buttons on the controller.
s n :: Zone {2|3|7} {stays closed|refuses to open} while all the others {work|water as they should}.
s u :: My watering controller {smells of burning|gives off a burnt smell} whenever {a valve opens|the pump starts}, so I've {switched it off at the fuse|pulled the plug}.
s n :: The rain delay is ignored: it {poured|rained buckets} {yesterday|on Monday} and the Sprig 8 {watered anyway|did its full round all the same}.
s n :: The controller keeps losing the wifi {after each rain shower|two or three times a day}, though it carries on with its last plan.
s n :: One of the buttons on the {Sprig|watering controller} {has to be pushed with a pencil|sticks}, the rest is fine.
g u :: There was {smoke|a thin trail of smoke} from the {battery box|base} of the weather mast {this morning|just now}.
g u :: When I {wiped|touched} the metal pole of the weather station I {got an electric shock|was given a proper electric shock}, the mains adapter was plugged in.
g h :: The weather station shows {dashes|nothing but dashes} everywhere: rain, wind, temperature, {the lot|all of it}, for {three|five} days.
g h :: Our Gale has gone completely silent, no values of any kind and {no light on the mast|the little lamp is out}.
g n :: The {wind cups turn|anemometer spins} happily, yet the Gale {reports 0|says dead calm}, whereas {rain and temperature|the other readings} look right.
g n :: My station counts {double|about twice} the rain that {the jug beside it|my neighbour's funnel} collects.
g n :: Humidity on the Gale hasn't moved from {61|88} percent for {a week|ten days}, nothing else is wrong.
g n :: The weather station {vanishes from|isn't listed in} the app {every few hours|each night} and then it's back as if nothing had happened.
w u :: The drip hose {has split indoors|has come apart in the winter garden}, everything's flooding, and the valve on the wall {turns without effect|has rusted solid}.
w u :: The main line of the drip kit {blew off|popped out} inside the {porch|orangery}, water is {running across the floor|going under the floorboards} and I can't find the stopcock.
g n :: Snow or not, the station at our place claims {31|27} degrees around noon, {it's winter here|we'd like that}.
w h :: There's no water at all from any of the drippers, {although|and yet} the tap gives {plenty|good pressure}.
w h :: {Since we put it in|From day one} nothing has come through the Dewline hoses, not a drop {on any line|in any bed}.
w n :: {Four|Nine} of the drippers on the {long|left} line are dry, the others {are all right|drip as they should}.
w n :: The pressure reducer of the drip set {whistles|hums} and {lets out a drop every second|sweats a bit}.
w n :: The end caps of the drip hoses {keep popping off|won't hold}, so I go round each morning and put them back.
p u :: In the app I'm looking at {somebody else's|a stranger's} garden, with {the street and house number|a name and a phone number} on it.
p u :: The app shows me the {camera pictures|addresses and notes} of {other customers|people I have never met} when I open the history.
p h :: {Almanac|The app} crashes {on start|before the first screen}, on {both my phones|phone and tablet}, so I've no way in.
p h :: The app hasn't loaded {anything|a single page} for {two|four} days, just a spinning wheel, whatever I try.
p n :: The {monthly|weekly} report in Almanac {counts every rain day twice|adds up wrongly}, the daily figures are correct.
p n :: Notifications from the app come {hours late|a day late}, {frost alarm included|even the frost alarm}.
p n :: I've paid for Plus and it says so, but the {hourly forecast|long charts} {remain locked|can't be opened}.
- h :: Your device {died on me|gave up}: it did its job until {last week|Sunday}, now {absolutely nothing|no sign of life}.
""",
    "delivery": """
s n :: My {Sprig 4|Sprig 8} {should have been here a week ago|is nine days late} and the tracking page {hasn't changed|says nothing useful}.
s n :: The controller {came|arrived} with {a smashed display|the corner broken off}, the carton looked as if {a forklift had been at it|it had been dropped}.
s n :: Instead of the Sprig 8 on my order there was {a Sprig 4|some other firm's timer} in the box.
s n :: {There's no power supply|The wall plate is missing} in the parcel with my controller.
g n :: The parcel with the weather station {was left in the rain|has been opened and taped up again}, and the {display|rain funnel} is cracked.
g n :: I've had {half|only one of two boxes} of my weather station so far, the {mast|base} is still on its way somewhere.
g n :: According to the courier my Gale was {signed for|delivered to a neighbour}, but nobody {here|in this street} has it.
g n :: Where has the station got to? It {left your warehouse|was shipped} on the {4th|11th} and then the trail {ends|goes cold}.
w n :: You packed {one|a single} drip kit, I ordered {two|three}, and the delivery note says everything's in there.
w n :: The drip hoses {turned up|came} with {the 13 mm instead of the 16 mm fittings|the wrong connectors}.
w n :: The roll of drip hose has {cuts|knife cuts} right through it, {whoever opened the pallet|somebody at the depot} was in too much of a hurry.
w n :: My Dewline set {has been lost|went missing} between {two depots|the depot and here}, the carrier {admits as much|says to ask you}.
p n :: The gift box with the Almanac Plus code {never came|hasn't turned up}, just an empty {envelope|sleeve}.
- n :: My parcel has been {"out for delivery"|"ready for loading"} for {five|eight} days.
- n :: The order is {marked as delivered|shown as handed over}, I was {at home all day|in the front garden} and saw no van.
- n :: I gave you {my old address|the wrong postcode} by mistake, can the parcel still be {sent elsewhere|redirected}?
- n :: What you've sent me is {someone's hedge trimmer|a box of plant labels}, and it isn't what I ordered.
""",
    "return": """
s n :: I'd like to {send back|return} the {Sprig 4|Sprig 8}, it's {unused|still sealed}, we've {decided on another system|given up on the lawn}.
s n :: Can I {swap|exchange} my Sprig 4 for the one with eight zones? It works, I've simply {planted more|run out of zones}.
s n :: The controller went back to you on the {2nd|9th} and I'm still waiting for {my money|the refund}.
s n :: Please cancel the {Sprig 8|watering controller} I ordered {yesterday|an hour ago}, it hasn't been sent.
g n :: How do I give the weather station back? {Nothing is wrong with it|It's fine}, {our roof isn't allowed one|it was a present and we have one}.
g n :: I want my money back for the {Gale|weather mast}: it's {bigger than I thought|not for me}, that's all.
g n :: You confirmed the arrival of my {returned|sent-back} station, but the refund is {30|25} short.
g n :: May I exchange the Gale for {the same in white|the model with the short mast}? It's {unopened|still in its wrapping}.
w n :: {I ordered the drip kit in the wrong length|My own mistake, I took the wrong drip kit}, and would like {the longer one instead|to exchange it}.
w n :: We've {two drip sets too many|one drip kit left over}, {never opened|still in plastic}, and want to hand {them|it all} back.
- n :: {I've changed my mind|We don't need it after all}, how can I send the order back?
- n :: The return portal {doesn't accept|doesn't know} my order number, and I only want to send back {something unopened|an unwanted gift}.
- n :: I sent my {return|parcel} to {the address on the slip|Lindenrode} and have {not heard since|had no refund so far}.
- n :: Please {stop|cancel} order {HB-209|KD-5518} before it's packed, I've {ordered twice|found it cheaper}.
""",
    "billing": """
p h :: I've been charged {twice|two times} for Almanac Plus in {January|the same week}.
p h :: I ended the paid plan in {autumn|November} and {still you've taken|you still took} the {yearly|monthly} fee, which I don't owe.
p h :: My card shows {59|49} for Plus where the offer said {39|29}, so that's {20|twenty} too much.
p n :: I want to {stop|cancel} my Plus plan {at the end of the term|as from next month}.
p n :: What will Almanac Plus cost after the {first year|trial}? I see {two|three} different prices on your pages.
p n :: Please change my subscription from {monthly to yearly|yearly to monthly}, the page {won't offer it to me|only offers me more of the same}.
p n :: Can I have the unused {months|half year} of my Plus plan paid back? I {no longer have a garden|use the free version anyway}.
s h :: For one Sprig I've been billed {two|twice}, {the bank statement shows it|both on the same day}.
s n :: The invoice for my {Sprig 8|controller} {lacks the VAT number|is made out to the wrong firm}.
g h :: You took {219|the full price} for the Gale although {199|the sale price} was agreed in your own {mail|offer}, the difference is mine.
g n :: I need {a copy of the invoice|a proper invoice} for the weather station, all I've got is {a packing slip|the delivery note}.
w h :: The drip kit was {109|89} on the order and {129|99} on my card, I'd like {the rest|what was over} back.
w n :: Why is there {an environmental fee|a handling fee} on the bill for the drip hoses? I'm {only asking|just curious what it is}.
- h :: An amount of {64.20|118.00} went off my account to you, for nothing that {I ordered|I know of}.
- n :: My {voucher|discount code} wasn't accepted {at the till|in the basket}, can it be {added afterwards|taken off the invoice}?
- n :: Could {the invoice|our invoices} go to the {bookkeeper|office} from now on, and not to me?
- u :: Stapled to my invoice was {another customer's|a complete stranger's}, with {bank details|name, address and account number}.
- n :: The {import duty|customs bill} on my order: {who pays that|is that included}, you or me?
""",
    "account": """
p h :: I can't get into {Almanac|the app}: {wrong password, it says|the password is refused}, and the reset mail {never comes|doesn't arrive}.
p h :: The app wants a code from {a phone I no longer own|an old number}, so I'm {locked out|shut out completely}.
p n :: How can I {change|replace} the e-mail address that I {use for|signed up to} the app with? I'm still logged in.
p n :: Please delete my {Almanac account|old app account} and {all the data|everything in it}.
p n :: Signing in to the app {works on the tablet and not|is fine on the tablet but not} on the phone, same password.
p u :: Someone in {another country|a town I've never been to} is logged in to my app account and {changes my schedules|keeps renaming my zones}.
p u :: My Almanac account {has been hacked|was taken over}: new e-mail, new password, and {it wasn't me|I did neither}.
p n :: I'd like my {son|tenant} to take over the whole Almanac account, {how is that done|is there a form}?
s n :: I've {sold|given away} my Sprig and want it {out of my account|moved to the new owner's name}.
s h :: The {used|second-hand} {Sprig 8|controller} I bought is locked to its old owner, and I can't {start a single zone|use it at all}.
g n :: The Gale {came with the house|stays with the house}, what's needed to {transfer it|put it in another name}?
g h :: My weather station {from the classifieds|bought second-hand} says "registered to another user" and {shows me nothing|won't do anything}.
w n :: The drip kit's guarantee is registered to {the builder|my ex-husband}, can it be put in my name?
- h :: My shop account is {blocked|locked}, {"too many attempts"|no reason given}, and I can't {log in|sign in} anywhere.
- n :: Please {correct|change} the surname on my customer account, I've {married|taken my old name back}.
- u :: Orders I didn't make are {appearing|showing up} in my customer account and {the password's been changed|somebody has altered the address}.
- n :: The {confirmation link|mail} for my new e-mail address {has expired|leads nowhere}, the old one still works.
""",
    "how_to": """
s l :: {How do I|What's the way to} {set|tell} the Sprig to water {every third day|only on odd days}?
s l :: Does the Sprig 8 {run|work} with {9 V valves|a booster pump}?
s l :: {Is|Will} the Sprig 4 {available again soon|in stock before spring}? It's been greyed out for weeks.
s l :: Can the controller be mounted {upside down|outdoors in a box}, or does it have to be {dry|upright}?
g l :: How high should the mast of the weather station be {above the ground|over the roof}?
g l :: Which batteries {go into|do you recommend for} the Gale when it's {minus 20|freezing}?
g l :: Where do I find the {firmware version|calibration menu} of the Gale? I'm sure it's simple.
w l :: How many {beds|metres} can {one|a single} drip kit supply?
w l :: Do you sell the {drippers|T pieces} of the drip set {singly|by the dozen}? {The dog ate two|I stepped on one}.
w l :: Can drip hoses be {buried|laid under bark}, and how deep?
p l :: Can {three|four} people share one garden in Almanac, and {does each need Plus|what would we need}?
p l :: It would be {lovely|great} if the app could {remind me to bring in the pots|show the moon phase}.
- l :: Do you {run|offer} {courses|open days} where one can see all this in a real garden?
- l :: {Which|What} of your products would you suggest for a {balcony|roof terrace} of 12 square metres?
s l :: After {five|three} years I only want to say: the Sprig is the best thing {in our shed|I ever bought}.
""",
}
# Parts that set a field. A letter list before :: says for which categories (f d r b a h).
DEADLINE = """
fdrbah :: {I need|Need} an answer by {Friday|Thursday}. /// It has to be sorted before {Wednesday|Sunday}. /// We {leave|fly} on {Saturday|Monday} and I want this settled first.
fdrbah :: I'm away from {tomorrow night|Thursday} on, so please before that. /// {My gardener|The electrician} comes on {Tuesday|Friday}, until then I must know. /// I've got until {tomorrow|Wednesday}, not longer.
fda :: The {wedding|open garden|fair} is on {Saturday|Sunday} and it must be working by then. /// {48 hours|Three days}, then {the guests arrive|we have 60 visitors here}.
b :: {Our accountant|The tax adviser} wants it by {Thursday|tomorrow noon}.
"""
NO_HURRY = """
fdrbah :: No hurry. /// There's no rush {at all|with this}. /// Take your time, {I've got plenty|it can wait}. /// Whenever you get round to it. /// It isn't pressing, {any time this season will do|next month is fine too}. /// It's not urgent.
"""
PERSON = """
fdrbah :: {Can|Could} somebody ring me? /// I'd like to talk to a real person, not {a form|the chat robot}. /// Please call, my number's in the {account|order}. /// Is there a phone number I can use? /// I want this to go to {your manager|a supervisor}.
fdrba :: This is {the third time I'm writing|my fourth mail} about it. /// I've {already written twice|asked you twice before}, {silence|and nothing}. /// Several mails from me so far, not one reply. /// I've reported this {again and again|five times} since {autumn|Christmas}.
fdrba :: If nothing happens I'll {see a solicitor|go to the ombudsman|take it to the consumer advice centre}. /// {My lawyer|Our solicitor} will be in touch otherwise. /// The local paper {might like this story|will hear of it}. /// Failing that, I'll have the bank {reverse the payment|do a chargeback}.
fdb :: I expect {something|a voucher} for {all the trouble|the hours I've spent on it}. /// What compensation do you offer for {this|the wasted time}? /// I'd say {three free months|a free month of Plus} would be fair.
f :: The guarantee ended {last month|in autumn}, {but please be generous|I'm asking for goodwill}. /// I've lost {plants|seedlings} worth {90|140} and want those paid.
r :: I know I'm past the 30 days, {could you make an exception|please let it through}? /// The receipt is lost and I know you insist on it, {but please|maybe this once}?
fdrbah :: I'm {in a wheelchair|disabled}, so {please bear that in mind|not everything's easy for me}. /// I've {been ill|just had an operation}, {sorry for the muddle|I'm slow at the moment}. /// It's all a bit much, {my husband|my mother} died {last month|in January}.
"""
# Parts that leave the label alone, some of them on purpose close to a word that looks decisive.
DETAIL = {
    "fault": "I've tried it {twice|several times} now. /// Bought {in May|about two years ago}, from {your site|the garden centre}. /// I don't want to return it, I want it to work. /// Not a refund case, I hope. /// A neighbour has the same and his is fine. /// {Pictures|A video} can be sent. /// I read the help pages from top to bottom. /// Money back or repair, either is fine with me.",
    "app": "Reinstalled it {twice|already}. /// The phone is {new|three years old}. /// I'm on the {latest|newest} version, I think. /// It's the same {with and without wifi|on mobile data}. /// I don't want a refund, I want it to work. /// I don't mean to cancel, not yet. /// {Screenshots|Pictures} on request.",
    "delivery": "Order {55-2180|TW-0917|number 88341}. /// I paid for {express|standard} by the way. /// It doesn't need a repair, it needs to be here. /// The tracking link {opens|goes to} {an empty page|the carrier's homepage}. /// Must I return anything for this? /// The account says \"completed\". /// The driver was {friendly|in a hurry}.",
    "return": "Bought {ten|nineteen} days ago. /// Receipt {is here|attached}. /// No fault, really. /// Who pays the postage? /// I still have the {box|carton} and all the bits. /// The delivery itself was {quick|perfect}. /// I've no printer for a label.",
    "billing": "Customer number {20-7714|CN 6652}. /// The product itself {is fine|works}. /// I paid by {card|bank transfer}. /// Nothing to return, all is in use. /// A screenshot is attached. /// Delivery was on time, by the way.",
    "account": "The {watering|hardware} {itself runs|is all right}. /// I've {checked|looked in} the spam folder. /// I can send {proof|the receipt} if needed. /// My bank card isn't the matter here. /// I followed the help page {to the letter|twice}.",
    "how_to": "I {looked|searched} in the manual and {found nothing|gave up}. /// Everything works, don't worry. /// {Nothing's|Nothing is} broken, I'm only asking. /// We're {new to this|beginners}. /// No return or complaint this time!",
}
NOISE = """Lovely weather here, {finally|for once}. /// {It's been raining|Rain} since Sunday {here|in our valley}. /// Hope {you're all well|spring has reached you as well}. /// I'm {71|82} and learned all this {late|from my grandson}. /// This is URGENT!! /// urgent!!! /// Please treat as soon as possible. /// ASAP please. /// Serial {S8-20417|GL2-7780|ends in 4402}, if that helps. /// {Otherwise|All in all} I'm {a happy customer|quite pleased with you}. /// I wrote {once before|on Monday}, perhaps it got lost. /// Your chat {sent me here|was closed}. /// If this goes on I'll leave {a bad review|one star}. /// {My wife|My husband} says I should just ask. /// Not the end of the world. /// I garden to relax, you know. /// The slugs had a good year too. /// Please reply {by mail|in writing}. /// Sent from the greenhouse, {excuse the typos|muddy thumbs}."""
OTHER = {
    "s": "The {Sprig|controller}, by the way, never misses a beat. /// My Sprig is {a joy|fine}. /// With the watering controller I've no complaints.",
    "g": "The weather station {is great|runs without trouble}. /// (The Gale is happy, thanks.) /// I've a Gale too, no problems there.",
    "w": "The drip hoses are {brilliant|doing well}. /// The Dewline I have from last year works.",
    "p": "The app {as such is good|runs nicely}. /// Almanac I {use daily|like a lot}.",
}
OPEN = "Hi, /// Hello, /// Hello there, /// Dear team, /// Good morning, /// Hey, /// Good evening, /// To whom it may concern, /// Hallo, /// Bonjour, /// Hi Brindlemark, /// Sorry to bother you."
CLOSE = "Thanks. /// Thank you! /// Kind regards /// Best wishes, {Jo|Piet|Maren|Colin} /// Thanks, {K.|B. T.|Anouk} /// Cheers, {Rob|Nell} /// Merci! /// Viele Grüße, {Anke|Uli} /// Many thanks in advance /// Rgds {J|P. K.} /// Yours, {a wet gardener|Mrs F.} /// ???"


def spin(rng, text):
    return re.sub(r"\{([^{}]*)\}", lambda m: rng.choice(m[1].split("|")), text)


def pick(rng, bank):
    return spin(rng, rng.choice(bank.split("///")).strip())


def pick_for(rng, table, category):
    lines = [line.split(" :: ") for line in table.strip().splitlines()]
    return pick(rng, rng.choice([bank for letters, bank in lines if category[0] in letters]))


def shorthand(rng, text):
    """Phone style: no capitals, fewer marks, one slip of the finger. No word that carries the label gets lost."""
    text = re.sub(r"\bplease\b", "pls", text.lower()).replace("'", "").rstrip(".")
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if w.isalpha() and len(w) > 6]
    if long:
        i, k = rng.choice(long), rng.randrange(1, 5)
        words[i] = words[i][:k] + words[i][k + 1] + words[i][k] + words[i][k + 2:]
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
        after.append(pick(rng, DETAIL["app" if category == "fault" and product == "p" else category]))
    if rng.random() < 0.4:
        # "urgent!!" beside "no hurry" would be odd, so low rows keep to the other noise
        noise = pick(rng, NOISE)
        calm = not re.search("urgent|as soon|asap", noise, re.I)
        if calm or priority != "l":
            (before if re.match("Lovely|.*[Rr]ain|Hope|I'm \\d|My ", noise) and rng.random() < 0.6 else after).append(noise)
    if product != "-" and rng.random() < 0.3:
        after.append(pick(rng, OTHER[rng.choice([p for p in OTHER if p != product])]))
    rng.shuffle(after)
    text = " ".join([*before, spin(rng, core), *after])
    if rng.random() < 0.4:
        hello = pick(rng, OPEN)
        if hello.endswith(",") and rng.random() < 0.5 and not re.match(r"I\b|Zone|Almanac|According", text):
            text = text[0].lower() + text[1:]
            hello += " "
        else:
            hello += rng.choice(["\n", "\n\n"]) if hello.endswith(",") else " "
        text = hello + text
    if rng.random() < 0.45:
        text += rng.choice([" ", "\n", "\n\n"]) + pick(rng, CLOSE)
    if rng.random() < 0.17:
        text = shorthand(rng, text)
    label = {"category": category, "product": PRODUCT[product], "priority": PRIORITY[priority], "needs_human": human}
    return {"input": text, "output": label}


def grams(text, n=8):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i:i + n]) for i in range(len(words) - n + 1)}


def main():
    rng = random.Random(SEED)
    written = [json.loads(line) for line in (HERE / "tickets_written.jsonl").read_text("utf-8").splitlines()]
    rows = {"train": [], "dev": [], "test": []}
    seen = {split: set() for split in rows}  # 8-grams, kept apart between the splits
    for row in written:
        seen[row["split"]] |= grams(row["input"])
        rows[row["split"]].append({**row, "source": "written", "labelled_by": "written"})
    for split, counts in GENERATED.items():
        for category, count in counts.items():
            cores = CORES[category].strip().splitlines()
            cores = [c for i, c in enumerate(cores) if (i % 6 == 5) == (split == "dev")]
            order = [line for _ in range(count // len(cores) + 1) for line in rng.sample(cores, len(cores))]
            for line in order[:count]:
                while True:
                    row = compose(rng, category, line)
                    mine = grams(row["input"])
                    if not any(mine & seen[s] for s in seen if s != split):
                        break
                seen[split] |= mine
                rows[split].append({**row, "slices": [], "source": "generated", "labelled_by": "rules"})
    for split, items in rows.items():
        values = {(k, v) for r in items for k, v in r["output"].items()}
        rng.shuffle(items)
        while {(k, v) for r in items[:FIRST] for k, v in r["output"].items()} != values:
            rng.shuffle(items)
        with (OUT / f"{split}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for n, r in enumerate(items, 1):
                row = {"id": f"t-{split}-{n:04d}", "input": r["input"], "output": r["output"], "slices": r["slices"],
                       "source": r["source"], "labelled_by": r["labelled_by"], "licence": "CC-BY-4.0"}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
