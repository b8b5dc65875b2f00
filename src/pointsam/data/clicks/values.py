"""Reads single values of a click, by one rule for all formats."""

import re
from typing import Any

from pointsam.errors import InputError
from pointsam.prompts import NEGATIVE, POSITIVE

OBJECT = "object"
"""Class of clicks that have none."""

BACKGROUND = "background"
"""Class of clicks off the objects, unless the user names another."""

MAX_ID = 2**63 - 1
"""Largest number that a vector file can hold."""

_MISSING = {
    "", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>",
    "n/a", "na", "nan", "nat", "none", "null", r"\n",
}  # fmt: skip
"""What R, Excel, MySQL and pandas write for a value that is not there.

Source: pandas, _libs/parsers.pyx, ``STR_NA_VALUES``, for most of them.
"""
_ON, _OFF = {"1", "true"}, {"0", "false"}
_WHOLE_FLOAT = re.compile(r"([+-]?\d+)(?:\.0+(?:[eE][+]00)?|,0)")
_PICTURE = re.compile(r".+\.(?:jpe?g|png|tiff?|bmp|webp|jp2|gif)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f]+")
_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
_SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d+")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def text_of(value: Any) -> str | None:
    """Give a value as text; None where there is none.

    The text is one line, as point files demand. A whole number is the same in every column: 2,
    2.0, "2.0" and "2,0" are "2", while "07" stays.
    """
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = _CONTROL.sub(" ", str(value)).strip()
    if text.casefold() in _MISSING:
        return None
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole.group(1) if whole else text


def is_label(text: str) -> bool:
    """Say whether a text is one of those that `label_of` reads."""
    return text.casefold() in _ON | _OFF


def label_of(value: Any, place: str) -> int | None:
    """Read a label: 1 or true on the object, 0 or false off it; None where there is none.

    Raises:
        InputError: anything else; names the place.
    """
    text = text_of(value)
    if text is None:
        return None
    if text.casefold() in _ON:
        return POSITIVE
    if text.casefold() in _OFF:
        return NEGATIVE
    if _PICTURE.fullmatch(text):
        raise InputError(
            f"{place} has label {value!r}, which names an image: call that column image."
        )
    raise InputError(
        f"{place} has label {value!r}, expected 1 (on the object) or 0 (off it): if it names the "
        "kind of object, call it class."
    )


def owner_of(value: Any, place: str) -> str | None:
    """Read the name of an object in a table or a vector file; None where there is none.

    Raises:
        InputError: a number that a table program shortened, as it does with several others alike.
    """
    text = text_of(value)
    if text is not None and _SHORTENED.fullmatch(text):
        raise InputError(
            f"{place} has instance {text!r}, a number that a table program shortened, so that it "
            "may stand for several objects: format the column as text, and save it again."
        )
    return text


def category_of(value: Any) -> str:
    """Read a class, which may be a number, 0 too; a click without one is of class `OBJECT`."""
    text = text_of(value)
    return OBJECT if text is None else text


def is_background(category: str, negative: str) -> bool:
    """Say whether a class is the one of clicks off the objects, in any case of letters."""
    return category.strip().casefold() == negative.strip().casefold()


def number_of(text: str, place: str, *, commas_separate: bool = False) -> float:
    """Read a number with a decimal point or a decimal comma.

    Args:
        text: as written.
        place: for messages.
        commas_separate: the columns of its table, so that a comma in it may group thousands.

    Raises:
        InputError: no number, or one of two; names the place.
    """
    plain = text.strip()
    grouped = _GROUPED.fullmatch(plain) is not None
    if "_" in plain:  # Python reads 1_0 as 10
        raise InputError(f"{place}: {text!r} is not a number.")
    if plain.count(",") == 1 and "." not in plain:
        if grouped and commas_separate:
            raise InputError(
                f"{place}: {text!r} may be {plain.replace(',', '')} or {plain.replace(',', '.')}: "
                "write it in one of these ways."
            )
        plain = plain.replace(",", ".")
    try:
        return float(plain)
    except ValueError as error:
        advice = f": write {plain.replace(',', '')}" if grouped else ""
        raise InputError(f"{place}: {text!r} is not a number{advice}.") from error


def id_of(key: str) -> int | None:
    """Give the number that a key is; None for text, such as 07."""
    if _NUMBER.fullmatch(key) is None:
        return None
    number = int(key)
    return number if -MAX_ID <= number <= MAX_ID else None
