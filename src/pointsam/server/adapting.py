"""Training from the page: one run at a time, in its own process; it can stop and resume."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import RLock, Thread
from typing import Any, Literal

from pointsam.errors import InputError
from pointsam.prediction.predictor import Predictor
from pointsam.server.crops import MaskCrop
from pointsam.server.session import ConflictError, Session
from pointsam.server.storage import read_json, save_json
from pointsam.server.training_data import training_form

Phase = Literal["idle", "training", "stopped", "masks", "done", "failed"]

SAME = 0.95
"""IoU of a mask before and after above which it has not changed."""
_FORM = "run.json"
_TAIL = 400


@dataclass(frozen=True)
class Status:
    """Progress of a training."""

    phase: Phase = "idle"
    stage: str = ""
    """Stage of a training: it makes labels of the clicks, then adapts to them."""
    step: int = 0
    steps: int = 0
    message: str = ""
    """Losses, and the number of accepted pseudo-labels."""
    seconds_left: float | None = None
    seconds: float = 0.0
    """Since the button was pressed, without pauses."""
    folder: str | None = None
    """The adapter's."""
    error: str | None = None


@dataclass(frozen=True)
class RunOptions:
    """Options of all runs of a server."""

    images: Path
    model: str
    device: str = "cpu"
    precision: str = "float32"
    threads: int | None = None


@dataclass(eq=False)
class Adapting:
    """Starts, watches and ends the training process of one session."""

    session: Session
    options: RunOptions
    load: Callable[[Path], Predictor]
    """Loads the base with an adapter."""
    status: Status = field(default_factory=Status)
    _process: "subprocess.Popen[str] | None" = None
    _guard: Any = field(default_factory=RLock)

    def __post_init__(self) -> None:
        """Find a training that an earlier server left unfinished."""
        folder = self._runs / f"{self._next_run() - 1}"
        begun, state = folder / _FORM, folder / "adapter"
        used = self.session.project.settings.adapter
        if begun.is_file() and state.is_dir() and used != f"runs/{folder.name}/adapter":
            steps = int(read_json(begun)["steps"])
            self.status = Status("stopped", steps=steps, folder=str(state))

    def start(self, steps: int) -> Status:
        """Train the base model on all clicks.

        Raises:
            InputError: nothing is clicked.
            ConflictError: a training runs already.
        """
        with self._guard:
            self._refuse_second()
            folder = self._runs / f"{self._next_run()}"
            form = training_form(
                self.session.project,
                self.session.engine,
                images=self.options.images,
                model=self.options.model,
                side=self.session.engine.model.side,
                device=self.options.device,
                precision=self.options.precision,
                threads=self.options.threads,
                steps=steps,
                output=str(folder / "adapter"),
            )
            folder.mkdir(parents=True)
            save_json(form, folder / _FORM)
            output = str(folder / "adapter")
            self.status = Status("training", steps=steps, folder=output)
            self._launch(folder, resume=False)
            return self.status

    def stop(self) -> Status:
        """Stop; the run's state is kept, and `resume` continues from it."""
        with self._guard:
            if self._process is None or self.status.phase != "training":
                raise ConflictError("no training runs.")
            self.status = replace(self.status, phase="stopped", seconds_left=None)
            self._process.terminate()
            return self.status

    def resume(self) -> Status:
        """Resume the training that was stopped.

        Raises:
            ConflictError: none was stopped.
        """
        with self._guard:
            self._refuse_second()
            if self.status.phase != "stopped" or self.status.folder is None:
                raise ConflictError("no training was stopped.")
            if self._process is not None:
                self._process.wait(timeout=30)
            folder = Path(self.status.folder).parent
            self.status = replace(self.status, phase="training")
            self._launch(folder, resume=(folder / "adapter").is_dir())
            return self.status

    def close(self) -> None:
        """End the process with the server."""
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                self.status = replace(self.status, phase="stopped")
                self._process.terminate()
                self._process.wait(timeout=30)

    def changes(self) -> list[dict[str, Any]]:
        """Count, by class, the objects that the last adapter changed."""
        rows: dict[str, dict[str, Any]] = {}
        for state in self.session.project.states.values():
            for one in state.objects.values():
                if one.mask is None or one.before is None:
                    continue
                empty = {"class": one.category, "objects": 0, "changed": 0, "grew": 0, "shrank": 0}
                row = rows.setdefault(one.category, empty)
                row["objects"] += 1
                if _changed(one.mask, one.before):
                    row["changed"] += 1
                    row["grew"] += one.mask.area > one.before.area
                    row["shrank"] += one.mask.area < one.before.area
        return list(rows.values())

    def _refuse_second(self) -> None:
        if self.status.phase in ("training", "masks"):
            raise ConflictError("a training runs already: wait for it, or stop it.")

    @property
    def _runs(self) -> Path:
        return self.session.project.folder / "runs"

    def _next_run(self) -> int:
        names = (path.name for path in self._runs.glob("*"))
        return 1 + max((int(name) for name in names if name.isdecimal()), default=0)

    def _launch(self, folder: Path, *, resume: bool) -> None:
        command = [sys.executable, "-m", "pointsam.server.training_worker", str(folder / _FORM)]
        self._process = subprocess.Popen(
            [*command, "--resume"] if resume else command,
            stdin=subprocess.PIPE,  # The worker ends when this closes.
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        Thread(target=self._watch, args=(self._process, folder), daemon=True).start()

    def _watch(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        """Follow the worker to its end, and show any error on the page."""
        try:
            self._attend(process, folder)
        except Exception as error:
            with self._guard:
                if process is self._process:
                    told = f"the server failed: {error}"
                    self.status = replace(self.status, phase="failed", error=told)
            raise

    def _attend(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        """Read the worker's lines, then use its adapter."""
        assert process.stdout is not None
        begun, before = time.monotonic(), self.status.seconds
        last = self._follow(process, begun - before)
        said = process.stdout.read()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        with self._guard:
            # After a resume, another process and its thread own the status.
            if process is not self._process or self.status.phase == "stopped":
                return
            seconds = before + time.monotonic() - begun
            result = json.loads(said.splitlines()[-1]) if said.strip() else {}
            if process.returncode or "done" not in result:
                error = result.get("error") or f"training ended: {last[-_TAIL:] or 'killed'}"
                self.status = replace(self.status, phase="failed", error=error, seconds=seconds)
                return
            self.status = replace(self.status, phase="masks", seconds=seconds, seconds_left=None)
        self._take_up(folder / "adapter", begun - before)

    def _follow(self, process: "subprocess.Popen[str]", since: float) -> str:
        """Read progress; give the last line that is not progress."""
        assert process.stderr is not None
        last = ""
        for line in process.stderr:
            try:
                told = json.loads(line)
            except ValueError:
                last = line.strip() or last
                continue
            with self._guard:
                if process is self._process and self.status.phase == "training":
                    self.status = _further(self.status, told, time.monotonic() - since)
        return last

    def _take_up(self, adapter: Path, since: float) -> None:
        """Load the adapter and make all masks again, image by image between the clicks."""
        session = self.session
        try:
            predictor = self.load(adapter)
            session.submit("adapting", lambda: session.use(predictor, adapter)).result()
            relative = adapter.relative_to(session.project.folder).as_posix()
            session.project.set_up(adapter=relative)
            for number, state in session.project.states.items():
                if state.objects:
                    session.submit("adapting", partial(session.renew, number)).result()
        except (InputError, OSError) as error:
            self.status = replace(self.status, phase="failed", error=str(error))
            return
        seconds = time.monotonic() - since
        self.status = replace(self.status, phase="done", seconds=seconds)


def _further(status: Status, told: Mapping[str, Any], seconds: float) -> Status:
    """Read a line of progress; steps are those of training, not of labelling."""
    stage = str(told.get("stage", ""))
    if stage != "adapting":
        return replace(status, stage=stage, seconds=seconds)
    return replace(
        status,
        stage=stage,
        step=int(told["done"]),
        steps=int(told["total"]),
        message=str(told.get("message") or ""),
        seconds_left=told["seconds_left"],
        seconds=seconds,
    )


def _changed(mask: MaskCrop, before: MaskCrop) -> bool:
    return bool(mask.area or before.area) and mask.iou(before) < SAME
