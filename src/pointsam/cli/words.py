"""Words of the command line that are taken for others, before they are parsed."""

import os
import re
from collections.abc import Sequence

from pointsam.errors import InputError

_FORMER_FLAGS = {"--least-": "--min-", "--most-": "--max-"}
"""Beginnings of flags; the former spelling is taken for one more version."""

_MAY_BE_EMPTY = ("--negative", "--category")
"""Options whose value is a class, which may be called nothing."""

_HOME = re.compile(r"(--[\w-]+=)?(~(?:/.*)?)", re.DOTALL)
"""A path in the home folder as shells leave it where it is quoted, or follows ``--option=``."""


def as_meant(word: str) -> str:
    """Give today's spelling of a former flag, and the home folder for ``~``.

    A ``~`` that lies in the working folder is that file or folder.
    """
    for former, present in _FORMER_FLAGS.items():
        if word.startswith(former):
            return present + word.removeprefix(former)
    home = _HOME.fullmatch(word)
    if home is None or os.path.lexists("~"):
        return word
    return (home[1] or "") + os.path.expanduser(home[2])


def refuse_empty(words: Sequence[str]) -> None:
    """Refuse an empty value, which would name the working folder where a path is meant.

    A shell gives one for ``--output "$NAME"`` where NAME is not set.

    Raises:
        InputError: the message names the option.
    """
    for before, word in zip(["", *words], words, strict=False):
        option, _, value = word.partition("=") if word.startswith("--") else (before, "", word)
        given = "=" in word or not word.startswith("--")
        if given and not value.strip() and option not in _MAY_BE_EMPTY:
            told = f"{option} has" if option.startswith("-") else "there is"
            raise InputError(f"{told} an empty value: is a variable of the shell not set?")
