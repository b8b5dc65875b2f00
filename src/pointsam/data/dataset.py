"""Makes samples of records: reads and resizes the image, and moves its points with it."""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from pointsam.data.coco.masks import rasterise
from pointsam.data.rasters.images import image_path, image_size, orientation, read_image
from pointsam.data.rasters.tiff_images import colours_read
from pointsam.data.records import Dataset, ImageRecord
from pointsam.data.sample import Sample
from pointsam.errors import InputError
from pointsam.files import sha256_of
from pointsam.frames import ModelFrame
from pointsam.prompts import Prompts

ImageSource = Callable[[ImageRecord], UInt8[np.ndarray, "height width 3"]]
"""Gives the pixels of a record, as RGB: an image of a folder, or a chip of a scene."""


TIFF_ENDINGS = (".tif", ".tiff")
"""Of images, whose bands may have names, in lower case."""


def folder_images(folder: Path) -> ImageSource:
    """Give the images of a folder by their file names."""
    return partial(read_image_of, folder=folder)


def hash_of_images(data: Dataset, folder: Path) -> str:
    """Hash the names of a data set's images, their bytes, and the bands of a TIFF that are read.

    A file beside a TIFF may say which of its bands are the colours.
    """
    digest = hashlib.sha256()
    for record in data.images:
        path = image_path(folder, record.file_name)
        digest.update(f"{record.file_name} {sha256_of(path)}\n".encode())
        bands = colours_read(path) if path.suffix.lower() in TIFF_ENDINGS else (1, 2, 3)
        if bands != (1, 2, 3):
            digest.update(f"red, green, blue are bands {bands}\n".encode())
    return digest.hexdigest()


def load_sample(
    record: ImageRecord,
    images: ImageSource,
    *,
    side: int,
    stride: int = 16,
    with_masks: bool = False,
) -> Sample:
    """Read one image, and move it and its points to the model frame.

    Args:
        record: of the image; its background points join every instance's row.
        images: gives its pixels.
        side: of the model's input, in pixels.
        stride: of the image embedding, in pixels.
        with_masks: also draw the annotated masks, in the image frame.

    Raises:
        FileNotFoundError: the image is not there.
        InputError: it cannot be read, or is not of the size that the record states.
    """
    image = images(record)
    frame = ModelFrame(record.size, side, stride)
    return Sample(
        image_id=record.id,
        file_name=record.file_name,
        frame=frame,
        pixels=frame.pixels(image),
        prompts=model_prompts(record, frame),
        instance_ids=tuple(instance.id for instance in record.instances),
        categories=tuple(instance.category for instance in record.instances),
        masks=draw_masks([record])[0] if with_masks else None,
        weights=tuple(i.weight for i in record.instances) if with_masks else None,
    )


def model_prompts(record: ImageRecord, frame: ModelFrame, *, with_boxes: bool = False) -> Prompts:
    """Move the points of an image to the model frame, one row for each instance.

    Args:
        record: of the image.
        frame: of the image.
        with_boxes: give the instances' boxes in place of their points.

    Raises:
        InputError: boxes are asked for and an instance has none.
    """
    if with_boxes:
        return Prompts.from_boxes(_boxes(record)).moved(frame.to_model)
    prompts = Prompts.from_rows(record.clicks)
    return prompts.moved(lambda points: frame.to_model(frame.clamped(points)))


def _boxes(record: ImageRecord) -> Float[Tensor, "instances 4"]:
    """Give the boxes of an image, one an instance, in the image frame."""
    for instance in record.instances:
        if instance.box is None:
            raise InputError(
                f'{record.file_name}: instance {instance.id} has no usable box ("bbox": [x, y, '
                "width, height]); prompt with points, or make the file from boxes with "
                "'pointsam points convert'."
            )
    return torch.tensor([i.box for i in record.instances], dtype=torch.float32).reshape(-1, 4)


def read_image_of(record: ImageRecord, folder: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read the image of a record, as RGB.

    Raises:
        FileNotFoundError: the image is not there.
        InputError: it cannot be read, or is not of the size that the record states.
    """
    path = image_path(folder, record.file_name)
    size = image_size(path)  # before memory is taken for an image of the wrong size
    if size != record.size:
        turned = orientation(path) > 4 and size == record.size[::-1]
        raise InputError(
            f"{path} is {size[0]} x {size[1]} px (height x width), its annotations say "
            f"{record.size[0]} x {record.size[1]}: "
            + (
                "EXIF turns the image, and the annotations are of the unturned one; make them "
                "anew on the image as it is shown, or take the turn out of both."
                if turned
                else "are they of another version of the image?"
            )
        )
    return read_image(path)


def draw_masks(records: Iterable[ImageRecord]) -> list[Bool[Tensor, "instances height width"]]:
    """Draw the annotated masks of each image, in the image frame.

    Raises:
        InputError: an instance has no mask.
    """
    drawn = []
    for record in records:
        masks = np.zeros((len(record.instances), *record.size), dtype=bool)
        for mask, instance in zip(masks, record.instances, strict=True):
            if instance.segmentation is None:
                raise InputError(f"instance {instance.id} of {record.file_name} has no mask.")
            mask[:] = rasterise(instance.segmentation, record.size)
        drawn.append(torch.from_numpy(masks))
    return drawn
