"""The error for faults that the user can correct."""

import errno
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line a user can act on.

    It says what came, what was expected and what to do. The command line prints it without
    a traceback and exits with status 2; any other exception is a fault of this package and
    keeps its traceback.
    """


DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""Errors that a decoding library raises for a damaged file."""

_LONGEST = 300
"""Most characters of another library's message in one line."""


_OF_THE_SYSTEM = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Errors that already say what is wrong with a path."""

_WITHOUT_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
"""Error numbers of the system that are not the file's fault."""


@contextmanager
def reading(path: Path, *, what: str = "the right file", then: str = "") -> Iterator[None]:
    """Turn the errors of a reader inside the block into one line about its file.

    Args:
        path: of the file or folder that is read inside the block.
        what: it should be, for the message.
        then: what the user can do, where there is more to say.

    Raises:
        InputError: the reader, or a library that it uses, failed.
    """
    try:
        yield
    except (InputError, *_OF_THE_SYSTEM):
        raise
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno in _WITHOUT_ROOM:
            raise
        advice = then or f"is it {what}, and written whole?"
        raise InputError(f"{path} cannot be read ({in_words(error)}): {advice}") from error


def in_words(error: Exception) -> str:
    """Put another library's error on one line, to be quoted in a message of this package."""
    # rasterio's own message only points to GDAL's, which is its cause.
    told = error.__cause__ if "See previous exception" in str(error) else error
    text = " ".join(str(told).split())
    if isinstance(error, KeyError):
        return f"it has no {text}"
    if isinstance(error, TypeError | AttributeError):
        return "a part of it is of another kind than expected"
    if len(text) > _LONGEST:
        return f"{text[:_LONGEST]}..."
    return text.rstrip(".") or type(error).__name__
