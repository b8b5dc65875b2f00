"""One algorithm, cancelled, then run again: ``/usr/bin/python3 cancel_at_work.py FOLDER NAME``.

The folder holds ``wide.tif`` and ``clicks.geojson``. Prints one JSON object of facts, which
``test_cancel.py`` judges.
"""

import json
import os
import re
import sys
import threading
import time
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
)
from qgis.testing import start_app

MARK = "POINTSAM_CANCEL_TEST"
"""A variable that every process below this one has."""


CASES = {
    "segmentclicked": ("segmenting", 1, "found.gpkg", {}, True),
    "label": ("labelling", 1, "labels.gpkg", {}, True),
    "adapt": ("adapting", 8, "adapter", {"EPOCHS": 9}, False),  # saved after a pass of 3 or 4 steps
}
"""Stage that is cancelled and when, output, more parameters, and whether the second run goes to its
end."""


class Heard(QgsProcessingFeedback):
    """Hears how far a stage is, and cancels from another thread once it is far enough."""

    def __init__(self, stage, *, cancel_at):
        super().__init__(False)
        self.stage, self.cancel_at = stage, cancel_at
        self.first, self.total, self.cancelled, self.errors = None, None, None, []

    def setProgressText(self, text):
        found = re.match(rf"{self.stage}: (\d+)(?: of (\d+))?", text)
        if not found:
            return
        done = int(found[1])
        if self.first is None:
            self.first, self.total = done, int(found[2] or 0)
        if self.cancel_at is not None and done >= self.cancel_at and self.cancelled is None:
            self.cancelled = time.monotonic()
            threading.Thread(target=self.cancel).start()

    def reportError(self, error, fatalError=False):
        self.errors.append(error)


def run(algorithm, given, feedback):
    """Run an algorithm as QGIS does in a thread of its own; say whether it went well."""
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    found = QgsApplication.processingRegistry().createAlgorithmById(f"pointsam:{algorithm}")
    return found.run(given, context, feedback)[1]


def processes():
    """List the processes below this one, by the variable that they inherit."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            variables = (path / "environ").read_bytes()
            ended = (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if mark in variables.split(b"\0") and int(path.name) != os.getpid() and not ended:
            found.append((path / "cmdline").read_bytes().decode().replace("\0", " "))
    return found


def cancel_and_go_on(algorithm, given, stage, *, cancel_at, to_end):
    """Cancel in a stage, then run the same again, to its end or to the stage's first line."""
    feedback = Heard(stage, cancel_at=cancel_at)
    well = run(algorithm, given, feedback)
    facts = {
        "was cancelled": feedback.cancelled is not None and not well,
        "seconds": time.monotonic() - (feedback.cancelled or 0),
        "left": processes(),
        "said": feedback.errors,
    }
    again = Heard(stage, cancel_at=None if to_end else 0)
    facts["well"] = run(algorithm, given, again)
    facts["first"], facts["totals"] = again.first, [feedback.total, again.total]
    facts["left at the end"] = processes()
    return facts


def main(folder, name):
    start_app()
    sys.path += [
        os.environ["QGIS_PLUGINS"],
        str(Path(QgsApplication.pkgDataPath(), "python", "plugins")),
    ]
    from pointsam.provider import PointsamProvider

    provider = PointsamProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    clicked = {
        "RASTER": str(folder / "wide.tif"),
        "POINTS": str(folder / "clicks.geojson"),
        "THREADS": 1,
    }
    stage, cancel_at, output, further, to_end = CASES[name]
    given = {**clicked, "OUTPUT": str(folder / output), **further}
    facts = cancel_and_go_on(name, given, stage, cancel_at=cancel_at, to_end=to_end)
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
    os._exit(0)  # QGIS without a screen may crash while Python takes it apart
