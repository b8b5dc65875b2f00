"""Settings of ``pointsam train`` on the command line: flags, and ``--set`` for all others."""

import argparse
from typing import Any

import yaml

from pointsam.errors import InputError, in_words
from pointsam.models.segmenter import LAYER_KINDS
from pointsam.texts import read_yaml
from pointsam.training.settings import fixed_by_regime, merged

SETTING_FLAGS = {
    "regime": "regime",
    "seed": "seed",
    "precision": "precision",
    "model": "model.name",
    "side": "model.side",
    "adapt": "model.adapt",
    "rank": "model.rank",
    "first_block": "model.first_block",
    "checkpointing": "model.checkpointing",
    "chunk_size": "model.chunk_size",
    "batch_size": "data.batch_size",
    "epochs": "schedule.epochs",
    "lr": "schedule.lr",
    "rounds": "rounds.count",
}
"""Flags that stand for a setting."""


def add_settings(settings: "argparse._ArgumentGroup") -> None:
    """Describe the settings."""
    settings.add_argument(
        "--regime",
        choices=["labels", "pointsam", "self-training", "supervised"],
        help="labels (the default): masks are made of all clicks first, and then learned; pointsam "
        "and self-training: a teacher makes them in each step; supervised: of --annotations",
    )
    settings.add_argument(
        "--model",
        help="base model: a name ('pointsam models' lists them), a folder or a checkpoint file",
    )
    settings.add_argument("--side", type=int, help="side of the model's input, in pixels")
    settings.add_argument("--epochs", type=float, help="passes over the images, as few as named")
    settings.add_argument("--lr", type=float, help="learning rate")
    settings.add_argument("--batch-size", type=int, help="images in one step, over all processes")
    settings.add_argument(
        "--adapt",
        nargs="+",
        choices=LAYER_KINDS,
        help="layers that LoRA changes: in the encoder the queries and values, all of attention, "
        "or the MLPs; the mask decoder (if not given, --regime labels changes attention, MLPs "
        "and decoder, the others queries and values)",
    )
    settings.add_argument("--rank", type=int, help="LoRA rank of each adapted layer")
    settings.add_argument("--first-block", type=int, help="first adapted block of the encoder")
    settings.add_argument("--seed", type=int)
    settings.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "float16"],
        help="auto, if not given: bfloat16 where the machine multiplies it; a resumed run keeps "
        "what it began with",
    )
    settings.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="STAGE.NAME=VALUE",
        help="any other setting, e.g. teacher.max_negatives=0 (repeatable)",
    )


def parse_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Give the settings of flags and ``--set``; flags override.

    Raises:
        InputError: a setting without a value, or a value that is not YAML.
    """
    values: dict[str, Any] = {}
    given = [text.partition("=") for text in args.overrides]
    for name, equals, value in given:
        if not equals:
            raise InputError(f"--set {name} has no value: write STAGE.NAME=VALUE.")
        try:
            read = read_yaml(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set {name}={value} is not YAML ({in_words(error)}).") from error
        values = merged(values, _nested(name, read))
    for flag, name in SETTING_FLAGS.items():
        value = getattr(args, flag)
        if value is not None:
            values = merged(values, _nested(name, value))
    return values


def refuse_fixed(flags: dict[str, Any], regime: str) -> None:
    """Refuse settings of the command line that have no effect, since the regime fixes them.

    Raises:
        InputError: one of them has another value.
    """
    for stage, fixed in fixed_by_regime(regime).items():
        for name, value in fixed.items():
            given = flags.get(stage, {}).get(name, value)
            if given != value:
                raise InputError(
                    f"--set {stage}.{name}={given}: --regime {regime} has {value!r} there in any "
                    "case; leave it out, or use --regime pointsam."
                )


def _nested(name: str, value: Any) -> dict[str, Any]:
    """Turn ``a.b`` and a value into ``{a: {b: value}}``."""
    for part in reversed(name.split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested
