"""An adapter folder for the embedded model that was not trained, but changes what it sees."""

import torch

from pointsam import load
from pointsam.models.adapters.card import AdapterCard
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.loading.checkpoints import base_hash

SIDE = 128


def save_some_adapter(folder, *, side=SIDE, rank=2):
    model = load(side=side).model
    found = base_hash(model)
    adapter = attach_adapter(model, rank=rank, first_block=4, seed=0)
    for projection in model.adapted_modules(["query-value"]):
        weight = model.get_parameter(f"{projection.name}.lora_B.default.weight")
        with torch.no_grad():
            weight[projection.query_rows, :rank] = 0.3
            weight[projection.value_rows, rank:] = 0.3
    adapter.save(folder)
    AdapterCard(
        family=model.family,
        base="mobile_sam",
        base_hash=found,
        side=side,
        first_block=4,
        rank=rank,
        settings={},
    ).save(folder)
    return folder
