"""Text that others wrote: its encoding, JSON, YAML, and cells of a table."""

import codecs
import json
import math
import re
from pathlib import Path
from typing import Any

import yaml

from pointsam.errors import InputError, in_words

_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte-order marks, and the encodings that they mean."""

TEXT_MARKS = tuple(_ENCODINGS)
"""Byte-order marks."""

_COMPUTED = re.compile(r"'*[=+\-@\s]")
"""First characters of a cell that a table program takes for a formula, or drops."""

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a character that UTF-16 writes in two."""

_MAY_BE_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""How JSON and YAML may write it."""


def decoded(content: bytes, *, errors: str = "strict") -> str:
    """Give bytes as text: in UTF-8, or in what their byte-order mark says.

    Raises:
        UnicodeDecodeError: neither.
    """
    encoding = next((name for mark, name in _ENCODINGS.items() if content.startswith(mark)), None)
    return content.decode(encoding or "utf-8", errors)


def read_text(path: Path) -> str:
    """Read a file of text.

    Raises:
        InputError: it is not text in UTF-8, nor in UTF-16 with its mark.
    """
    try:
        text = decoded(path.read_bytes())
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 (at byte {error.start}): save it as UTF-8."
        ) from error
    if "\0" in text:
        raise InputError(
            f"{path} holds zero bytes, as UTF-16 without its mark does: save it as UTF-8."
        )
    return text


def read_json(path: Path) -> Any:
    """Read JSON, with or without a byte-order mark.

    Raises:
        InputError: it is none, or holds numbers too long to read.
    """
    try:
        return parse_json(decoded(path.read_bytes()))
    except ValueError as error:
        raise InputError(
            f"{path} is not JSON ({in_words(error)}): is it the right file, and written whole?"
        ) from error


def parse_json(text: str) -> Any:
    """Read JSON that others wrote; what no float can hold is infinite, as ``1e999`` is.

    Raises:
        ValueError: it is none, nested too deeply, or holds a text that no file can hold.
    """
    try:
        found = json.loads(text, parse_int=_whole)
        _refuse_halves(text, found)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return found


def _whole(digits: str) -> int | float:
    """Read a whole number; Python's own have no end, and fail where they meet a float."""
    return int(digits) if math.isfinite(rounded := float(digits)) else rounded


def _refuse_halves(text: str, found: Any) -> None:
    """Refuse half a character in what was read: it could be written nowhere.

    Raises:
        ValueError: there is one.
    """
    if _MAY_BE_HALF.search(text):
        written = json.dumps(found, ensure_ascii=False, skipkeys=True, default=str)
        half = _HALF.search(written)
        if half is not None:
            near = _HALF.sub("?", written[max(0, half.start() - 20) : half.end() + 20])
            raise ValueError(f"it holds half a character, in {near!r}")


def as_text(cell: Any) -> Any:
    """Mark a text that a table program would compute: ``=2+3`` is a name here, and no formula."""
    return f"'{cell}" if isinstance(cell, str) and _COMPUTED.match(cell) else cell


def from_text(cell: str) -> str:
    """Take the mark of `as_text` off."""
    return cell[1:] if cell.startswith("'") and _COMPUTED.match(cell) else cell


def read_yaml(text: str, *, plain: bool = False) -> Any:
    """Read YAML without aliases: a few lines of them stand for gigabytes.

    Args:
        text: of YAML.
        plain: keep every value as it is written, so that ``no`` is a text and not false.

    Raises:
        yaml.YAMLError: it is none, has aliases, or is nested too deeply.
    """
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise yaml.YAMLError("aliases (*name) are not read; write the values out")
        found = yaml.load(text, Loader=yaml.BaseLoader if plain else yaml.SafeLoader)
        _refuse_halves(text, found)
        return found
    except (ValueError, AttributeError, RecursionError) as error:
        # PyYAML's own, of dates and numbers that are none, or of thousands of digits.
        raise yaml.YAMLError(in_words(error)) from error
