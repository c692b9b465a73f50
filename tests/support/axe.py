"""Does a page shut anybody out? axe-core's serious and critical findings, in words."""

from __future__ import annotations

SERIOUS = ("serious", "critical")


def serious_faults(page) -> list[str]:
    """What axe finds on a page of Playwright's, one line a fault: rule, first place, how many."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]} ({len(one['nodes'])} places)"
        for one in found
        if one["impact"] in SERIOUS
    ]
