"""The label frame: the model's input halved, where candidates are compared and stored."""

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from pointsam.frames import ModelFrame

LABEL_STRIDE = 2
"""Pixels of the model frame under one pixel of the label frame."""


def label_size(frame: ModelFrame) -> tuple[int, int]:
    """Give height and width of an image in the label frame."""
    height, width = frame.resized_size
    return -(-height // LABEL_STRIDE), -(-width // LABEL_STRIDE)


def to_label_frame(
    mask: Bool[np.ndarray, "height width"], size: tuple[int, int]
) -> Bool[np.ndarray, "rows cols"]:
    """Bring a mask of the image frame to the label frame of that size: pixels half covered."""
    cover = cv2.resize(mask * np.float32(2), size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(cover >= 1)


def to_image_frame(
    mask: Bool[np.ndarray, "rows cols"], size: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """Resize a mask of the label frame to the image frame, by pixels over half covered."""
    cover = cv2.resize(mask * np.float32(2), size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cover > 1)


def pack(masks: Bool[np.ndarray, "*masks rows cols"]) -> UInt8[np.ndarray, "*masks bytes"]:
    """Store eight pixels of a mask in a byte."""
    return np.packbits(masks.reshape(*masks.shape[:-2], -1), axis=-1)


def unpack(
    packed: UInt8[np.ndarray, "masks bytes"], size: tuple[int, int]
) -> Bool[np.ndarray, "masks rows cols"]:
    """Give masks of height and width `size` back from eight pixels a byte."""
    flat = np.unpackbits(packed, axis=-1, count=size[0] * size[1])
    return flat.reshape(-1, *size).astype(bool)
