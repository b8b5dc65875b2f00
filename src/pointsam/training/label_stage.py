"""The stage before training on labels: it makes masks of the clicks, and the run learns them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pointsam.data.rasters.stretching import key_entry
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.files import sha256_of
from pointsam.labelling.consensus import Reading
from pointsam.labelling.former import with_masks
from pointsam.labelling.looks import ALL_LOOKS, Looks
from pointsam.labelling.output import LABELS_NAME
from pointsam.labelling.run import label_clicks
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.encoding import choose_precision
from pointsam.models.loading.checkpoints import base_hash, load_segmenter
from pointsam.training.result import trainable
from pointsam.training.run import RunInputs
from pointsam.training.settings import TrainSettings


def label_folder(output: Path, *, number: int = 1) -> Path:
    """Name the folder of a run's labels, of one of its rounds: beside its adapter folder."""
    return output.with_name(f"{output.name}-labels" + (f"-{number}" if number > 1 else ""))


def with_labels(
    inputs: RunInputs,
    settings: TrainSettings,
    *,
    readings: Mapping[str, Reading] | None = None,
    looks: Looks = ALL_LOOKS,
) -> RunInputs:
    """Label the clicks with the frozen model, and give inputs that hold the labels."""
    return on_labels(inputs, make_labels(inputs, settings, readings=readings, looks=looks))


def make_labels(
    inputs: RunInputs,
    settings: TrainSettings,
    *,
    readings: Mapping[str, Reading] | None = None,
    looks: Looks = ALL_LOOKS,
) -> Path:
    """Label the clicks with the frozen model; give the file of the labels.

    A label folder of the same clicks, stretch, model and settings is continued. Where it is
    complete, only the choice among its candidates is made again.

    Args:
        inputs: what was clicked, and where the adapter goes.
        settings: of the run.
        readings: by class, where the user says which mask is meant.
        looks: what is decoded beside each whole image.

    Raises:
        InputError: several processes, which would all label the same; or the folder beside the
            output holds labels of other inputs; or a rank or block that the model does not have.
    """
    if inputs.ranks.count > 1:
        raise InputError(
            "several processes do not label: run 'pointsam label' first, and give its labels.json "
            "to every process as --labels."
        )
    _refuse_unfit(settings)
    folder = label_folder(inputs.output)
    model = load_segmenter(settings.model.name, side=settings.model.side, device=inputs.device)
    label_clicks(
        model,
        replace(inputs.data, images=tuple(trainable(inputs.data))),
        inputs.images,
        folder,
        key={
            "sources": inputs.sources,
            "base": base_hash(model),
            "adapter": None,
            **key_entry(inputs.stretch),
        },
        readings=readings,
        looks=looks,
        precision=choose_precision(settings.precision, device=inputs.device),
    )
    return folder / LABELS_NAME


def _refuse_unfit(settings: TrainSettings) -> None:
    """Refuse an adapter that the model cannot have, before the labelling takes an hour."""
    chosen = settings.model
    model = load_segmenter(chosen.name, side=chosen.side)
    attach_adapter(
        model,
        rank=chosen.rank,
        first_block=model.first_block if chosen.first_block is None else chosen.first_block,
        seed=settings.seed,
        adapt=chosen.adapt,
        alpha=chosen.alpha,
    )


def on_labels(inputs: RunInputs, labels: Path) -> RunInputs:
    """Give inputs that hold the accepted masks of a file, under the ids of the clicks.

    Raises:
        InputError: masks of other clicks, or none that is accepted.
    """
    accepted = _accepted(with_masks(labels, inputs.data, inputs.images), labels)
    learned = {image.file_name: len(image.instances) for image in accepted.images}
    unclear = [
        image.file_name
        for image in inputs.data.images
        if learned.get(image.file_name, 0) < len(image.instances)
    ]
    return replace(
        inputs,
        data=accepted,
        unclear=frozenset(unclear),
        sources={**inputs.sources, labels.name: sha256_of(labels)},
    )


def _accepted(data: Dataset, labels: Path) -> Dataset:
    """Keep the instances whose masks are accepted, and the images that have one."""
    images = [
        replace(image, instances=tuple(i for i in image.instances if i.weight > 0))
        for image in data.images
    ]
    kept = tuple(image for image in images if image.instances)
    if not kept:
        first = f" The first mask that was left out: {data.dropped[0]}." if data.dropped else ""
        raise InputError(f"{labels}: no label is accepted, so there is nothing to train on.{first}")
    return replace(data, images=kept)
