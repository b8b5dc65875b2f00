"""How far long work is: a bar for people, or one JSON line an update for programs."""

import io
import json
import sys
from collections.abc import Iterable
from typing import Any, Literal

from tqdm import tqdm

Form = Literal["bar", "json", "none"]
FORMS: tuple[Form, ...] = ("bar", "json", "none")
"""What ``--progress`` takes."""
SECONDS_BETWEEN_LINES = 0.5

_chosen: Form = "bar"


def show_progress_as(form: Form) -> None:
    """Choose the form for all bars that this process makes from now on."""
    global _chosen
    _chosen = form


class Bar(tqdm):  # type: ignore[type-arg]
    """A bar of tqdm that can speak JSON.

    In the form ``json`` each update is one line on stderr: ``{"stage": "adapting", "done": 12,
    "total": 100, "unit": "step", "seconds_left": 61.5, "message": "loss=0.1"}``. ``total`` and
    ``seconds_left`` are null where they are not known. The first line says 0 done (or where a
    resumed run begins), the last line says how far the work came.
    """

    def __init__(self, iterable: Iterable[Any] | None = None, **given: Any) -> None:
        self._form = _chosen
        if self._form == "none":
            given["disable"] = True
        if self._form == "json":
            # tqdm writes line ends of its own when it closes.
            given |= {"file": io.StringIO(), "mininterval": SECONDS_BETWEEN_LINES, "delay": 0}
        super().__init__(iterable, **given)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the present state; tqdm calls this when it is time to."""
        if self._form == "json":
            sys.stderr.write(f"{json.dumps(self.state())}\n")
            sys.stderr.flush()
        else:
            super().display(msg, pos)

    def state(self) -> dict[str, Any]:
        """Give what a JSON line says."""
        known = self.format_dict
        done, total, elapsed = known["n"], known["total"], known["elapsed"]
        begun = done - known["initial"]
        rate = known["rate"] or (begun / elapsed if elapsed else None)
        left = (total - done) / rate if total is not None and rate else None
        return {
            "stage": (known["prefix"] or "").removesuffix(": "),
            "done": done,
            "total": total,
            "unit": known["unit"],
            "seconds_left": None if left is None else round(max(left, 0.0), 1),
            "message": known["postfix"] or "",
        }
