"""Plan a run over many scenes: hours, cost, and where reading or writing becomes the limit.

    python benchmarks/plan_scenes.py --scenes 10000 --windows 36 --seconds 0.12 --workers 8

A simulation of the engine: each worker takes a unit (a scene, or `--batch` windows of one) when it
is free; a unit reads its windows, computes, and writes. All workers share what storage gives a
second. Nothing is measured here: the seconds of a window, the megabytes and the price are yours.
"""

import argparse
import heapq
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What a run is made of."""

    scenes: int
    windows: int
    """Of a scene."""
    seconds: float
    """Of a worker for a window, reading and writing left out."""
    workers: int
    batch: int = 64
    """Windows of a unit."""
    read: float = 3.1
    """Megabytes of a window: 1024 x 1024 pixels of three bytes are 3.1 uncompressed."""
    write: float = 0.3
    """Megabytes of a window in the outputs and the parts."""
    bandwidth: float = 200.0
    """Megabytes a second of the storage, for all workers together."""
    start: float = 30.0
    """Seconds in which a worker starts and loads the model."""
    lost: float = 0.0
    """Share of units whose worker is lost in the middle; it starts anew."""
    pixel: float = 0.5
    """Side of a pixel, in metres."""
    price: float = 1.0
    """Of a worker, an hour."""


@dataclass(frozen=True)
class Forecast:
    """What a plan comes to."""

    hours: float
    busy: float
    """Share of the workers' time that is computing."""
    storage: float
    """Share of the time in which the storage gives all it can."""
    square_km: float
    """Ground that the windows show for the first time: they overlap by half."""
    cost: float
    """For 1,000 square kilometres."""

    @property
    def limit(self):
        """Name what a further worker would wait for."""
        return "storage" if self.storage > 0.9 else "workers"


def simulate(plan, *, seed=0):
    """Do a plan on the clock of a simulation."""
    draw = random.Random(seed)
    units = [min(plan.batch, plan.windows - done) for done in range(0, plan.windows, plan.batch)]
    free = [(plan.start, worker) for worker in range(plan.workers)]
    heapq.heapify(free)
    storage = computing = moved = end = 0.0
    for _ in range(plan.scenes):
        for windows in units:
            now, worker = heapq.heappop(free)
            if draw.random() < plan.lost:
                now += draw.random() * windows * plan.seconds + plan.start
            megabytes = windows * (plan.read + plan.write)
            # The storage serves one after the other; a unit's reading waits for its turn.
            storage = max(storage, now) + megabytes / plan.bandwidth
            moved += megabytes / plan.bandwidth
            done = max(storage, now + windows * plan.seconds)
            computing += windows * plan.seconds
            end = max(end, done)
            heapq.heappush(free, (done, worker))
    ground = plan.scenes * plan.windows * (512 * plan.pixel / 1000) ** 2
    hours = end / 3600
    return Forecast(
        hours=hours,
        busy=computing / (end * plan.workers),
        storage=moved / end,
        square_km=ground,
        cost=plan.price * plan.workers * hours / ground * 1000,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    usual = Plan(scenes=10000, windows=36, seconds=0.12, workers=8)
    for name in Plan.__annotations__:
        value = getattr(usual, name)
        parser.add_argument(f"--{name}", type=type(value), default=value)
    given = vars(parser.parse_args())
    workers = sorted({1, 2, 4, 8, 16, 32, 64, 128, given["workers"]})
    print("| workers | hours | computing | storage | limit | cost of 1,000 km2 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in workers:
        plan = Plan(**(given | {"workers": count}))
        found = simulate(plan)
        print(f"| {count} | {found.hours:.1f} | {found.busy:.0%} | {found.storage:.0%} | "
              f"{found.limit} | {found.cost:.2f} |")  # fmt: skip
    print(f"\n{plan.scenes} scenes of {plan.windows} windows, {plan.seconds:g} s a window; "
          f"{found.square_km:,.0f} km2 at {plan.pixel:g} m")  # fmt: skip


if __name__ == "__main__":
    main()
