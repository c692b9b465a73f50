"""How does a trained router get into a folder and back? Safetensors for the head and for the layers
that were tuned, JSON for the rest: nothing in it can execute."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

from helpers.core import settings
from helpers.core.files import build_aside
from helpers.core.records import DataError
from helpers.models import load
from helpers.systems.router import Router

TENSORS, CARD = "router.safetensors", "router.json"
BODY = "body."  # before the names of the body's own weights


def save_router(router: Router, folder: Path) -> Path:
    """Write the router into a folder of its own, whole or not at all. Of a tuned body only the
    weights are kept that differ from the embedder's (some 30 MB), so loading needs the same
    embedder."""
    import torch
    from safetensors.torch import save_file

    kept = {"weights": torch.tensor(router.weights), "bias": torch.tensor(router.bias)}
    if router.body is not None:
        frozen = load.load_embedder().state_dict()
        kept |= {
            BODY + name: weights.detach().cpu().contiguous()
            for name, weights in router.body.state_dict().items()
            if not torch.equal(weights.float(), frozen[name].float())
        }
    card = {
        "embedder": load.embedder_fingerprint(),
        "tuned": router.body is not None,
        "labels": list(router.labels),
        "temperature": router.temperature,
        "costs": [[right, said, cost] for (right, said), cost in router.costs.items()],
        "reject_at": router.reject_at if math.isfinite(router.reject_at) else None,
        "tried": router.tried,
        "fingerprint": router.fingerprint,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with build_aside(folder) as aside:
        save_file(kept, aside / TENSORS)
        (aside / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return folder


def load_router(folder: Path) -> Router:
    """The router of a folder that `save_router` wrote. Raises DataError when there is none, when it
    is damaged, or when it belongs to another embedder."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    where = settings.shown(folder)
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        kept = load_file(folder / TENSORS)
        if card["embedder"] != load.embedder_fingerprint():
            raise DataError(
                f"{where}: was trained with {card['embedder']}, and the embedder here is"
                f" {load.embedder_fingerprint()}; train the router again"
            )
        body = None
        if card["tuned"]:
            body = copy.deepcopy(load.load_embedder()).float()
            tuned = {name.removeprefix(BODY): one for name, one in kept.items() if BODY in name}
            if body.load_state_dict(tuned, strict=False).unexpected_keys:
                raise KeyError("weights that the embedder does not have")
            body.eval()
        return Router(
            labels=tuple(card["labels"]),
            body=body,
            weights=kept["weights"].numpy(),
            bias=kept["bias"].numpy(),
            temperature=card["temperature"],
            costs={(right, said): cost for right, said, cost in card["costs"]},
            reject_at=math.inf if card["reject_at"] is None else card["reject_at"],
            tried=card["tried"],
            fingerprint=card["fingerprint"],
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{where}: holds no router that can be read ({type(error).__name__}: {error}); train it"
            " again"
        ) from error
