"""Training, saving and predicting know nothing of families: the same run serves each."""

import pytest
import torch
from tests.models.tiny_models import fitting_side, small_segmenter
from tests.training.drawn import settings, write_dataset

from pointsam.data.dataset import folder_images
from pointsam.errors import InputError
from pointsam.frames import ModelFrame
from pointsam.models.adapters.card import read_card
from pointsam.models.calibration import Calibration, decode_jointly
from pointsam.models.loading.checkpoints import load_adapter, load_segmenter
from pointsam.models.loading.library_folder import save_folder
from pointsam.prompts import Prompts
from pointsam.training.run import RunInputs, run_training

RUNS = [("sam", True), ("sam_hq", False), ("sam2", True), ("sam3_tracker", False)]
"""Each family, and whether its blocks are computed twice."""


@pytest.mark.parametrize(("family", "checkpointing"), RUNS)
def test_a_run_adapts_any_family(family, checkpointing, tmp_path):
    side = fitting_side(family)
    base = tmp_path / "base"
    save_folder(small_segmenter(family, side=side), base)
    data, images, _ = write_dataset(tmp_path, images=2)
    chosen = settings(
        regime="pointsam",
        model={"name": str(base), "side": side, "rank": 2, "checkpointing": checkpointing},
        # random weights make random masks: this asks whether a run works, not what it learns
        monitor={"min_agreement": 0.0, "min_share": 0.0, "max_area_change": 1e9},
        schedule={"epochs": 1},
    )
    run_training(
        RunInputs(data, folder_images(images), {"points.json": "hash"}, tmp_path / "out"), chosen
    )

    card = read_card(tmp_path / "out")
    assert (card.family, card.side) == (family, side)
    model = load_segmenter(str(base), side=side)
    adapter = load_adapter(model, tmp_path / "out")
    trained = [p for name, p in adapter.named_parameters().items() if "lora_B" in name]
    assert any(parameter.any() for parameter in trained)

    frame = ModelFrame((100, 128), side, model.stride)
    image = torch.zeros(3, *frame.resized_size, dtype=torch.uint8)
    prompts = Prompts.from_rows([[(30.0, 40.0, 1)], [(60.0, 60.0, 1), (5.0, 5.0, 0)]])
    with torch.no_grad():
        masks = decode_jointly(
            model, model.encode([image]), prompts, calibration=Calibration(0.1, 1)
        ).masks
    assert frame.logits_to_image(masks.low_res_logits).shape == (2, 100, 128)

    other = small_segmenter("sam" if family != "sam" else "sam2")
    with pytest.raises(InputError, match="not on this model"):
        load_adapter(other, tmp_path / "out")
