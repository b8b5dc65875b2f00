"""Words of the command line that are taken for others, before they are parsed."""

import os
import re

_FORMER_FLAGS = {"--least-": "--min-", "--most-": "--max-"}
"""Beginnings of flags; the former spelling is taken for one more version."""

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
