"""The map of the trials says what a notebook's last cell says."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from helpers.commands.workshop import verdicts

SOURCE = """# %% [markdown]
# # 98 · Is it so?
#
# **On trial here:** *"It is so,
# always."* Is it?

# %%
say()
"""


def built(tmp_path, *said):
    source, path = tmp_path / "98_so.py", tmp_path / "98_so.ipynb"
    source.write_text(SOURCE, encoding="utf-8")
    outputs = [new_output("execute_result", {"text/markdown": one}) for one in said]
    nbformat.write(new_notebook(cells=[new_code_cell("say()", outputs=outputs)]), path)
    return verdicts.trial_of(source, path)


def test_the_last_verdict_counts_with_its_parts(tmp_path):
    said = "Yes.\n\n**On trial: held in part.** Held: *a*, because\nx."
    found = built(tmp_path, "**What happened.** 1 of 2", said)
    assert found == verdicts.Trial(
        "98", "It is so, always.", "held in part", "Held: *a*, because x."
    )


def test_a_notebook_that_was_not_built_with_a_verdict_has_none(tmp_path):
    assert built(tmp_path, "**What happened.** 1 of 2").verdict == ""


def test_a_notebook_without_a_sentence_is_left_out(tmp_path):
    source = tmp_path / "98_so.py"
    source.write_text("# %% [markdown]\n# # 98 · Is it so?\n", encoding="utf-8")
    assert verdicts.trial_of(source, tmp_path / "none.ipynb") is None


@pytest.mark.parametrize("number", ["02", "07"])
def test_the_map_has_the_sentences_of_the_course(number):
    assert f"| {number} | " in verdicts.verdicts_table()
