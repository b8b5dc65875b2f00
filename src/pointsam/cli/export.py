"""``pointsam export``: a model, adapted or not, in the formats of other tools."""

import argparse
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.errors import InputError
from pointsam.export.checkpoints import export_checkpoint
from pointsam.export.onnx import export_onnx, form_of
from pointsam.export.weights import Weights
from pointsam.files import refuse_existing
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.predictor import load

FORMS = ("anylabeling", "onnx", "checkpoint")
_ONNX_ONLY = ("name", "weights", "side")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "export",
        help="write a model in the formats of other tools",
        description=(
            "Write a model, with its adapter merged into it, for other tools. anylabeling: ONNX "
            "files and the YAML that AnyLabeling and X-AnyLabeling open; onnx: the same with an "
            "encoder that takes normalised 3 x 1024 x 1024 pixels; checkpoint: the official names "
            "of MobileSAM, SAM, SAM-HQ and SAM 2."
        ),
        epilog="example: pointsam export --to anylabeling --adapter runs/nwpu --output nwpu-onnx",
    )
    parser.add_argument("--to", choices=FORMS, required=True, help="format")
    parser.add_argument(
        "--adapter", type=Path, metavar="DIR", help="folder that 'pointsam train' wrote"
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="a known name ('pointsam models'), a checkpoint file or folder; "
        "the adapter's base, or mobile_sam, if not given",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="PATH",
        help="new folder for ONNX; new .pt, .pth or .safetensors file for a checkpoint",
    )
    _add_onnx(parser.add_argument_group("ONNX"))
    checkpoint = parser.add_argument_group("checkpoint")
    checkpoint.add_argument(
        "--memory-from",
        type=Path,
        metavar="FILE",
        help="Meta's file of the same SAM 2, whose weights for videos are written, too: SAM 2's "
        "own loader needs them",
    )
    parser.set_defaults(run=run)


def _add_onnx(onnx: "argparse._ArgumentGroup") -> None:
    onnx.add_argument("--name", help="of the model in the label tool; the folder's if not given")
    onnx.add_argument(
        "--weights",
        choices=["float32", "float16", "int8"],
        help="how weights are stored (default: float32)",
    )
    onnx.add_argument(
        "--side",
        type=int,
        metavar="PX",
        help="side that the model works at inside; the adapter's own, or 1024, if not given",
    )


def run(args: argparse.Namespace) -> int:
    """Export."""
    if args.to == "checkpoint":
        refuse_options(args, _ONNX_ONLY, "ONNX")
    else:
        refuse_options(args, ("memory_from",), "--to checkpoint")
    name = "" if args.to == "checkpoint" else _name(args.name, args.output)
    refuse_existing(args.output)
    predictor = load(args.model, adapter=args.adapter, side=args.side, precision="float32")
    model = predictor.model if predictor.adapter is None else predictor.adapter.merge()
    if args.to == "checkpoint":
        _write_checkpoint(args.output, model, args.memory_from)
        return 0
    _write_onnx(
        args.output,
        model,
        name=name,
        weights=args.weights or "float32",
        for_tool=args.to == "anylabeling",
    )
    return 0


def _name(asked: str | None, output: Path) -> str:
    """Give the model's name, which is part of file names."""
    name = output.resolve().name if asked is None else asked
    if not name.strip() or any(character in name for character in '/\\:*?"<>|'):
        raise InputError(f"--name {name!r} cannot be part of a file's name: use letters, digits, -")
    return name


def _write_checkpoint(path: Path, model: Segmenter, memory_from: Path | None) -> None:
    count = export_checkpoint(model, path, memory_from=memory_from)
    print(f"checkpoint: {path} ({count} tensors; use it at side {model.side})")
    if model.family == "sam2" and memory_from is None:
        print("it holds no weights for videos, which SAM 2's own loader needs: give --memory-from")


def _write_onnx(
    folder: Path, model: Segmenter, *, name: str, weights: Weights, for_tool: bool
) -> None:
    form_of(model)
    files = export_onnx(
        model, folder, name=name, picture="hwc" if for_tool else "chw", weights=weights
    )
    for path in (files.encoder, files.decoder):
        print(f"{path} ({path.stat().st_size / 1e6:.0f} MB)")
    if for_tool:
        print(f"open in the label tool as a custom model: {files.description}")
