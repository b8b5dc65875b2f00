"""The one kind of error that is the user's to fix."""

import struct
import zlib


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
