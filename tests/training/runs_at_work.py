"""Commands as processes of one run give them: ``python -m tests.training.runs_at_work FOLDER``.

One command after another: a run that collapses, a whole one, and one whose second process dies.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from tests.training.ranks_at_work import PORTS

from pointsam.cli.main import main
from pointsam.training.step import Trainer

DYING_STEP = 2


def command(folder: Path, output: str, *more: str) -> list[str]:
    """Give the arguments that train on the drawn set in `folder`."""
    return [
        "train",
        *("--images", str(folder / "images"), "--points", str(folder / "points.json")),
        *("--config", str(folder / "settings.yaml"), "--output", str(folder / output)),
        *("--save-every", "1", "--device", "cpu", "--patience", "60", *more),
    ]


def die_in_time() -> None:
    """Let the second process be killed as it begins a step."""
    step, seen = Trainer.step, []

    def mortal(self, *args, **kwargs):
        if self.ranks.rank == 1 and len(seen) == DYING_STEP:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(1)
        return step(self, *args, **kwargs)

    Trainer.step = mortal


def run(folder: Path) -> None:
    torch.set_num_threads(1)
    strict = (
        "monitor.interval=1",
        "monitor.window=2",
        "monitor.min_agreement=1",
        "monitor.min_share=1",
    )
    changes = [word for value in strict for word in ("--set", value)]
    flooding = [*changes, "--set", "teacher.min_iou_prediction=1"]
    # The second process may begin a command while the first still closes the group of the one
    # before: on a port of its own a group can't be taken for that one.
    ports = iter(os.environ[PORTS].split())
    codes = []
    for arguments in (command(folder, "collapsed", *flooding), command(folder, "whole")):
        os.environ["MASTER_PORT"] = next(ports)
        codes.append(main(arguments))
    (folder / f"codes-{os.environ['RANK']}").write_text(repr(codes))
    die_in_time()
    os.environ["MASTER_PORT"] = next(ports)
    sys.exit(main(command(folder, "broken")))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
