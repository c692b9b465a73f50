"""What the environment names: a folder, or a model of a hub."""

import os

import pytest

from helpers.core import settings


@pytest.mark.parametrize("name", ["owner/name", "HuggingFaceTB/SmolLM2-360M-Instruct", "a_b/c.d"])
def test_owner_and_name_are_a_hubs(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert settings.on_hub(name)


@pytest.mark.parametrize(
    "name",
    [
        "models/missing",
        "gpt2",
        "./a",
        "../a",
        "/a/b",
        "/ab",
        "~/a",
        "a/b/c",
        "a\\b",
        "C:/a",
        "https://host/a",
        "a/b ",
        "a/",
        "é/a",
        "",
    ],
)
def test_all_else_is_a_folder(tmp_path, monkeypatch, name):
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not settings.on_hub(name)


@pytest.mark.parametrize("variable", ["WORKBOOK_MODEL", "WORKBOOK_EMBEDDER"])
@pytest.mark.parametrize(
    ("name", "offline"), [("owner/name", None), ("./missing", "1"), ("missing", "1")]
)
def test_only_the_name_of_a_hubs_model_leaves_the_hub_open(
    tmp_path, monkeypatch, variable, name, offline
):
    monkeypatch.chdir(tmp_path)
    for one in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "WORKBOOK_MODEL", "WORKBOOK_EMBEDDER"):
        monkeypatch.setenv(one, "")  # so that what is set below goes with the test
        monkeypatch.delenv(one)
    monkeypatch.setenv(variable, name)
    settings.stay_offline()
    assert os.environ.get("HF_HUB_OFFLINE") == offline
