"""An adapter is data: its configuration decides nothing that this package would not write."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.tiny_models import small_mobile_sam

from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.adapters.saved import CONFIG_NAME, WEIGHTS_NAME, load_adapter_weights
from pointsam.prediction.predictor import load as open_predictor
from pointsam.prediction.predictor import usual_base
from pointsam.training.starting import Start

SIDE, FIRST_BLOCK = 128, 2


@pytest.fixture
def folder(tmp_path):
    attach_adapter(small_mobile_sam(SIDE), rank=2, first_block=FIRST_BLOCK, seed=0).save(tmp_path)
    return tmp_path


def load(folder):
    return load_adapter_weights(small_mobile_sam(SIDE), folder, first_block=FIRST_BLOCK)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("use_dora", True),
        ("modules_to_save", ["image_encoder"]),
        ("target_modules", ["layers.0"]),
        ("init_lora_weights", "pissa"),
        ("rank_pattern", {"x": 10**9}),
        ("unheard_of", "yes"),
    ],
)
def test_settings_that_no_adapter_here_has_are_refused(folder, name, value):
    config = json.loads((folder / CONFIG_NAME).read_text())
    (folder / CONFIG_NAME).write_text(json.dumps(config | {name: value}))
    with pytest.raises(InputError, match=name):
        load(folder)


def test_weights_of_another_shape_are_refused(folder):
    state = load_file(folder / WEIGHTS_NAME)
    name = sorted(state)[0]
    save_file(state | {name: torch.zeros(1, 1)}, folder / WEIGHTS_NAME)
    with pytest.raises(InputError, match="has shape"):
        load(folder)


def test_a_base_that_a_card_names_is_not_downloaded(folder):
    card = AdapterCard(
        family="sam", base="some/body", base_hash="0", side=64, first_block=0, rank=1, settings={}
    )
    card.save(folder)
    with pytest.raises(InputError, match="give --model the path"):
        usual_base(folder)
    with pytest.raises(InputError, match="give --model the path"):
        open_predictor(adapter=folder)
    start = Start(folder, card, "0")
    with pytest.raises(InputError, match="give --model the path"):
        start.settings()
    assert start.settings(named="mobile_sam")["model"]["name"] == "mobile_sam"
