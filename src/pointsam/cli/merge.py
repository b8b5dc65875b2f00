"""``pointsam merge``: writes an adapted model as a plain SAM."""

import argparse
from pathlib import Path

from pointsam.errors import InputError
from pointsam.files import refuse_existing
from pointsam.models.adapters.by_name import find_adapter
from pointsam.models.loading.checkpoints import EXPORT_SUFFIXES, export_plain
from pointsam.prediction.predictor import load


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "merge",
        help="write an adapted model as a plain checkpoint",
        description=(
            "Write an adapted model as a plain one, for tools that know no adapters: MobileSAM as "
            "a file under its released names, any other SAM as a folder in the format of "
            "transformers. It loads here too, by --model."
        ),
        epilog="example: pointsam merge --adapter runs/nwpu --output nwpu.pt",
    )
    parser.add_argument(
        "--adapter",
        type=find_adapter,
        required=True,
        metavar="DIR",
        help="folder that 'pointsam train' wrote, or the name of a shipped adapter",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="where the adapter's base is, if not where the adapter says: a name or a file",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="PATH",
        help="new .pt or .safetensors file; a new folder where the base is not MobileSAM",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Merge."""
    if args.output.suffix.lower() not in {"", *EXPORT_SUFFIXES}:
        raise InputError(f"--output {args.output}: expected a .pt or .safetensors file.")
    refuse_existing(args.output)
    predictor = load(args.model, adapter=args.adapter, precision="float32")
    assert predictor.adapter is not None
    export_plain(predictor.adapter.merge(), args.output)
    print(f"merged model: {args.output} (use it at side {predictor.model.side})")
    return 0
