"""``pointsam``: finds the command, runs it, and turns the user's faults into one line."""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any, NoReturn

COMMANDS = {
    "Try": ("demo",),
    "Prepare": ("data", "points", "models"),
    "Adapt": ("train", "merge", "cache"),
    "Use": ("predict", "boxes", "figure"),
    "Measure": ("evaluate",),
}
"""Modules of this folder, one a command, by what a user is after."""

DESCRIPTION = """\
Segment objects in satellite and aerial images from one click each, with a Segment Anything model
that adapts itself to your images. It learns from the clicks alone: no masks are needed. What it
learns is a small adapter beside the model, of some hundred kilobytes.
"""

EXAMPLE = """\
Example:
  pointsam train --images Images --points clicks.json --output adapter
  pointsam predict --images New --points new_clicks.json --adapter adapter --output masks
  pointsam evaluate --images Val --annotations masks.json --points val_clicks.json --output scores

'pointsam COMMAND --help' says more of each.
"""

PROGRESS_FORMS = ("bar", "json", "none")
"""As in pointsam.progress, whose imports ``--help`` does without."""

_USER_FAULTS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


_CHATTERERS = ("PIL", "rasterio", "pyogrio", "fiona")
"""Libraries that log what they then raise: it would be said twice."""


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command: argparse's own usage would drown it."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.add_argument(
            "--progress",
            choices=PROGRESS_FORMS,
            default=argparse.SUPPRESS,
            help="how long work shows how far it is: a bar (if not given), one JSON line an "
            "update on stderr, or nothing",
        )

    def error(self, message: str) -> NoReturn:
        """End with status 2, as argparse does."""
        self.exit(_stop(f"error: {message}: see '{self.prog} --help'."))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    2 for what the user can put right, said in one line; 130 when interrupted. Any other
    exception is a fault of this package and keeps its traceback.
    """
    args = make_parser().parse_args(argv)
    logging.basicConfig(format="pointsam: %(levelname)s: %(message)s")
    for library in _CHATTERERS:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    _ask_for_large_pages()
    from pointsam.errors import InputError
    from pointsam.progress import show_progress_as

    show_progress_as(getattr(args, "progress", "bar"))
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _stop("interrupted.", status=130)
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python must not try to flush to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except InputError as error:
        return _stop(f"error: {error}")
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        return _stop(f"error: {reason}")
    return status


def make_parser() -> argparse.ArgumentParser:
    """Describe the tool and all its commands."""
    parser = _Parser(
        prog="pointsam",
        usage="pointsam [--help] [--version] COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    parser.add_argument("--version", action="version", version=f"pointsam {version('pointsam')}")
    # Argparse would list the commands in one run; they are listed by purpose in its place.
    subparsers = parser.add_subparsers(
        prog="pointsam", required=True, metavar="COMMAND", help=argparse.SUPPRESS
    )
    for names in COMMANDS.values():
        for name in names:
            import_module(f"pointsam.cli.{name}").add_parser(subparsers)
    parser.epilog = f"{_overview(subparsers.choices)}\n{EXAMPLE}"
    return parser


def _ask_for_large_pages() -> None:
    """Let torch lay its tensors on large pages, where the user has not decided.

    The system clears memory page by page each time a large tensor is made: with pages of 4 KiB a
    tenth to a third of the time of an encode or decode on a CPU went there. Torch reads
    this at its first tensor; Linux alone heeds it.

    Source: PyTorch, c10/core/alignment and CPUAllocator (``THP_MEM_ALLOC_ENABLE``).
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def _overview(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """List the commands by purpose, each with the first sentence of its description."""
    lines = []
    for purpose, names in COMMANDS.items():
        lines.append(f"{purpose}:")
        for name in names:
            sentence = (parsers[name].description or "").partition(". ")[0].rstrip(".")
            lines.append(f"  {name:<10} {sentence}")
    return "\n".join(lines) + "\n"


def _reason(error: Exception) -> str | None:
    """Say what the user can put right about an error of the system; None if it is our fault."""
    # Libraries that write files themselves wrap the system's error in one of their own.
    if getattr(error, "errno", None) in _NO_SPACE or "No space left on device" in str(error):
        return f"the disk is full ({error}): free some space, or name an --output elsewhere."
    if not isinstance(error, _USER_FAULTS):
        return None
    if error.filename is None:
        return str(error)
    return f"{error.filename}: {error.strerror}."


def _stop(message: str, *, status: int = 2) -> int:
    """Print one line, whatever line breaks the message holds."""
    print("pointsam:", *message.split(), file=sys.stderr)
    return status
