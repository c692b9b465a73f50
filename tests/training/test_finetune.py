"""Training: the loss is the textbook's, the adapter is peft's, a seed gives one adapter, and
nothing half-trained is left behind."""

import dataclasses
import errno
import json
import math

import pytest
from safetensors.torch import load_file
from support.tiny_model import HOW, tiny_generator, tiny_rows

from helpers.core import settings
from helpers.core.progress import Stopped
from helpers.data.tickets import load_tickets
from helpers.evaluation.evaluator import TICKETS, evaluate
from helpers.models import generate, load
from helpers.systems import TICKET_PROMPT, labelled
from helpers.training import adapters, lora, trainer
from helpers.training.trainer import LoraSettings, TrainingError

QUICK = LoraSettings(epochs=2, rank=2, batch_rows=2, learning_rate=4e-3)


@pytest.fixture
def generator():
    """In the number format that this machine is fast in, or in float32 where the test asks for
    it."""
    return load.load_generator()


@pytest.fixture
def rows(generator):
    return labelled.training_rows(generator, TICKET_PROMPT, load_tickets("train")[:6])


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty adapters folder; the weights stay where they are."""
    home = tmp_path / "adapters"
    home.mkdir()
    plain = settings.cache_folder
    monkeypatch.setattr(
        settings, "cache_folder", lambda *names: home if names == ("adapters",) else plain(*names)
    )
    return home


def trained(generator, rows, how=QUICK, **more):
    return trainer.finetune(
        generator, rows, how, say=lambda _: None, **({"progress": lambda *_: None} | more)
    )


def whole(generator, rows):
    return [lora.encode(generator.tokenizer, prompt, completion) for prompt, completion in rows]


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_loss_is_counted_on_the_completion_only(generator):
    """Equal to the textbook loss with the prompt masked by -100, padding and all."""
    import torch

    batch = whole(
        generator, [("Say one.", "one"), ("Say a much longer thing, please, now.", "two three")]
    )
    ours = lora.completion_loss(generator.model, batch, generator)
    total, count = 0.0, 0
    for ids, prompt, _ in batch:
        labels = torch.tensor([[-100] * prompt + ids[prompt:]])
        loss = generator.model(input_ids=torch.tensor([ids]), labels=labels).loss
        total, count = total + loss.item() * (len(ids) - prompt), count + len(ids) - prompt
    assert ours.item() == pytest.approx(total / count, rel=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_reading_first_and_answering_after_is_the_same_loss(generator, rows):
    """Without an adapter, what was read before (in batches, padded, kept) must make no
    difference."""
    import torch

    begins = lora.invocation(generator)
    parted = [lora.encode(generator.tokenizer, p, c, begins, everywhere=False) for p, c in rows]
    assert len({one.acts_from for one in parted}) > 2, (
        "prompts of one length would hide a mistake in padding"
    )
    memory = lora.Prompts(generator, parted, kept_tokens=150)  # room for some: both ways are gone
    with torch.no_grad():
        at_once = lora.completion_loss(generator.model, whole(generator, rows), generator).item()
        for _ in range(2):
            assert lora.completion_loss(
                generator.model, parted, generator, memory.of(range(len(parted)))
            ).item() == pytest.approx(at_once, rel=1e-4)
    assert 0 < len(memory.kept) < len(parted)


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_any_peft_reads_the_adapter_and_says_the_same(generator, rows, cache):
    """Our two steps (the base reads, the adapter answers) are peft's own activated LoRA, to the
    rounding error."""
    import torch
    from peft import PeftModel
    from transformers import DynamicCache

    adapter = trained(generator, rows)
    assert {p.name for p in adapter.folder.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
    }
    plain = PeftModel.from_pretrained(load.fresh_copy(generator), str(adapter.folder)).eval()
    tuned, begins = adapters.with_adapter(generator, adapter), lora.invocation(generator)
    assert tuned.unread_tokens == len(begins) == 4
    ids = torch.tensor([whole(generator, rows)[0].ids])
    call = len(generator.tokenizer(rows[0][0], add_special_tokens=False)["input_ids"]) - len(begins)
    with torch.no_grad():
        theirs, base = (
            plain(input_ids=ids).logits[0, call:],
            generator.model(input_ids=ids).logits[0, call:],
        )
        cache = DynamicCache(config=generator.model.config)
        tuned.reader.base_model(input_ids=ids[:, :call], past_key_values=cache, use_cache=True)
        ours = tuned.model(input_ids=ids[:, call:], past_key_values=cache, use_cache=True).logits[0]
    assert (ours - theirs).abs().max() < 1e-2 < (base - theirs).abs().max()


def test_layers_below_the_first_get_no_matrices(cache):
    tiny = tiny_generator()
    layers = tiny.model.config.num_hidden_layers
    how = dataclasses.replace(HOW, from_layer=layers - 1, acts_on="everything")
    adapter = trainer.finetune(tiny, tiny_rows(tiny), how, say=lambda _: None)
    names = load_file(adapter.folder / "adapter_model.safetensors")
    assert {name.partition(".layers.")[2].split(".")[0] for name in names} == {str(layers - 1)}
    with pytest.raises(trainer.TrainingError, match=f"none of the {layers} layers"):
        trainer.finetune(
            tiny, tiny_rows(tiny), dataclasses.replace(how, from_layer=layers), say=lambda _: None
        )


@pytest.mark.slow
def test_training_changes_behaviour_and_the_base_stays_as_it_was(generator, rows, cache):
    before = {k: v.clone() for k, v in list(generator.model.state_dict().items())[:3]}
    said = []
    how = LoraSettings(epochs=12, rank=4, batch_rows=4, learning_rate=4e-3)
    adapter = trainer.finetune(
        generator, rows[:4], how, say=said.append, about={"ids": ["a", "b", "c", "d"]}
    )
    card = adapter.card
    assert card["losses"][-1] < card["losses"][0] / 2
    assert card["rows"] == len(card["row_sha256"]) == 4
    assert card["about"]["ids"][0] == "a"
    tuned = adapters.with_adapter(generator, adapter)
    table = evaluate(labelled.tuned(tuned, TICKET_PROMPT), load_tickets("train")[:4], TICKETS)
    assert table["valid"].all(), table["answer"].tolist()
    assert all((generator.model.state_dict()[k] == v).all() for k, v in before.items()), (
        "the base model was changed"
    )
    shared = dict(generator.model.named_parameters())["model.embed_tokens.weight"].data_ptr()
    assert tuned.model.get_input_embeddings().weight.data_ptr() == shared, (
        "the weights should be in memory once"
    )
    again = trainer.finetune(
        generator, rows[:4], how, say=said.append, about={"ids": ["a", "b", "c", "d"]}
    )
    assert again == adapter
    assert "was trained before" in said[-1]
    assert trainer.adapter_fingerprint(
        generator, rows, dataclasses.replace(how, seed=1)
    ) != trainer.adapter_fingerprint(generator, rows, how)


@pytest.mark.slow
@pytest.mark.parametrize("acts_on", ["answer", "everything"])
def test_a_seed_gives_one_adapter(generator, rows, cache, acts_on):
    how = dataclasses.replace(QUICK, acts_on=acts_on)
    first = (trained(generator, rows[:4], how).folder / "adapter_model.safetensors").read_bytes()
    for folder in cache.iterdir():
        if folder.is_dir():
            folder.rename(cache.parent / folder.name)
    second = trained(generator, rows[:4], how)
    other = trained(generator, rows[:4], dataclasses.replace(how, seed=1))
    assert (second.folder / "adapter_model.safetensors").read_bytes() == first
    assert (other.folder / "adapter_model.safetensors").read_bytes() != first


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_two_adapters_speak_in_turn_and_alone_as_in_company(generator, rows, cache):
    prompts = [
        labelled.tuned_prompt(generator, TICKET_PROMPT, case.ask.input)
        for case in load_tickets("dev")[:5]
    ]
    how = dataclasses.replace(QUICK, epochs=4)
    one, two = (
        adapters.with_adapter(generator, trained(generator, part, how))
        for part in (rows[:3], [(p, "No.") for p, _ in rows[:3]])
    )

    def answers(speaker):
        return [
            done.text
            for done in sorted(generate.complete(speaker, prompts, 24), key=lambda done: done.index)
        ]

    base, first = answers(generator), answers(one)
    assert answers(two) != first
    assert answers(one) == first
    assert answers(generator) == base
    assert [next(generate.complete(one, [prompt], 24)).text for prompt in prompts] == first
    # the beginning that all share is then read once, by the base
    assert answers(dataclasses.replace(one, shared_tokens=4)) == first


@pytest.mark.slow
def test_dev_rows_stop_the_training_and_the_best_epoch_is_kept(generator, rows, cache):
    # learning the rows makes this less likely
    wrong = [(prompt, "Nothing of the kind was ever said, dear Sir.") for prompt, _ in rows[4:]]
    adapter = trained(generator, rows[:4], dataclasses.replace(QUICK, epochs=6), dev=wrong)
    found = adapter.card["dev_losses"]
    assert 1 < len(found) < 6
    assert found[-1] > min(found)
    assert adapter.card["steps"] == 2 * len(found)


@pytest.mark.slow
def test_stopped_training_leaves_its_checkpoint_only_and_runs_again(generator, rows, cache):
    def stop(done, of, what):
        assert "loss" in what
        assert "s left" in what
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        trained(generator, rows[:4], progress=stop)
    assert sorted(path.suffix for path in cache.iterdir()) == [".lock", ".part"]
    # what kill -9 leaves
    leftover = cache / f"{trainer.adapter_fingerprint(generator, rows[:4], QUICK)}.building"
    leftover.mkdir()
    (leftover / "adapter_model.safetensors").write_bytes(b"half")
    assert trained(generator, rows[:4]).card["steps"] == 4
    assert sorted(path.suffix for path in cache.iterdir()) == ["", ".lock"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (
            lambda *_: __import__("torch").tensor(math.nan, requires_grad=True),
            "loss became nan at step 1; use a smaller learning_rate",
        ),
        (None, "cannot be stored in .*No space left"),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_is_left(
    generator, rows, cache, monkeypatch, broken, says
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(
        *((lora, "completion_loss", broken) if broken else (trainer, "_save", full))
    )
    with pytest.raises(TrainingError, match=says):
        trained(generator, rows[:2])
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_rows_that_teach_nothing_are_refused(cache):
    with pytest.raises(TrainingError, match="no rows"):
        trainer.finetune(None, [])
    with pytest.raises(TrainingError, match="row 2 has an empty completion"):
        trainer.finetune(None, [("a", "b"), ("c", " ")])
    with pytest.raises(TrainingError, match="1 dev rows are training rows as well"):
        trainer.finetune(None, [("a", "b")], dev=[("a", "b")])


@pytest.mark.slow
def test_rows_that_do_not_fit_are_refused(generator, cache):
    with pytest.raises(TrainingError, match=r"row 1 has \d+ tokens, and 4096 are the limit"):
        trained(generator, [(generate.chat(generator, "word " * 100_000), "x")])
    with pytest.raises(
        TrainingError,
        match=(
            r"the prompt of row 2 does not end where the assistant begins to"
            r' speak.*acts_on="everything"'
        ),
    ):
        trained(generator, [(generate.chat(generator, "a"), "x"), ("plain text", "y")])
    assert (
        trained(
            generator, [("plain text", "y")], dataclasses.replace(QUICK, acts_on="everything")
        ).card["rows"]
        == 1
    )


def test_an_adapter_for_other_weights_or_without_a_card_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(adapters, "REFERENCE", tmp_path)
    folder = tmp_path / "format"
    folder.mkdir()
    with pytest.raises(adapters.AdapterError, match="holds no finished adapter"):
        adapters.opened(folder)
    (folder / "card.json").write_text(
        json.dumps({"fingerprint": "f", "base": "SmolLM2@abc-float32-cpu"})
    )
    for where in ("bfloat16-cuda", "float32-cpu", "float16-mps"):
        assert (
            adapters.reference_adapter(
                "format", load.Generator("m", f"SmolLM2@abc-{where}", None, None, "cpu")
            ).fingerprint
            == "f"
        )
    with pytest.raises(
        adapters.AdapterError, match=r"trained on SmolLM2@abc-float32-cpu, and this is SmolLM2@abd"
    ):
        adapters.reference_adapter(
            "format", load.Generator("m", "SmolLM2@abd-float32-cpu", None, None, "cpu")
        )


def test_a_large_adapter_is_not_kept_and_a_small_one_replaces_the_old(tmp_path, monkeypatch):
    monkeypatch.setattr(adapters, "REFERENCE", tmp_path / "kept")
    made = tmp_path / "made"
    made.mkdir()
    (made / "adapter_config.json").write_text("{}")
    (made / "card.json").write_text('{"fingerprint": "x", "base": "b"}')
    (made / "adapter_model.safetensors").write_bytes(bytes(6_100_000))
    with pytest.raises(adapters.AdapterError, match=r"6\.1 MB and may have 6"):
        adapters.save_reference(adapters.opened(made), "format")
    (made / "adapter_model.safetensors").write_bytes(b"one")
    adapters.save_reference(adapters.opened(made), "format")
    (made / "adapter_model.safetensors").write_bytes(b"two")
    assert (
        adapters.save_reference(adapters.opened(made), "format") / "adapter_model.safetensors"
    ).read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["format"]
