"""Commands with adapters, weights and settings they cannot use: how spoilt, and what is said."""

from pathlib import Path

import torch
from tests.cli.commands import (
    EVALUATE,
    FIGURE,
    GRID,
    MERGE,
    MODEL,
    PREDICT,
    SCENE,
    SCENE_GRID,
    TRAIN,
    cases,
)
from tests.cli.good_inputs import save_adapter
from tests.cli.spoiling import cut, gone, holds, saved, together, weights

WEIGHTS = "adapter/adapter_model.safetensors"
CARD = "adapter/pointsam.yaml"
PROTOTYPES = "adapter/target_prototypes.safetensors"
NAN = float("nan")
STATE = {"data_key": "of another run", "prototypes": None}


def _plain_card():
    """Give the card without its checksum, as those who change it by hand leave it."""
    return Path(CARD).read_text().rpartition("checksum: ")[0]


def card(old, new):
    return lambda: Path(CARD).write_text(_plain_card().replace(old, new))


def other_adapter():
    gone("adapter")()
    save_adapter(Path("adapter"), seed=1)


def first(change):
    """Change the first tensor of a file."""
    return lambda state: change(state, next(iter(state)))


MODELS = [
    ("an adapter of another base", EVALUATE, other_adapter, "adapter was trained on mobile_sam"),
    ("an adapter's weights cut short", PREDICT, cut(WEIGHTS), "adapter holds no adapter for this"),
    ("an adapter without weights", MERGE, gone(WEIGHTS), "no whole adapter folder (no adapter_mod"),
    ("an adapter a weight short", GRID, weights(WEIGHTS, first(lambda s, name: s.pop(name))),
     "adapter is damaged: its weights are not those of the 3 layers"),
    ("an adapter of NaN", SCENE, weights(WEIGHTS, first(lambda s, name: s[name].fill_(NAN))),
     "adapter holds NaN or infinity in"),
    ("an adapter's settings of nothing", FIGURE, holds("adapter/adapter_config.json", "{}"),
     "adapter/adapter_config.json is no LoRA adapter's"),
    ("an adapter without a card", SCENE_GRID, gone(CARD), "adapter is no adapter folder (no "),
    ("a card in no text", MERGE, holds(CARD, b"\xff\xfe"), "yaml is not an adapter's card"),
    ("a card that is no YAML", EVALUATE, holds(CARD, "a: ["), "is not an adapter's card (while"),
    ("a card cut short", PREDICT, cut(CARD), "is not an adapter's card ("),
    ("a card of layers that are not there", MERGE, card("first_block: 2", "first_block: 9"),
     "of the 0 layers that its card says are adapted"),
    ("prototypes of another model", GRID, saved(PROTOTYPES, {"prototypes": torch.ones(3, 3)}),
     "the adapter's prototypes have 3 channels"),
]  # fmt: skip

CHECKPOINTS = [
    ("weights of 0 bytes", "w.pt", holds("w.pt", ""), "w.pt is no checkpoint that can be read"),
    ("weights that are text", "w.safetensors", holds("w.safetensors", "tensors"), "no checkpoint"),
    ("weights cut short", "w.pt", together(saved("w.pt", {"a": torch.ones(99)}), cut("w.pt")),
     "w.pt is no checkpoint that can be read safely"),
    ("weights of another model", "w.pt", saved("w.pt", {"a": torch.ones(9)}),
     "w.pt holds neither MobileSAM, SAM, SAM-HQ nor SAM 2 under their released names"),
    ("a pickle", "w.pth", holds("w.pth", b"\x80\x04cos\nsystem\n(S'ls'\ntR."),
     "w.pth is no checkpoint that can be read safely (it holds code or is none)"),
    ("a model folder of nothing", "images", None, "images is no model folder (no config.json)"),
    ("a model folder of another kind", "m",
     lambda: (Path("m").mkdir(), holds("m/config.json", {"model_type": "bert"})()),
     "m holds a 'bert' model, expected one of sam"),
]  # fmt: skip

SETTINGS = [
    ("an unknown setting", "schedule: {epoch: 3}", "unknown setting schedule.epoch, known here: "),
    ("a stage misspelt", "shedule: {}", "unknown setting shedule, known here: regime, seed"),
    ("a setting of another kind", "seed: many", "settings.yaml: seed: Input should be a valid"),
    ("a number for a stage", "teacher: 3", "teacher: Input should be a valid dictionary"),
    ("a stage of a list", "{regime: self-training, teacher: [1]}", "settings.yaml: teacher: "),
    ("a setting given twice", "seed: 1\nseed: 2", "settings.yaml gives seed twice"),
    ("settings that are a list", "- 1", "settings.yaml holds list, expected settings by name"),
    ("settings that are no YAML", "a: [", "settings.yaml is not YAML"),
]

RUNS = [
    ("another run's state", f"{TRAIN} --resume",
     lambda: (Path("out").mkdir(), saved("out/state.pt", STATE)()),
     "out/state.pt belongs to a run over other images, points or settings"),
    ("a state cut short", f"{TRAIN} --resume",
     lambda: (Path("out").mkdir(), saved("out/state.pt", STATE)(), cut("out/state.pt")()),
     "out/state.pt is damaged: start again"),
    ("another run's windows", f"{SCENE} --resume",
     lambda: (Path("out").mkdir(), holds("out/run.json", {"bands": [1]})()),
     "out is of a run with another"),
]  # fmt: skip

BAD_MODELS = [
    *cases((n, c.replace(MODEL, "--adapter adapter"), spoil, s) for n, c, spoil, s in MODELS),
    *cases((n, f"{EVALUATE} --model {name}", spoil, s) for n, name, spoil, s in CHECKPOINTS),
    *cases(
        (n, f"{TRAIN} --config settings.yaml", holds("settings.yaml", text), s)
        for n, text, s in SETTINGS
    ),
    *cases(RUNS),
]
