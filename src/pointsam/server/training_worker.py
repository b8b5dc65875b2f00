"""The process that trains: ``python -m pointsam.server.training_worker RUN.json``.

It writes each update as a line of JSON to the error stream (`progress.Bar`), and the result to the
output: ``{"done": FOLDER}`` or ``{"error": TEXT}``. A stopped process continues with ``--resume``.
"""

import json
import os
import sys
from pathlib import Path
from threading import Thread

from pointsam.errors import InputError
from pointsam.labelling.looks import Looks
from pointsam.progress import show_progress_as
from pointsam.server.training_data import inputs_of, settings_of
from pointsam.training.collapse_monitor import RunCollapsedError
from pointsam.training.label_stage import with_labels
from pointsam.training.run import run_training

SAVE_EVERY = 10
"""Steps between two saved states; stopping loses at most these."""


def main(arguments: list[str]) -> int:
    """Train as a file says."""
    form = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    if form.get("threads"):
        import torch

        torch.set_num_threads(form["threads"])
    Thread(target=_end_with_server, daemon=True).start()
    show_progress_as("json")
    try:
        settings = settings_of(form)
        run_training(
            # Someone waits for it: the rotated image would double the time of the labels.
            with_labels(inputs_of(form), settings, looks=Looks(turned=False)),
            settings,
            resume="--resume" in arguments,
            save_every=SAVE_EVERY,
        )
    except (InputError, FileNotFoundError, RunCollapsedError) as error:
        _say({"error": str(error)})
        return 2
    except OSError as error:
        _say({"error": f"{error.strerror or error}: free some space and resume."})
        return 2
    _say({"done": form["output"]})
    return 0


def _end_with_server() -> None:
    """End when the server ends, since the input then closes."""
    while os.read(sys.stdin.fileno(), 1):  # a buffered read would hold a lock
        pass
    os._exit(1)


def _say(what: dict[str, str]) -> None:
    os.write(sys.stdout.fileno(), f"{json.dumps(what)}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
