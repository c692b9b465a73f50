"""A release is eight parts pinned by hash: a part that differs is refused by its name, a pickle is
refused unopened."""

from __future__ import annotations

import json
import shutil

import pytest
from support.releases import make_release, parts_in

from helpers.release.manifest import (
    MANIFEST,
    PARTS,
    ReleaseError,
    pack,
    read_manifest,
    refusal,
    verify,
)


@pytest.fixture
def parts(tmp_path):
    return parts_in(tmp_path / "parts")


@pytest.fixture
def release(tmp_path, parts):
    pack(tmp_path / "release", parts, {"why": "a test"})
    return tmp_path / "release"


def refused(release, **how) -> str:
    with pytest.raises(ReleaseError) as error:
        verify(release, **how)
    assert str(error.value).startswith(f"{error.value.part}: ")
    return error.value.part


def test_an_untouched_release_is_whole(release):
    assert verify(release) == read_manifest(release)


def test_a_truncated_adapter_is_refused_by_name(release):
    file = release / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert refused(release) == "adapter"


def test_a_swapped_index_is_refused_by_name(release, parts, tmp_path):
    shutil.rmtree(parts["index"])
    shutil.copytree(parts_in(tmp_path / "others", "other")["index"], parts["index"])
    assert refused(release) == "index"


@pytest.mark.parametrize("name", ["data", "labels", "weights", "evaluation"])
def test_a_changed_file_is_refused_by_name(release, parts, name):
    inside = next(iter(release.glob(f"{name}*")), parts[name])
    file = inside if inside.is_file() else next(p for p in inside.rglob("*") if p.is_file())
    file.write_bytes(file.read_bytes() + b" ")
    assert refused(release) == name


def test_a_file_that_was_added_to_a_folder_is_a_change(release, parts):
    (parts["index"] / "more").write_text("x")
    assert refused(release) == "index"


def test_an_edited_prompt_is_refused(release):
    (release / "prompt.txt").write_text("Say yes.")
    assert refused(release) == "prompt"


def test_changed_code_is_refused(release, monkeypatch):
    monkeypatch.setattr("helpers.release.manifest.code_of", lambda *places: "another code")
    assert refused(release) == "code"


def test_a_part_that_is_gone_is_refused_by_name(release, parts):
    parts["data"].unlink()
    assert refused(release) == "data"


def test_an_edited_manifest_is_refused_by_name(release):
    file = release / MANIFEST
    file.write_text(file.read_text().replace("a test", "a jest"))
    assert refused(release) == "manifest"


def test_a_manifest_that_was_forged_whole_is_not_the_approved_one(release, parts):
    approved = read_manifest(release).sha256
    shutil.rmtree(release)
    pack(release, parts | {"prompt": "Say yes."})
    assert verify(release)
    assert refused(release, approved=approved) == "manifest"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"parts": {}}', '{"parts": 1, "about": 1}'])
def test_what_is_no_manifest_is_refused(release, text):
    (release / MANIFEST).write_text(text)
    assert refused(release) == "manifest"


@pytest.mark.parametrize("name", ["adapter_model.bin", "x.pt", "training_args.pkl"])
def test_a_pickle_by_its_name_is_refused(tmp_path, parts, name):
    (parts["adapter"] / name).write_bytes(b"harmless")
    with pytest.raises(ReleaseError, match=r"adapter: .* is a pickle"):
        pack(tmp_path / "release", parts)


def test_a_pickle_under_another_name_is_refused_unopened(tmp_path, parts):
    import pickle

    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    (parts["weights"] / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ReleaseError, match=r"weights: .* is a pickle"):
        pack(tmp_path / "release", parts)


def test_nothing_is_left_of_a_release_that_cannot_be_packed(tmp_path, parts):
    parts["evaluation"].unlink()
    with pytest.raises(ReleaseError, match="evaluation"):
        pack(tmp_path / "release", parts)
    assert [p.name for p in tmp_path.iterdir()] == ["parts"]


@pytest.mark.parametrize("name", PARTS)
def test_every_part_must_be_named(tmp_path, parts, name):
    with pytest.raises(ReleaseError, match=f"{name}: is not named"):
        pack(tmp_path / "release", {k: v for k, v in parts.items() if k != name})


def test_a_release_without_an_index_says_so(tmp_path, parts):
    made = pack(tmp_path / "release", parts | {"index": None})
    assert made.parts["index"].kind == "none"
    assert verify(tmp_path / "release") == made


def test_the_name_changes_with_every_part(tmp_path):
    one, two = (make_release(tmp_path / n, prompt=f"Prompt {n}") for n in "ab")
    assert one.id != two.id
    assert one.changed(two) == ["prompt"]


def test_parts_may_be_elsewhere_on_another_machine(release, parts, tmp_path):
    shutil.move(parts["weights"], tmp_path / "elsewhere")
    assert refused(release) == "weights"
    assert verify(release, places={"weights": tmp_path / "elsewhere"})


def test_the_manifest_is_readable(release):
    saved = json.loads((release / MANIFEST).read_text())
    assert set(saved["parts"]) == set(PARTS)
    assert saved["about"]["why"] == "a test"


def test_a_refusal_is_said_part_first(release):
    (release / "prompt.txt").write_text("Another one.")
    assert refusal(verify, release).startswith("refused, prompt: ")


def test_what_is_accepted_is_said_so(release):
    assert refusal(verify, release) == "accepted"


def test_a_table_has_a_line_for_each_part(release):
    assert list(verify(release).table().index) == list(PARTS)
