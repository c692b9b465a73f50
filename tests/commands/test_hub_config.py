"""What the hub's configuration promises, and what it does not."""

from __future__ import annotations

import os
import runpy

import pytest
from conftest import ROOT
from support.hub import skip_unless_installed
from traitlets.config import Config

from helpers.commands.hub import places

FILE = ROOT / "deploy" / "jupyterhub" / "jupyterhub_config.py"


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """The configuration as an account of this number gets it."""
    skip_unless_installed()
    monkeypatch.setenv("WORKBOOK_HUB", str(tmp_path / "h"))
    monkeypatch.setenv("WORKBOOK_HUB_URL", "http://127.0.0.1:8000")
    monkeypatch.setattr(places, "LONGEST_SOCKET_CHARS", 300)  # pytest's folders are deep
    for name in ("check_reachable", "share", "close_own"):
        monkeypatch.setattr(places, name, lambda *_: None)
    monkeypatch.setattr("compileall.compile_dir", lambda *_, **__: True)

    def run(uid: int = 1000, **env: str) -> Config:
        monkeypatch.setattr(os, "geteuid", lambda: uid)
        monkeypatch.setattr("helpers.commands.hub.places.RUN", tmp_path / "run")
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        while places.HELD:  # of the run before
            places.HELD.pop().close()
        config = Config()
        runpy.run_path(str(FILE), {"get_config": lambda: config})
        return config

    return run


def test_an_ordinary_user_is_told_that_nobody_is_kept_apart(configured):
    found = configured(uid=1000)
    assert "each other's files" in " ".join(found.JupyterHub.template_vars["announcement"].split())
    assert found.JupyterHub.spawner_class.endswith("SharedAccountSpawner")


def test_as_root_each_learner_has_an_account(configured):
    found = configured(uid=0)
    assert found.JupyterHub.spawner_class.endswith(".AccountSpawner")
    assert "template_vars" not in found.JupyterHub


def test_no_limit_is_claimed_that_nothing_enforces(configured):
    assert not {"mem_limit", "cpu_limit", "mem_guarantee"} & set(configured().Spawner)


def test_all_of_it_listens_on_loopback(configured):
    found = configured()
    places = [found.JupyterHub.bind_url, found.ConfigurableHTTPProxy.api_url]
    places += [one["url"] for one in found.JupyterHub.services if "url" in one]
    assert all(place.startswith("http://127.0.0.1:") for place in places)
    assert found.JupyterHub.hub_ip == "127.0.0.1"


def test_the_ports_are_the_same_after_a_crash(configured):
    assert configured().JupyterHub.hub_port == configured().JupyterHub.hub_port


def test_an_unknown_way_to_enter_is_refused(configured):
    with pytest.raises(SystemExit, match="none of own-password"):
        configured(WORKBOOK_HUB_AUTH="dummy")


def test_a_second_hub_in_one_folder_is_refused(configured):
    configured()
    with pytest.raises(places.PlaceError, match="a hub works in"):
        places.only_one_hub()
