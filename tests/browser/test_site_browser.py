"""The web site and the kit in a browser, from the file system: search finds, solutions unfold, no
host is asked for anything, and axe finds no serious fault, dark or light."""

from __future__ import annotations

import io
import os

import pytest
from pypdf import PdfReader
from support.axe import serious_faults
from support.browser import CHROMIUM, FLAGS
from support.towns import own_folder, quiet

from helpers.commands import notebooks
from helpers.commands.assess import assess
from helpers.commands.workshop import kit, site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site of two notebooks; the rest is the same in kind."""
    pytest.importorskip("sphinx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBOOK_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("site")
        only = notebooks.sources(["00", "11"])
        patch.setattr(site, "PAGES", {"Look it up": ("notebooks/GLOSSARY.md",)})
        home = site.settings.cache_folder("site") / "source"
        site.write_sources(home, only)
        sphinx = pytest.importorskip("sphinx.cmd.build")
        assert sphinx.main(["-b", "html", "-q", str(home), str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("WORKBOOK_REQUIRE_BROWSER"):
            pytest.fail("Chromium is not installed, and this run requires it")
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        yield play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture
def opened(browser):
    """Opens a file, dark or light; afterwards: nothing but files was asked for."""
    asked = []

    def open_(path, scheme="light", more=""):
        page = browser.new_page(viewport={"width": 1300, "height": 900}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + more)
        return page

    yield open_
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@SCHEMES
@pytest.mark.parametrize(
    "name", ["index.html", "notebooks/00_start_here.html", "notebooks/11_decision_board.html"]
)
def test_axe_finds_no_serious_fault_on_the_site(built, opened, name, scheme):
    assert serious_faults(opened(built / name, scheme)) == []


@SCHEMES
@pytest.mark.parametrize("name", sorted(p.name for p in (kit.DOCS / "kit").glob("*.html")))
def test_axe_finds_no_serious_fault_on_the_kit(opened, name, scheme):
    assert serious_faults(opened(kit.DOCS / "kit" / name, scheme)) == []


@SCHEMES
def test_axe_finds_no_serious_fault_in_a_report(serve, opened, tmp_path, made_vectors, scheme):
    folder = own_folder(tmp_path / "own", serve().url)
    assess.assess(folder, tmp_path / "out", 2, quiet)
    assert serious_faults(opened(tmp_path / "out" / "report.html", scheme)) == []


def test_axe_does_find_a_fault(opened, tmp_path):
    (tmp_path / "bad.html").write_text("<html><img src='data:,'><button></button></html>")
    assert serious_faults(opened(tmp_path / "bad.html"))


def test_search_finds_a_word_from_the_file_system(built, opened):
    page = opened(built / "search.html", more="?q=Brindlemark")
    page.locator("#search-results li a").first.wait_for(timeout=60_000)
    assert "start_here" in page.locator("#search-results").inner_html()


def test_a_solution_unfolds(built, opened):
    page = opened(built / "notebooks" / "00_start_here.html")
    folded = page.locator("details.hide:has-text('Show the solution')").first
    assert not folded.locator("pre").first.is_visible()
    folded.locator("summary").click()
    assert folded.locator("pre").first.is_visible()


@pytest.mark.parametrize("width", [400, 800, 1010, 1300])
def test_no_page_scrolls_sideways(built, opened, width):
    page = opened(built / "notebooks" / "00_start_here.html")
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_arrow_keys_turn_the_slides(opened):
    page = opened(kit.DOCS / "kit" / "slides.html")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "Math.abs(document.querySelector('#s2').getBoundingClientRect().top) < 4"
    )


@pytest.mark.parametrize(("name", "pages"), [("leaders", 1), ("decision_path", 1)])
def test_what_is_one_page_prints_on_one(opened, name, pages):
    path = (kit.DOCS / "kit" / f"{name}.html").resolve()
    printed = opened(path).pdf(prefer_css_page_size=True)
    assert len(PdfReader(io.BytesIO(printed)).pages) == pages
