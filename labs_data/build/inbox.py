"""Where do the two PDFs of labs_data/inbox come from? One is printed by a browser and has a text
layer; one is a picture of a page.

    python labs_data/build/inbox.py      writes ladder-safety.pdf (needs chromium on the PATH) and
                                         scanned-lease.pdf

The bytes differ from run to run (a PDF holds the time at which it was made), so the files are
committed, and no test compares them.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from pathlib import Path

INBOX = Path(__file__).resolve().parent.parent / "inbox"

LADDERS = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Ladders and steps</title>
<style>@page { size: A5; margin: 18mm } body { font: 11pt/1.45 serif; hyphens: manual }
h2 { font-size: 13pt } .next { break-before: page }</style>
<h1>Ladders and steps</h1>
<p>Most of our accidents happen below the height of a kitchen chair. Somebody wants to reach one
thing, quickly, and stands on what is nearest. This sheet is for everybody at Brindlemark who
leaves the floor, whether in the main warehouse, the repair workshop or the stationery
cupboard.</p>
<h2>Which one to take</h2>
<p>Steps with a green plate carry 150 kilograms and are for heights of up to 1.4 metres. Ladders
with a white plate are for picking aisles 1 to 9 only; they have hooks that fit the rails there
and no others. The long ladder in bay 3 is for Facilities. Its chain is not an invitation.</p>
<p>A chair on castors is not a ladder. Neither is a homecomer tote, a pallet, or a colleague.</p>
<h2>Before you climb</h2>
<p>Look at the feet, the rungs and the plate. The date on the plate is the day of the last
inspec-<br>tion. If it is more than 7 months ago, hang a red tag on the ladder and take another
one. Warehouse Operations fetches tagged ladders on Mondays.</p>
<h2 class="next">On the ladder</h2>
<p>Face the rungs and keep three points on it: two feet and a hand, or two hands and a foot. Carry
nothing that needs both hands. Boxes of more than 6 kilograms go up with the lift table. Nobody
works from a ladder alone in the building, and nobody works from one during the Sieve after the
second count, when everyone is tired.</p>
<p>Outdoors, in the test and demonstration gardens, ladders stay on the ground at wind of more
than 38 kilometres an hour. A Gale on the roof shows it, and yes, somebody did climb up to read
it.</p>
<h2>If you fall, or nearly</h2>
<p>Report it to the shift lead on the same day, even if only your pride is hurt. The form takes 4
minutes. We look at all reports of a quarter together, and move the things that people keep
climbing for.</p>
</html>"""

LEASE = [
    "LEASE OF STORAGE ROOM",
    "",
    "Thornaby Wharf, shed 4",
    "",
    "1. The room is let to Brindlemark for the storage",
    "   of garden hoses and of nothing that burns.",
    "2. The rent is 212 GBP a month, due on the 6th.",
    "3. Either side may end this lease with 75 days' notice,",
    "   in writing, on paper.",
    "4. The tenant sweeps. The landlord mends the roof.",
    "",
    "Signed in 1997",
]


def print_ladders(to: Path) -> None:
    """A page printed by a browser: two pages with a text layer."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "ladders.html"
        page.write_text(LADDERS, encoding="utf-8")
        browser = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
        ]
        subprocess.run(
            [*command, f"--print-to-pdf={to}", page.as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )


def scan_lease(to: Path, seed: int = 20260302) -> None:
    """A picture of a typed page, slightly askew and with specks, as an old copier would give it: no
    letter in it is text."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("L", (1000, 760), 255)
    draw, font, chance = ImageDraw.Draw(picture), ImageFont.load_default(28), random.Random(seed)
    for row, line in enumerate(LEASE):
        draw.text((90, 80 + 48 * row), line, fill=30, font=font)
    for _ in range(400):
        draw.point((chance.randrange(1000), chance.randrange(760)), fill=0)
    picture.rotate(0.7, fillcolor=255).convert("1", dither=Image.Dither.NONE).save(
        to, "PDF", resolution=150
    )


if __name__ == "__main__":
    print_ladders(INBOX / "ladder-safety.pdf")
    scan_lease(INBOX / "scanned-lease.pdf")
