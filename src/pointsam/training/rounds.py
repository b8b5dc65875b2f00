"""Rounds: clicks are labelled, the labels learned, and the clicks labelled again.

Round 1 labels with the frozen model (or takes labels that were given); round k chooses anew among
the masks of what round k - 1 trained. The last round's adapter is the result. Beside OUTPUT lie
OUTPUT-labels, OUTPUT-labels-2, ... and the adapters of the earlier rounds, OUTPUT-round-1, ...
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from pointsam.data.coco.annotations import read_coco
from pointsam.data.coco.masks import drawn_iou
from pointsam.data.rasters.stretching import key_entry
from pointsam.data.records import Dataset, Segmentation
from pointsam.errors import InputError
from pointsam.files import refuse_existing, replacing, sha256_of
from pointsam.labelling.again import label_again
from pointsam.labelling.consensus import Reading
from pointsam.labelling.former import Kept, Place, drawn_by_hand
from pointsam.labelling.output import LABELS_NAME
from pointsam.models.encoding import choose_precision
from pointsam.models.loading.checkpoints import load_adapter, load_segmenter
from pointsam.training.label_stage import label_folder, on_labels
from pointsam.training.result import trainable
from pointsam.training.run import RunInputs, refuse_another_run, round_folder, run_training
from pointsam.training.settings import TrainSettings
from pointsam.training.starting import start_from
from pointsam.training.state import STATE_NAME
from pointsam.training.verdict import Verdict

REPORT_NAME = "round.json"
CHANGED = 0.9
"""IoU of an object's label before and after, below which it has changed."""


@dataclass(frozen=True)
class RoundReport:
    """The numbers of one labelling."""

    round: int
    labels: int
    accepted: float
    """Share of the labels that are learned."""
    energy: float | None
    """Mean over the accepted ones, lower is better; None where the file gives none. Masks that
    somebody drew have what their file says."""
    changed: float | None
    """Share of the labels that differ from those of the round before; None in the first."""

    def __str__(self) -> str:
        words = [
            f"round {self.round}: {100 * self.accepted:.1f} % of {self.labels} labels accepted"
        ]
        if self.energy is not None:
            words.append(f"mean energy {self.energy:.2f}")
        if self.changed is not None:
            words.append(f"{100 * self.changed:.1f} % changed")
        return ", ".join(words)


def train_in_rounds(
    clicks: RunInputs,
    labels: Path,
    settings: TrainSettings,
    *,
    readings: Mapping[str, Reading] | None = None,
    resume: bool = False,
    save_every: int = 50,
    tell: Callable[[RoundReport], None] = print,
) -> Verdict | None:
    """Train on labels, in as many rounds as the settings say.

    Args:
        clicks: what was clicked, and where the last adapter goes.
        labels: of round 1.
        settings: of the run, its precision settled.
        readings: for later labellings.
        resume: go on where a run stopped, in whichever round that was.
        save_every: optimizer steps between two saved states.
        tell: takes the report of each round when its labels are there.

    Returns:
        What the clicks say of the last round.

    Raises:
        InputError: several processes, which would all label the same; or outputs that exist.
    """
    count = settings.rounds.count
    if count > 1 and clicks.ranks.count > 1:
        raise InputError(
            "several processes do not label: run the rounds one by one, 'pointsam label --adapter' "
            "between them, and give its labels.json to every process as --labels."
        )
    inputs = on_labels(clicks, labels)  # checks the file first
    # Found before the first round: a labelling that does not fit is refused now, not after it.
    kept = drawn_by_hand(labels, clicks.data, clicks.images) if count > 1 else {}
    tell(_report(1, labels, before=None))
    for number in range(1, count):
        folder = round_folder(clicks.output, number)
        again = label_folder(clicks.output, number=number + 1) / LABELS_NAME
        inputs = replace(inputs, output=folder)
        if again.is_file():
            refuse_another_run(inputs, settings)
        else:
            run_training(inputs, settings, resume=_goes_on(folder, resume), save_every=save_every)
            _label(clicks, folder, labels, again.parent, settings, kept=kept, readings=readings)
        tell(_report(number + 1, again, before=labels))
        labels, inputs = again, on_labels(clicks, again)
        if settings.rounds.start == "last":
            inputs = replace(inputs, start=start_from(folder))
    resume = resume and (count == 1 or _goes_on(clicks.output, resume))
    return run_training(inputs, settings, resume=resume, save_every=save_every)


def refuse_rounds_there(output: Path, settings: TrainSettings) -> None:
    """Refuse to begin where a round of another run lies.

    Raises:
        InputError: there is something.
    """
    for number in range(1, settings.rounds.count):
        refuse_existing(round_folder(output, number))
        refuse_existing(label_folder(output, number=number + 1))


def _goes_on(folder: Path, resume: bool) -> bool:
    """Say whether a round was begun; one that was not is begun now."""
    return resume and (folder / STATE_NAME).is_file()


def _label(
    clicks: RunInputs,
    adapter: Path,
    before: Path,
    folder: Path,
    settings: TrainSettings,
    *,
    kept: Mapping[Place, Kept],
    readings: Mapping[str, Reading] | None,
) -> None:
    """Label again, with the masks of a trained adapter."""
    model = load_segmenter(settings.model.name, side=settings.model.side, device=clicks.device)
    load_adapter(model, adapter)
    label_again(
        model,
        replace(clicks.data, images=tuple(trainable(clicks.data))),
        clicks.images,
        folder,
        kept=kept,
        key={
            "sources": clicks.sources,
            "before": sha256_of(before),
            "adapter": start_from(adapter).weights_hash,
            **key_entry(clicks.stretch),
        },
        readings=readings,
        precision=choose_precision(settings.precision, device=clicks.device),
    )


def _report(number: int, labels: Path, *, before: Path | None) -> RoundReport:
    """Compute the numbers of a labelling, and write them into its folder if this run made it."""
    entries = json.loads(labels.read_text())["annotations"]
    accepted = [entry for entry in entries if entry.get("label_weight", 1.0) > 0]
    energies = [entry["energy"] for entry in accepted if "energy" in entry]
    report = RoundReport(
        round=number,
        labels=len(entries),
        accepted=len(accepted) / max(len(entries), 1),
        energy=float(np.mean(energies)) if energies else None,
        changed=None if before is None else changed_share(read_coco(before), read_coco(labels)),
    )
    if before is not None:
        with replacing(labels.with_name(REPORT_NAME)) as temporary:
            temporary.write_text(json.dumps(asdict(report), indent=1))
    return report


def changed_share(before: Dataset, after: Dataset) -> float:
    """Give the share of objects whose masks in two files are not alike."""
    former = {i.id: i.segmentation for image in before.images for i in image.instances}
    changed = []
    for image in after.images:
        for instance in image.instances:
            pair = former.get(instance.id), instance.segmentation
            changed.append(not _alike(*pair, size=image.size))
    return float(np.mean(changed)) if changed else 0.0


def _alike(
    before: Segmentation | None, after: Segmentation | None, *, size: tuple[int, int]
) -> bool:
    if before is None or after is None:
        return before is after
    return bool(before == after or drawn_iou([before, after], size)[0, 1] >= CHANGED)
