"""One champion at every moment: after kills, and when two promote at once. Back in one call, to the
same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time

import pytest
from conftest import until
from support.releases import make_release, parts_in

from helpers.release.manifest import ReleaseError
from helpers.release.registry import PromotionError, Registry, shelved

KILLS = 40


@pytest.fixture
def folders(tmp_path):
    """Three releases that differ in their prompt: name -> folder."""
    for name in "abc":
        make_release(tmp_path / name, prompt=f"Prompt {name}.")
    return {name: tmp_path / name / "release" for name in "abc"}


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "registry")


def promote(registry, folder):
    champion, candidate = registry.state.champion, registry.propose(folder)
    registry.promote(candidate, champion)
    return candidate


def test_a_new_registry_has_no_champion(registry):
    with pytest.raises(PromotionError, match="no champion yet"):
        registry.champion()


def test_the_candidate_becomes_the_champion(registry, folders):
    made = promote(registry, folders["a"])
    assert registry.champion()[1].id == made
    assert registry.state.candidate is None


def test_proposing_changes_no_champion(registry, folders):
    first = promote(registry, folders["a"])
    registry.propose(folders["b"])
    assert registry.state.champion == first


def test_a_withdrawn_candidate_cannot_be_promoted(registry, folders):
    first = promote(registry, folders["a"])
    second = registry.propose(folders["b"])
    registry.withdraw("the gate stopped it")
    with pytest.raises(PromotionError, match="run the gate again"):
        registry.promote(second, first)


def test_a_comparison_with_a_former_champion_is_out_of_date(registry, folders):
    first = promote(registry, folders["a"])
    promote(registry, folders["b"])
    third = registry.propose(folders["c"])
    with pytest.raises(PromotionError, match="run the gate again"):
        registry.promote(third, first)


def test_a_candidate_that_was_spoilt_since_is_refused_by_name(registry, folders):
    promote(registry, folders["a"])
    second = registry.propose(folders["b"])
    (folders["b"] / "adapter" / "adapter_config.json").write_text("{}")
    before = registry.file.read_bytes()
    with pytest.raises(ReleaseError, match="adapter"):
        registry.promote(second, registry.state.champion)
    assert registry.file.read_bytes() == before


def test_the_champion_is_checked_whenever_it_is_opened(registry, folders):
    promote(registry, folders["a"])
    (folders["a"] / "prompt.txt").write_text("Prompt b.")
    with pytest.raises(ReleaseError, match="prompt"):
        registry.champion()


def test_rolling_back_goes_one_champion_back_each_time(registry, folders):
    made = [promote(registry, folders[name]) for name in "abc"]
    assert [registry.rollback().now for _ in range(2)] == [made[1], made[0]]
    with pytest.raises(PromotionError, match="no champion before"):
        registry.rollback()


def test_a_rollback_is_timed(registry, folders):
    promote(registry, folders["a"])
    promote(registry, folders["b"])
    start = time.perf_counter()
    done = registry.rollback("drift")
    assert 0 < done.seconds <= time.perf_counter() - start


def test_a_rollback_to_something_spoilt_changes_nothing(registry, folders):
    promote(registry, folders["a"])
    second = promote(registry, folders["b"])
    (folders["a"] / "prompt.txt").write_text("?")
    with pytest.raises(ReleaseError, match="prompt"):
        registry.rollback()
    assert registry.state.champion == second


def test_the_log_says_what_was_done_and_why(registry, folders):
    promote(registry, folders["a"])
    promote(registry, folders["b"])
    registry.rollback("drift of 7 May")
    what = [line["what"] for line in registry.state.log]
    assert what == ["proposed", "promoted", "proposed", "promoted", "rolled back"]
    assert registry.state.log[-1]["why"] == "drift of 7 May"


def test_a_registry_that_is_none_is_not_overwritten(registry, folders):
    registry.folder.mkdir()
    registry.file.write_text('{"layout": 1, "champion"')
    with pytest.raises(ReleaseError, match="registry"):
        registry.propose(folders["a"])
    assert registry.file.read_text() == '{"layout": 1, "champion"'


def test_of_two_promotions_at_once_one_wins(registry, folders):
    """Twenty times, with a registry of its own for each thread as two processes would have."""
    promote(registry, folders["a"])
    won = []
    for turn in range(20):
        champion = registry.state.champion
        candidate = registry.propose(folders["bc"[turn % 2]])
        gates, done = threading.Barrier(2), []

        def one(champion=champion, candidate=candidate, gates=gates, done=done):
            mine = Registry(registry.folder)
            gates.wait()
            try:
                mine.promote(candidate, champion)
            except PromotionError:
                done.append(False)
            else:
                done.append(True)

        both = [threading.Thread(target=one) for _ in range(2)]
        [thread.start() for thread in both]
        [thread.join() for thread in both]
        won.append(sorted(done))
    assert won == [[False, True]] * 20


def promoting_for_ever(registry, folders):
    """Promotes b over a and rolls back, without a pause, until it is killed."""
    while True:
        champion = registry.state.champion
        registry.promote(registry.propose(folders["b"]), champion)
        registry.rollback()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_kill_during_promotion_leaves_exactly_one_champion(registry, folders):
    first = promote(registry, folders["a"])
    dice, champions, litter = random.Random(0), [], 0
    for _ in range(KILLS):
        before = registry.file.read_bytes()
        if not (child := os.fork()):
            try:
                promoting_for_ever(registry, folders)
            finally:
                os._exit(1)
        try:  # on a busy machine the child may need a while to begin
            until(lambda before=before: registry.file.read_bytes() != before)
            time.sleep(dice.uniform(0, 0.04))
        finally:
            os.kill(child, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it promoted until it was killed"
        champions.append(json.loads(registry.file.read_text())["champion"])
        litter += len(list(registry.folder.iterdir())) - 2
        assert registry.champion()[1].id == champions[-1]
        while registry.state.champion != first:
            registry.rollback()
    assert len(champions) == KILLS
    assert len(set(champions)) == 2, "kills came before and after the switch"
    assert litter <= KILLS, "at most one half-written file at a time"


def test_versions_are_promoted_in_their_order(tmp_path):
    registry, packed = shelved(
        tmp_path, [parts_in(tmp_path / name, name) for name in ("one", "two")]
    )
    now = registry.state
    assert (now.champion, now.past) == (packed[1].id, (packed[0].id,))
