"""A segmenter whose masks can be counted: what is connected to a point and has its colour."""

import numpy as np
import rasterio
import torch
from affine import Affine
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from pointsam.models.segmenter import Embedding, FrozenFeatures, ImageTerms, MaskLogits, Segmenter

SIDE = 64


class ColourModel(Segmenter):
    """The embedding is the low-res image, so nothing is learned and nothing is random."""

    family = "colour"
    first_block = 0

    def __init__(self, *, side=SIDE):
        super().__init__()
        self.side = side
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.encoded = 0
        self.decoded = 0

    def encode_frozen(self, pixels):
        self.encoded += len(pixels)
        return FrozenFeatures((F.avg_pool2d(pixels, 4),))

    def encode_adapted(self, stem):
        return Embedding(stem.tensors[0])

    def prepare(self, embedding):
        return ImageTerms((embedding.image[0],))

    def decode_chunk(self, terms, points, labels, *, boxes=None, multimask=False):
        self.decoded += len(points)
        image = terms.tensors[0]
        logits = []
        for own_points, own_labels in zip(points, labels, strict=True):
            x, y = ((own_points[own_labels == 1][0] + 0.5) / 4).floor().long().tolist()
            distance = (image - image[:, y, x][:, None, None]).abs().amax(dim=0)
            parts, _ = ndimage.label((distance < 0.05).numpy())
            logits.append(torch.from_numpy(np.where(parts == parts[y, x], 5.0, -5.0)).float())
        masks = 4 if multimask else 1
        stacked = torch.stack(logits)[:, None].expand(-1, masks, -1, -1)
        return MaskLogits(stacked, torch.full((len(points), masks), 0.9))

    def linear_layers(self, kind):
        return ()


def write_scene(path, boxes, *, size, corner=(1000.0, 5000.0), background=30, **profile):
    """Draw boxes ``(x0, y0, x1, y1)`` of different colours on a scene of 0.5 m a pixel."""
    values = np.full((3, *size), background, dtype=np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        values[:, y0:y1, x0:x1] = np.array([60, 100, 140])[:, None, None] + 9 * number
    profile = {"driver": "GTiff", "dtype": "uint8", "crs": "EPSG:32631", **profile}
    transform = Affine(0.5, 0, corner[0], 0, -0.5, corner[1])
    with rasterio.open(
        path, "w", count=3, height=size[0], width=size[1], transform=transform, **profile
    ) as dataset:
        dataset.write(values)
    return path
