"""Automatic masks of ordinary images, from a file to masks."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pointsam.data.dataset import read_image_of
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError, in_words
from pointsam.models.adapters.card import PROTOTYPES_NAME
from pointsam.models.encoding import Precision, encode_image
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.automatic import ANYTHING, AutomaticSettings, automatic_masks
from pointsam.prediction.images.clicked import ImagePrediction, image_masks
from pointsam.prompts import POSITIVE


def predict_automatic(
    model: Segmenter,
    record: ImageRecord,
    folder: Path,
    settings: AutomaticSettings,
    *,
    ids: Iterator[int],
    prototypes: Float[Tensor, "prototypes channels"] | None,
    precision: Precision = "float32",
) -> ImagePrediction:
    """Segment one image without points.

    Args:
        model: with or without an adapter.
        record: of the image; its instances are not read.
        folder: that the file name is in.
        settings: what is kept.
        ids: of the instances that are found, one after the other.
        prototypes: target prototypes of the adapter.
        precision: of the encoder.

    Returns:
        Masks with the point that gave them and their rank as score, the best first.

    Raises:
        FileNotFoundError: the image is missing.
        InputError: it cannot be read.
    """
    image = read_image_of(record, folder)
    frame, embedding = encode_image(model, image, precision=precision)
    found = automatic_masks(model, embedding, frame, settings, prototypes=prototypes)
    rles, labels = image_masks(frame, found.low_res_logits)
    points = frame.to_image(found.points).tolist()
    instances = tuple(InstanceRecord(next(ids), ANYTHING, ((x, y, POSITIVE),)) for x, y in points)
    return ImagePrediction(
        replace(record, instances=instances, background_points=()),
        image,
        rles,
        tuple(found.rank.tolist()),
        labels,
    )


def load_prototypes(folder: Path) -> Float[Tensor, "prototypes channels"] | None:
    """Read an adapter's target prototypes; None where it was trained without.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / PROTOTYPES_NAME
    if not path.exists():
        return None
    try:
        prototypes = load_file(path)["prototypes"].float()
    except (SafetensorError, KeyError, OSError) as error:
        raise InputError(f"{path} holds no prototypes ({in_words(error)}): train again.") from error
    if prototypes.ndim != 2 or not prototypes.isfinite().all():
        raise InputError(f"{path} is damaged: it holds no rows of numbers. Train again.")
    return prototypes
