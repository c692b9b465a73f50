"""A room's hub with two learners: what each may touch, and what is left of their work when a kernel
or the hub dies."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from support.browser import CHROMIUM, FLAGS
from support.hub import accounts, running_hub, skip_unless_installed

pytestmark = pytest.mark.slow
NOTEBOOK = "02_build_rag.ipynb"
GUESS = {"question": "?", "values": {"RAG": 0.3}, "made": "2026-03-02T09:14:07Z"}
GUESSES = {"02.rag": [GUESS | {"after_result": False}]}
JOURNAL = json.dumps({"format": 1, "guesses": GUESSES, "findings": {}})

# Runs in a kernel: what of another learner, and of the hub, can this account touch? Nothing is
# changed: a file is opened for writing and closed again.
ATTEMPTS = """
import json, os, signal, socket, urllib.request
from pathlib import Path
home, run, pid, state, root, weights = map(str, {places!r})

def tried(what):
    try:
        return bool(what())
    except Exception:
        return False

def writable(path):
    with open(path, "r+b"):
        return True

def connects():
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(next(Path(run).glob("kernel-*"))))
        return True

journal, index = Path(home, "my_work", "journal.json"), Path(home, "cache", "indexes", "x")
print(json.dumps({{
    "read journal": tried(lambda: journal.read_text()),
    "write journal": tried(lambda: writable(journal)),
    "list home": tried(lambda: os.listdir(home)),
    "list notebooks": tried(lambda: os.listdir(Path(home, "my_work", "notebooks"))),
    "read collection": tried(lambda: index.read_text()),
    "list sockets": tried(lambda: os.listdir(run)),
    "reach kernel": tried(connects),
    "read environment": tried(lambda: b"TOKEN" in Path("/proc", pid, "environ").read_bytes()),
    "signal server": tried(lambda: os.kill(int(pid), 0) is None),
    "list learners": tried(lambda: os.listdir(Path(home).parent)),
    "read hub database": tried(lambda: Path(state, "hub.sqlite").read_bytes()),
    "read hub secret": tried(lambda: Path(state, "cookie_secret").read_bytes()),
    "write course": tried(lambda: writable(Path(root, "notebooks", "02_build_rag.ipynb"))),
    "write weights": tried(lambda: writable(next(Path(weights).rglob("*.safetensors")))),
}}))
"""
OF_THE_HUB = {
    "list learners",
    "read hub database",
    "read hub secret",
    "write course",
    "write weights",
}


@pytest.fixture(scope="module")
def hub():
    skip_unless_installed()
    with running_hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def anna(hub):
    return hub.learner("anna")


@pytest.fixture(scope="module")
def carl(hub):
    """The victim: with a journal, something of an index, and a running kernel."""
    carl = hub.learner("carl")
    carl.kernel = carl.open_kernel(NOTEBOOK)
    said = in_kernel(
        carl,
        "import os\nfrom pathlib import Path\n"
        f"Path(os.environ['WORKBOOK_MY_WORK'], 'journal.json').write_text({JOURNAL!r})\n"
        "index = Path(os.environ['WORKBOOK_CACHE'], 'indexes', 'x')\n"
        "index.parent.mkdir(parents=True, exist_ok=True)\n"
        "index.write_text('passages')\nsecret = 41\nprint(os.getppid())",
        carl.kernel,
    )
    carl.server_pid = said.strip()
    return carl


def in_kernel(visitor, code, kernel=None):
    async def once():
        channel = await visitor.connect(kernel or visitor.open_kernel(NOTEBOOK))
        done = await channel.run(code)
        channel.close()
        return done

    done = asyncio.run(once())
    assert done.status == "ok", done.text
    return done.text


@pytest.fixture(scope="module")
def attempts(hub, carl):
    places = (
        hub.home("carl"),
        f"/run/workbook-hub/{hub.home('carl').name}",
        carl.server_pid,
        hub.place / "state",
        ROOT,
        hub.env["WORKBOOK_WEIGHTS"],
    )
    return ATTEMPTS.format(places=tuple(map(str, places)))


@accounts
def test_each_learner_has_an_account_of_their_own(anna, carl):
    ask = "import os; print(os.getuid())"
    found = {int(in_kernel(anna, ask)), int(in_kernel(carl, ask, carl.kernel))}
    assert len(found) == 2 and 0 not in found


@accounts
def test_a_learner_touches_nothing_of_another_or_of_the_hub(anna, attempts):
    assert [name for name, done in json.loads(in_kernel(anna, attempts)).items() if done] == []


def test_every_learner_reads_the_shared_weights(anna):
    code = (
        "import os\nfrom pathlib import Path\n"
        "for path in Path(os.environ['WORKBOOK_WEIGHTS']).rglob('*.safetensors'):\n"
        "    print(len(path.open('rb').read(9)))"
    )
    assert in_kernel(anna, code).split() == ["9", "9"]


@accounts
def test_the_owner_can_do_all_that_is_denied_to_others(carl, attempts):
    """So none of the attempts fails for another reason than the account."""
    done = json.loads(in_kernel(carl, attempts, carl.kernel))
    assert {name for name, worked in done.items() if not worked} == OF_THE_HUB


@accounts
def test_the_hubs_account_can_do_what_is_denied_to_learners(attempts):
    done = subprocess.run([sys.executable, "-c", attempts], capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert [name for name in OF_THE_HUB if not found[name]] == []


REQUESTS = [
    ("GET", "contents/hub"),
    ("GET", "kernels"),
    ("GET", "sessions"),
    ("POST", "sessions"),
    ("GET", "terminals"),
    ("GET", "status"),
]


def test_a_learners_browser_gets_nothing_from_anothers_server(anna, carl):
    codes = {anna.api(method, where, owner="carl").status_code for method, where in REQUESTS}
    assert codes <= {403, 404}
    assert carl.api("GET", "kernels").status_code == 200  # the owner's does


def test_a_learner_cannot_connect_to_anothers_kernel(anna, carl):
    with pytest.raises(Exception, match=r"HTTP 40[34]"):
        asyncio.run(anna.connect(carl.kernel, owner="carl"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "users"),
        ("GET", "users/carl"),
        ("POST", "users/carl/tokens"),
        ("DELETE", "users/carl/server"),
        ("GET", "users/instructor"),
        ("POST", "users/anna2"),
        ("GET", "proxy"),
        ("POST", "shutdown"),
    ],
)
def test_a_servers_token_opens_nothing_of_others(hub, anna, method, path):
    code = (
        "import os, urllib.request, urllib.error\n"
        f"url = os.environ['JUPYTERHUB_API_URL'] + '/{path}'\n"
        "token = {'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN']}\n"
        f"ask = urllib.request.Request(url, headers=token, method={method!r})\n"
        "try: print(urllib.request.urlopen(ask).status)\n"
        "except urllib.error.HTTPError as error: print(error.code)"
    )
    assert in_kernel(anna, code).strip() in ("403", "404")


def test_nobody_can_enter_with_anothers_name(hub, carl):
    from helpers.commands.hub.visitor import VisitError, Visitor

    for name in ("carl", "instructor"):
        with pytest.raises(VisitError, match="login"):
            Visitor(hub.address, name, "a guess of mine").log_in()


def test_no_kernel_listens_on_a_port(anna, carl):
    """A port on loopback is open to every account, and a kernel's output needs no key."""
    ports = "import glob, json, os\nprint([json.load(open(f))['transport'] for f in glob.glob("
    ports += "os.environ['JUPYTER_RUNTIME_DIR'] + '/kernel-*.json')])"
    assert set(re.findall(r"'(\w+)'", in_kernel(carl, ports, carl.kernel))) == {"ipc"}


def test_a_learner_does_not_see_the_board(hub, anna):
    assert anna.http.get(f"{hub.address}/services/room/?names=1").status_code == 403


@accounts
def test_the_hub_hands_out_beside_a_learners_copy_in_their_account(hub, anna, carl):
    notebooks = hub.home("anna") / "my_work" / "notebooks"
    own = (notebooks / NOTEBOOK).read_bytes()
    words = ["-m", "helpers.commands.hub.hand_out", "02", "2"]
    done = subprocess.run(hub.reachable([sys.executable, *words]), env=hub.env, cwd=ROOT)
    assert done.returncode == 0
    (given,) = notebooks.glob("02_*.from-instructor-solved-to-2-1.ipynb")
    assert given.stat().st_uid == notebooks.stat().st_uid != 0
    assert (notebooks / NOTEBOOK).read_bytes() == own


@pytest.mark.browser
def test_the_instructor_sees_the_rooms_guesses_in_a_browser(hub, carl):
    from playwright.sync_api import expect, sync_playwright
    from support.axe import serious_faults

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    asked = []
    with sync_playwright() as play:
        page = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{hub.address}/services/room/")
        page.get_by_label("Username").fill("instructor")
        page.get_by_label("Password").fill(hub.instructor_password())
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="The room", exact=True)).to_be_visible(
            timeout=30_000
        )
        expect(page.get_by_text("1 guess,")).to_be_visible()
        expect(page.get_by_text("Measured")).to_have_count(0)
        page.get_by_role("link", name="Show the outcome").click()
        expect(page.get_by_text("Measured")).to_have_count(1)
        expect(page.get_by_text(f"{hub.prefix}-carl")).to_have_count(0)
        page.get_by_role("link", name="With names").click()
        expect(page.get_by_text(f"{hub.prefix}-carl")).to_have_count(1)
        assert serious_faults(page) == []
    assert [url for url in asked if not url.startswith((hub.address, "data:"))] == []


def test_a_killed_kernel_costs_no_file(hub, anna):
    kernel = anna.open_kernel("03_chunking_lab.ipynb")
    copy = hub.home("anna") / "my_work" / "notebooks" / NOTEBOOK
    before = copy.read_bytes()
    pid = int(in_kernel(anna, "import os; print(os.getpid())", kernel))
    os.kill(pid, 9)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # the server starts it again by itself
        state = anna.api("GET", f"kernels/{kernel}").json()["execution_state"]
        if not Path(f"/proc/{pid}").exists() and state in ("idle", "starting"):
            break
        time.sleep(0.5)
    assert in_kernel(anna, "print(6 * 7)", kernel).strip() == "42"
    assert copy.read_bytes() == before


@pytest.fixture(scope="module")
def killed(hub, carl):
    """Last, for the others' browsers would have to enter again: the hub was killed and started
    anew. Its services before, and those of them that were left some seconds later."""
    services = [
        process
        for process in psutil.Process(hub.process.pid).children()
        if {"jupyterhub_idle_culler", "helpers.commands.hub.room_service"} & {*process.cmdline()}
    ]
    hub.kill()
    _, left = psutil.wait_procs(services, timeout=10)
    hub.start()
    return services, left


def test_a_killed_hub_comes_back_to_the_running_kernels(carl, killed):
    assert in_kernel(carl, "print(secret + 1)", carl.kernel).strip() == "42"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_no_service_outlives_a_killed_hub(killed):
    services, left = killed
    assert len(services) == 2
    assert left == []
