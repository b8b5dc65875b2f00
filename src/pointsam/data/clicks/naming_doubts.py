"""Names of classes and objects that may mean something else than they are read as."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from pointsam.data.clicks.values import id_of

_OFF = {"autolabel_remove", "back", "bg", "neg", "negative", "negatives", "off", "outside"}
"""What else clicks off the objects are called; the first by X-AnyLabeling."""

_MARKS = {"0", "1"}
"""Classes that may be labels, where there are no others."""

_NO_POSITIVES = 1
"""Positive clicks of an object that one click alone is on: its name joins nothing."""


def doubtful_classes(classes: Iterable[str]) -> list[str]:
    """Note classes that may be of clicks off the objects, and such as may be one.

    Args:
        classes: of clicks that lie on objects since nothing but their class says where they are.
    """
    names = dict.fromkeys(classes)
    off = [name for name in names if _alike(name) in _OFF]
    if {*names} == _MARKS:
        off = ["0"]
    lines = [
        f"the clicks of class {name} are read as objects: if they lie off the objects, say "
        f"--negative {name}"
        for name in off
    ]
    return lines + [
        f"the classes {first} and {second} are spelt almost alike, and are two"
        for first, second in _spelt_alike(names)
    ]


def doubtful_owners(positives: Mapping[tuple[str, str], int]) -> list[str]:
    """Note names that join clicks though they may say that there is no object, or that may be one.

    Numbers below 1 are what tools fill in. One below 0 says so wherever it joins clicks, and 0,
    from which objects may be counted, where it joins more of them than any other does.

    Args:
        positives: number of positive clicks by image and name of the object, in order.
    """
    most: dict[str, int] = {}
    for (image, key), count in positives.items():
        if not _is_filled_in(key):
            most[image] = max(count, most.get(image, _NO_POSITIVES))
    found = Counter[str]()
    first: dict[str, tuple[str, int]] = {}
    for (image, key), count in positives.items():
        bound = most.get(image, _NO_POSITIVES) if key == "0" else _NO_POSITIVES
        if _is_filled_in(key) and count > bound:
            found[key] += 1
            first.setdefault(key, (image, count))
    return [
        f"instance {key} joins {first[key][1]} clicks of {first[key][0]}"
        + (f" (and more in {times - 1} other images)" if times > 1 else "")
        + " to one object: if it stands for no object, leave it empty"
        for key, times in found.items()
    ] + _owners_spelt_alike(positives)


def _owners_spelt_alike(owners: Iterable[tuple[str, str]]) -> list[str]:
    """Note objects of one image whose names may be meant to be one, in one line or none."""
    keys: dict[str, list[str]] = {}
    for image, key in owners:
        keys.setdefault(image, []).append(key)
    pairs = [(image, *pair) for image, names in keys.items() for pair in _spelt_alike(names)]
    if not pairs:
        return []
    image, first, second = pairs[0]
    more = f" (and {len(pairs) - 1} more pairs)" if len(pairs) > 1 else ""
    return [
        f"the instances {first} and {second} of {image} are spelt almost alike, and are two{more}"
    ]


def _is_filled_in(key: str) -> bool:
    number = id_of(key)
    return number is not None and number < 1


def _alike(name: str) -> str:
    """Give a name without what may change unseen: case, form of accents, spaces, hidden signs."""
    seen = (letter for letter in name if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFC", "".join(seen)).casefold().split())


def _spelt_alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """List each pair of a name and an earlier one that is spelt almost alike."""
    first: dict[str, str] = {}
    pairs = [(first.setdefault(_alike(name), name), name) for name in names]
    return [(earlier, name) for earlier, name in pairs if earlier != name]
