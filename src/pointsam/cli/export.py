"""``pointsam export``: a model, adapted or not, in the formats of other tools."""

import argparse
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.errors import InputError
from pointsam.export.checkpoints import export_checkpoint
from pointsam.export.onnx import export_onnx, form_of
from pointsam.files import refuse_existing
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.predictor import load

FORMS = ("anylabeling", "onnx", "checkpoint")
_ONNX_ONLY = {"name": None, "weights": "float32", "side": None}


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
    onnx = parser.add_argument_group("ONNX")
    onnx.add_argument("--name", help="of the model in the label tool; the folder's if not given")
    onnx.add_argument(
        "--weights",
        choices=["float32", "float16", "int8"],
        default="float32",
        help="how weights are stored (default: %(default)s)",
    )
    onnx.add_argument(
        "--side",
        type=int,
        metavar="PX",
        help="side that the model works at inside; the adapter's own, or 1024, if not given",
    )
    checkpoint = parser.add_argument_group("checkpoint")
    checkpoint.add_argument(
        "--memory-from",
        type=Path,
        metavar="FILE",
        help="Meta's file of the same SAM 2, whose weights for videos are written along: SAM 2's "
        "own loader asks for them",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export."""
    if args.to == "checkpoint":
        refuse_options(args, _ONNX_ONLY, "ONNX")
        refuse_existing(args.output)
        _write_checkpoint(args.output, _plain_model(args), args.memory_from)
        return 0
    refuse_options(args, {"memory_from": None}, "--to checkpoint")
    refuse_existing(args.output)
    _write_onnx(args, _name(args))
    return 0


def _name(args: argparse.Namespace) -> str:
    """Give the model's name, which is part of file names."""
    name: str = args.output.resolve().name if args.name is None else args.name
    if not name.strip() or any(character in name for character in '/\\:*?"<>|'):
        raise InputError(f"--name {name!r} cannot be part of a file's name: use letters, digits, -")
    return name


def _plain_model(args: argparse.Namespace) -> Segmenter:
    """Load the model that was asked for, the adapter merged into it."""
    predictor = load(args.model, adapter=args.adapter, side=args.side, precision="float32")
    return predictor.model if predictor.adapter is None else predictor.adapter.merge()


def _write_checkpoint(path: Path, model: Segmenter, memory_from: Path | None) -> None:
    count = export_checkpoint(model, path, memory_from=memory_from)
    print(f"checkpoint: {path} ({count} tensors; use it at side {model.side})")
    if model.family == "sam2" and memory_from is None:
        print("it holds no weights for videos: for SAM 2's own loader give --memory-from")


def _write_onnx(args: argparse.Namespace, name: str) -> None:
    model = _plain_model(args)
    form_of(model)
    files = export_onnx(
        model,
        args.output,
        name=name,
        picture="hwc" if args.to == "anylabeling" else "chw",
        weights=args.weights,
    )
    for path in (files.encoder, files.decoder):
        print(f"{path} ({path.stat().st_size / 1e6:.0f} MB)")
    if args.to == "anylabeling":
        print(f"open in the label tool as a custom model: {files.description}")
