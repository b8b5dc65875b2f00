"""The one kind of error that is the user's to fix."""

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
"""In which a library that decodes a file may end where the file is damaged."""

_LONGEST = 300
"""Characters of another library's message that a line carries."""


_OF_THE_SYSTEM = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Say by themselves what is wrong with a path."""

_WITHOUT_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
"""Numbers of errors that are not the file's."""


@contextmanager
def reading(path: Path, *, what: str = "the right file", then: str = "") -> Iterator[None]:
    """Be the boundary of a reader: a file gives a result, or one line that says what is wrong.

    Args:
        path: of the file or folder that is read inside the block.
        what: it should be, for the message.
        then: what the user can do, where there is more to say.

    Raises:
        InputError: whatever a damaged file makes the reader, or a library under it, stumble over.
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
