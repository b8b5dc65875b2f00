"""Labels of a data set: it stores the candidates of every image, then chooses over all."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from pointsam.data.dataset import ImageSource, model_prompts
from pointsam.data.records import ImageRecord
from pointsam.frames import ModelFrame
from pointsam.labelling import store
from pointsam.labelling.candidates import Candidates, find_candidates
from pointsam.labelling.consensus import Choice, Groups, Reading, choose, trust
from pointsam.labelling.evidence import Evidence, join, measure
from pointsam.labelling.features import features_of
from pointsam.labelling.groups import group_objects
from pointsam.labelling.label_frame import to_image_frame
from pointsam.labelling.looks import ALL_LOOKS, Looks
from pointsam.models.encoding import Precision
from pointsam.models.segmenter import Embedding, Segmenter


@dataclass(frozen=True, eq=False)
class Labelled:
    """The masks chosen for the objects of one image, in the order of its instances."""

    record: ImageRecord
    candidates: Candidates
    """Of all its objects."""
    choice: Choice
    """Of these objects alone."""
    trust: Float[np.ndarray, " objects"]
    """In [0, 1]; 0 where the choice is rejected."""

    @property
    def iou_prediction(self) -> Float[np.ndarray, " objects"]:
        """SAM's own estimate of each mask's IoU."""
        picked = self.choice.picked
        return np.asarray(self.candidates.iou_prediction[np.arange(len(picked)), picked])

    def mask(self, place: int) -> Bool[np.ndarray, "height width"]:
        """Give the mask of one object in the image frame; all at once may be gigabytes."""
        chosen = self.candidates.masks(place)[int(self.choice.picked[place])]
        return to_image_frame(chosen, self.record.size)


@dataclass(frozen=True, eq=False)
class Labelling:
    """A choice for all objects of a data set, and the folder of its candidates."""

    records: Sequence[ImageRecord]
    folder: Path
    choice: Choice

    evidence: Evidence
    groups: Groups

    def images(self) -> Iterator[Labelled]:
        """Give the choice image by image: few candidates are in memory at once."""
        first, weights = 0, trust(self.choice)
        for record in self.records:
            objects = slice(first, first + len(record.instances))
            first = objects.stop
            part = self.choice.part(objects)
            yield Labelled(record, self.candidates(record), part, weights[objects])

    def candidates(self, record: ImageRecord) -> Candidates:
        """Read the candidates of the objects of one image."""
        return store.load_candidates(store_path(self.folder, record))

    def read_as(self, reading: Reading) -> Choice:
        """Give the choice if the user said this of every class."""
        groups = np.unique(self.groups.group).tolist()
        return choose(self.evidence, self.groups, readings=dict.fromkeys(groups, reading))


def store_path(folder: Path, record: ImageRecord) -> Path:
    """Give the path of an image's candidates; equal names in two folders get two paths."""
    digest = hashlib.blake2b(record.file_name.encode(), digest_size=6).hexdigest()
    return folder / f"{Path(record.file_name).stem}.{digest}.npz"


def gather_candidates(
    model: Segmenter,
    records: Sequence[ImageRecord],
    images: ImageSource,
    folder: Path,
    *,
    looks: Looks = ALL_LOOKS,
    precision: Precision = "float32",
) -> Iterator[ImageRecord]:
    """Find and store the candidates of all images that have none stored.

    Args:
        model: whose masks are the candidates, with or without an adapter.
        records: with at least one instance each.
        images: gives their pixels.
        folder: of the candidates.
        looks: what is decoded beside each whole image.
        precision: of the encoder.

    Yields:
        Each record, once its candidates are stored.
    """
    for record in records:
        path = store_path(folder, record)
        if not store.is_whole(path):
            image, own = images(record), owned(record)
            frame = ModelFrame(record.size, model.side, model.stride)
            prompts = model_prompts(own, frame)
            found, seen = find_candidates(model, image, prompts, looks=looks, precision=precision)
            store.save(path, found, evidence_of(record, found, model, seen, image))
        yield record


def evidence_of(
    record: ImageRecord,
    candidates: Candidates,
    model: Segmenter,
    embedding: Embedding,
    image: UInt8[np.ndarray, "height width 3"],
) -> Evidence:
    """Measure the candidates of a record's own objects, and average the model's features there.

    Args:
        record: with clicks.
        candidates: of its own instances.
        model: that made the embedding.
        embedding: of the whole image.
        image: RGB.
    """
    others = [i.points for i in record.instances if i.id in record.borrowed]
    features = features_of(candidates, model.feature_map(embedding)[0], stride=model.stride)
    return measure(candidates, image, owned(record).clicks, others=others, features=features)


def owned(record: ImageRecord) -> ImageRecord:
    """Leave out the instances that are another record's own, and labelled there."""
    own = tuple(one for one in record.instances if one.id not in record.borrowed)
    return replace(record, instances=own, borrowed=frozenset())


def choose_labels(
    records: Sequence[ImageRecord],
    folder: Path,
    *,
    readings: Mapping[str, Reading] | None = None,
    pixel_sides: Mapping[str, float] | None = None,
) -> Labelling:
    """Choose among stored candidates so that the masks of each class, or group, agree.

    Args:
        records: those whose candidates are in `folder`, with their own instances alone.
        folder: that `gather_candidates` filled.
        readings: by class, where the user says whether the larger or the smaller mask is meant.
        pixel_sides: of each image, by its name, in a unit that all share: sizes are compared on the
            ground. If not given, they are compared as the model sees them.
    """
    instances = [(place, i) for place, record in enumerate(records) for i in record.instances]
    classes, image = [i.category for _, i in instances], np.array([place for place, _ in instances])
    groups = Groups(
        group=group_objects(classes, image),
        image=image,
        log_pixel=_log_pixels(records, folder, pixel_sides)[image] if pixel_sides else None,
    )
    evidence = join([store.load_evidence(store_path(folder, record)) for record in records])
    said = readings or {}
    by_group = {
        group: said[name]
        for group, name in zip(groups.group.tolist(), classes, strict=True)
        if name in said
    }
    found = choose(evidence, groups, readings=by_group)
    return Labelling(records, folder, found, evidence, groups)


def _log_pixels(
    records: Sequence[ImageRecord], folder: Path, pixel_sides: Mapping[str, float]
) -> Float[np.ndarray, " images"]:
    """Give the log of the area of one pixel of each image's label frame."""
    logs = []
    for record in records:
        rows, cols = store.load_size(store_path(folder, record))
        pixels = record.size[0] / rows * record.size[1] / cols
        logs.append(np.log(pixels * pixel_sides[record.file_name] ** 2))
    return np.array(logs)
