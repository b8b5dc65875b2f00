"""Processes of one run, as torchrun starts them: ``python -m tests.training.ranks_at_work OUT``.

Each trains the same small model for some steps in several ways and leaves what it holds after.
"""

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import settings, stir, trainer, view, without_masks

from pointsam.errors import InputError
from pointsam.prompts import Prompts
from pointsam.training import pseudo_labels
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.loop import train
from pointsam.training.ranks import Ranks, joined_ranks
from pointsam.training.schedule import Schedule

INSTANCES = (2, 5, 3, 4)
BATCH = 3
"""Of four images: every other step has one image, and so one rank without any."""
STEPS = 5


PORTS = "TESTS_PORTS"
"""Variable with the ports of the process groups that one process joins, one after another."""


def environment(rank: int, count: int, ports: list[int]) -> dict[str, str]:
    """Give what torchrun would put into a process's environment."""
    port = ports[0]
    places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_PORT": port}
    threads = {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
    threads[PORTS] = " ".join(map(str, ports))
    return {**os.environ, **threads, **{name: str(value) for name, value in places.items()}}


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def in_processes(
    arguments: list[str], *, count: int, groups: int = 1
) -> list[subprocess.CompletedProcess[str]]:
    """Run Python in some processes that find each other; give what they said and how they ended."""
    ports = free_ports(groups)
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env=environment(rank, count, ports),
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    said = [process.communicate(timeout=300) for process in processes]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *texts)
        for process, texts in zip(processes, said, strict=True)
    ]


def trained(ranks: Ranks) -> dict:
    """Train for some steps in float64, all terms on, with plain gradient descent.

    Adam would hide a gradient that is divided by the number of ranks.
    """
    chosen = settings(
        seed=3,
        teacher={"weights": "average"},
        loss={"prototype": 2.0},
        schedule={"epochs": STEPS / 2, "clip_norm": None, "average_decay": 0.5, "lr": 0.02},
        prototypes={"bank": 4, "min_clusters": 2, "interval": 2},
        data={"batch_size": BATCH},
    )
    # The IoU head of a model with drawn weights may say anything, also less than zero.
    teacher = chosen.teacher.model_copy(update={"min_iou_prediction": -1000.0})
    chosen = chosen.model_copy(update={"teacher": teacher})
    built = trainer(small_mobile_sam().double(), chosen)
    object.__setattr__(built, "ranks", ranks)
    stir(built)
    optimizer = torch.optim.SGD(built.adapter.parameters())
    schedule = Schedule(len(INSTANCES), BATCH, chosen.schedule, chosen.seed)
    monitor = CollapseMonitor(chosen.monitor)
    reports = []
    for progress in train(
        built,
        optimizer,
        lambda index, epoch: without_masks(view(index, INSTANCES[index])),
        schedule,
        monitor,
        clip_norm=chosen.schedule.clip_norm,
    ):
        report = progress.report
        reports.append([report.losses, report.gradient_norms, report.instances, report.accepted])
    return {
        "adapter": built.adapter.state(),
        "bank": built.regularizer.state_dict(),
        "reports": reports,
        "monitor": monitor.state(),
    }


class DividingRanks(Ranks):
    """As DistributedDataParallel does it."""

    def sum(self, values):
        return super().sum(values) / self.count


class BlindRanks(Ranks):
    """Each sees its own features alone."""

    def gather(self, rows):
        return rows

    def from_first(self, rows):
        return rows


def all_but_the_second(masks: torch.Tensor, prompts: Prompts) -> torch.Tensor:
    """Believe masks of a model with drawn weights, which flood and would never be accepted."""
    return torch.arange(len(masks)) != 1


def exchanged(ranks: Ranks) -> dict:
    """Try every way to tell the others something."""
    rows = (torch.arange(3.0)[:, None] + 10 * ranks.rank)[: 1 + 2 * ranks.rank]
    live = rows.clone().requires_grad_()
    gathered = ranks.gather(live)
    gathered.sum().backward()
    return {
        "gathered": gathered.detach(),
        "gradient": live.grad,
        "empty": ranks.gather(rows if ranks.first else rows[:0]),
        "from first": ranks.from_first(rows),
        "told": ranks.tell({"step": 7} if ranks.first else None),
        "sum": ranks.sum(torch.tensor([1.0 + ranks.rank])),
    }


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    pseudo_labels.agree_with_clicks = all_but_the_second
    with joined_ranks("cpu", timeout=60) as ranks:
        held = {
            "plain": trained(ranks),
            "dividing": trained(DividingRanks(ranks.rank, ranks.count)),
            "blind": trained(BlindRanks(ranks.rank, ranks.count)),
            "exchanged": exchanged(ranks),
        }
        torch.save(held, folder / f"{ranks.rank}.pt")
        with ranks.agreeing():
            sys.stderr.write("checking")
            if ranks.rank == 1:
                raise InputError("no image here")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
