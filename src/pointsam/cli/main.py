"""``pointsam``: finds the command, runs it, and prints the user's faults in one line."""

import argparse
import errno
import io
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any, NoReturn

from pointsam.cli.caller import end_with_caller
from pointsam.cli.words import as_meant, refuse_empty
from pointsam.errors import InputError

COMMANDS = {
    "Try": {
        "demo": "Draw a small set of scenes, adapt to it from one point an object, and compare",
    },
    "Prepare": {
        "data": "Find, convert, check and split data sets",
        "points": "Make point files, from masks or from clicks of other tools",
        "models": "List the models that --model takes by name",
    },
    "Click": {
        "click": "Click objects on a page in the browser, adapt the model to them, save the map",
        "serve": "Answer label tools over HTTP, with an adapted or a plain model",
    },
    "Adapt": {
        "train": "Adapt a SAM to your images from point labels alone",
        "adapters": "List the adapters in a folder: base, data, settings and scores",
        "merge": "Write an adapted model as a plain one, for tools that know no adapters",
        "export": "Write a model, with its adapter merged into it, for other tools",
        "cache": "Show what the folder given to --cache of other commands holds, or delete it",
    },
    "Use": {
        "predict": "Segment the objects you clicked on, in images or georeferenced scenes",
        "label": "Turn clicks into instance masks, without training",
        "boxes": "Turn masks into oriented boxes and score them",
        "figure": "Draw masks before and after adaptation",
    },
    "Measure": {
        "evaluate": "Score a model or an adapter on fixed points and annotated masks",
        "score": "Score polygons on a map against true ones",
    },
}
"""Summary of each command, by purpose. ``cli/NAME.py`` holds the command."""

GROUPS = {
    "data": {
        "check": "say what a data set holds and what is wrong with it",
        "convert": "make COCO instance masks from label rasters or polygons",
        "images": "make 8-bit RGB images of 16-bit, float or many-band ones",
        "layout": "say which files of NWPU VHR-10, WHU or HRSID are in a folder",
        "split": "cut a data set in two",
    },
    "points": {
        "convert": "make a point file from the clicks of another tool, or a table of a point file",
        "draw": "draw points from masks, as an annotator would click them",
    },
}
"""The same for the commands of a group. ``cli/GROUP_NAME.py`` holds the command."""

DESCRIPTION = """\
Segment objects in satellite and aerial images from one click each, with a Segment Anything model
that adapts itself to your images. It learns from the clicks alone: no masks are needed. The result
is a small adapter beside the model, of some hundred kilobytes.
"""

EXAMPLE = """\
Example:
  pointsam train --images Images --points clicks.json --output adapter
  pointsam predict --images New --points new_clicks.json --adapter adapter --output masks
  pointsam evaluate --images Val --annotations masks.json --points val_clicks.json --output scores

'pointsam COMMAND --help' describes each command.
"""

PROGRESS_FORMS = ("bar", "json", "none")
"""As in pointsam.progress, which ``--help`` does not import."""

_USER_FAULTS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_CANNOT_WRITE = {errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EFBIG, errno.EMFILE}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_NO_MEMORY = re.compile(r"can('|no)t allocate memory|failed to map segment", re.IGNORECASE)
_CHATTERERS = ("PIL", "rasterio", "pyogrio", "fiona")
"""Libraries that log an error before they raise it; it would be printed twice."""


class _Parser(argparse.ArgumentParser):
    """Prints a usage fault in one line, without argparse's long usage."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # Two negative values (--stretch -17.5,-5.8) are no option.
        self._negative_number_matcher = re.compile(r"-[\d.]")
        self.add_argument(
            "--progress",
            choices=PROGRESS_FORMS,
            default=argparse.SUPPRESS,
            help="how long work shows its progress: a bar (if not given), one JSON line an "
            "update on stderr, or nothing",
        )

    def error(self, message: str) -> NoReturn:
        """End with status 2, as argparse does."""
        self.exit(_stop(f"error: {message}: see '{self.prog} --help'."))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    It is 2 after a fault that the user can correct, which is printed in one line; 130 after an
    interrupt, and 143 after SIGTERM. Any other exception is a fault of this package and keeps its
    traceback.
    """
    words = [as_meant(word) for word in (sys.argv[1:] if argv is None else argv)]
    logging.basicConfig(format="pointsam: %(levelname)s: %(message)s")
    logging.getLogger("pointsam").setLevel(logging.INFO)
    for library in _CHATTERERS:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    _ask_for_large_pages()
    _print_anything()
    end_with_caller()
    try:
        with _ending_on_request():
            refuse_empty(words)
            args = make_parser(words).parse_args(words)
            _show_progress(args)
            status: int = args.run(args)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _stop("interrupted.", status=130)
    except _TerminatedError:
        return _stop("ended on request; commands with --resume continue from here.", status=143)
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


class _TerminatedError(BaseException):
    """SIGTERM was received: a scheduler, a container or a user ends the process."""


@contextmanager
def _ending_on_request() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that temporary files are removed."""

    def end(*_: object) -> NoReturn:
        raise _TerminatedError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_anything() -> None:
    """Print characters that the terminal's encoding lacks as question marks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def make_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Describe the tool and the one command that is asked for.

    Args:
        words: the command line. Only the module of the command that it names is imported, so
            that ``pointsam --help`` does not wait for torch.
    """
    summaries = {name: text for of in COMMANDS.values() for name, text in of.items()}
    name = next((word for word in words if word in summaries), "")
    sub_name = next((word for word in words if word in GROUPS.get(name, ())), "")
    parser = _Parser(
        prog="pointsam",
        usage="pointsam [--help] [--version] COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=f"{_overview()}\n{EXAMPLE}",
    )
    parser.add_argument("--version", action="version", version=f"pointsam {version('pointsam')}")
    # Argparse would list all commands without order; here they are listed by purpose.
    subparsers = parser.add_subparsers(
        prog="pointsam", required=True, metavar="COMMAND", help=argparse.SUPPRESS
    )
    if name in GROUPS:
        group = subparsers.add_parser(name, description=f"{summaries.pop(name)}.")
        inside = group.add_subparsers(required=True, metavar="COMMAND")
        _add_commands(inside, GROUPS[name], asked=sub_name, folder=f"pointsam.cli.{name}_")
    _add_commands(subparsers, summaries, asked=name, folder="pointsam.cli.")
    return parser


def _add_commands(
    subparsers: "argparse._SubParsersAction[_Parser]",
    summaries: Mapping[str, str],
    *,
    asked: str,
    folder: str,
) -> None:
    """Add the command that is asked for with its options, and the others by name."""
    for name, summary in summaries.items():
        if name == asked:
            import_module(folder + name).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary)


def _show_progress(args: argparse.Namespace) -> None:
    """Set the form in which progress is shown."""
    from pointsam.progress import show_progress_as  # it imports tqdm, which --help does not need

    show_progress_as(getattr(args, "progress", "bar"))


def _ask_for_large_pages() -> None:
    """Let torch lay its tensors on large pages, where the user has not decided.

    The system clears memory page by page for each new large tensor. With pages of 4 KiB this took
    a tenth to a third of the time of an encode or decode on a CPU. Torch reads this variable at
    its first tensor; it has an effect on Linux alone.

    Source: PyTorch, c10/core/alignment and CPUAllocator (``THP_MEM_ALLOC_ENABLE``).
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def _overview() -> str:
    """List the commands by purpose."""
    lines = []
    for purpose, summaries in COMMANDS.items():
        lines.append(f"{purpose}:")
        lines += [f"  {name:<10} {summary}" for name, summary in summaries.items()]
    return "\n".join(lines) + "\n"


def _reason(error: Exception) -> str | None:
    """Explain an error of the system that the user can correct; None if it is our fault."""
    # Libraries that write files themselves wrap the system's error in one of their own.
    number = getattr(error, "errno", None) or _number_in(str(error))
    if number in _NO_SPACE:
        return f"the disk is full ({error}): free some space, or name an --output elsewhere."
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return (
            "the memory is full: close other programs, or give smaller images or windows, or fewer "
            "--threads."
        )
    if number not in _CANNOT_WRITE and not isinstance(error, _USER_FAULTS):
        return None
    filename = getattr(error, "filename", None)
    return str(error) if filename is None else f"{filename}: {os.strerror(number or 0)}."


def _number_in(text: str) -> int | None:
    """Find the system's own words in the message of a library that writes files itself."""
    known = sorted(_NO_SPACE | _CANNOT_WRITE)
    return next((number for number in known if os.strerror(number) in text), None)


def _stop(message: str, *, status: int = 2) -> int:
    """Print a message in one line, without line breaks and control characters."""
    line = " ".join(["pointsam:", *message.split()])
    print("".join(c if c.isprintable() else "?" for c in line), file=sys.stderr)
    return status
