"""A drawn data set and a small model for the commands."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.models.tiny_models import small_mobile_sam

from pointsam.models.loading import checkpoints

SIDE = 128


@dataclass
class DrawnSet:
    """Three images of grey squares on black; the last has no instance."""

    images: Path
    annotations: Path
    points: Path

    def change(self, change, *, which="points"):
        """Change the JSON of a file in place."""
        path = getattr(self, which)
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))


@pytest.fixture
def drawn(tmp_path):
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    images, masks, points = [], [], []
    for number in (1, 2, 3):
        pixels = np.zeros((80, 96, 3), dtype=np.uint8)
        corners = [(10, 10), (50, 40)] if number < 3 else []
        name = f"{number}.jpg"
        images.append({"id": number, "file_name": name, "height": 80, "width": 96})
        for place, (x, y) in enumerate(corners):
            pixels[y : y + 20, x : x + 24] = 120 + 40 * place
            entry = {"id": 10 * number + place, "image_id": number, "category_id": place + 1}
            square = [x, y, x + 24, y, x + 24, y + 20, x, y + 20]
            masks.append(entry | {"segmentation": [square]})
            points.append(entry | {"points": [[x + 12, y + 10, 1], [5, 70, 0]]})
        Image.fromarray(pixels).save(folder / "images" / name)
    head = {"images": images, "categories": [{"id": 1, "name": "tank"}, {"id": 2, "name": "ship"}]}
    (folder / "masks.json").write_text(json.dumps(head | {"annotations": masks}))
    (folder / "points.json").write_text(json.dumps(head | {"annotations": points}))
    return DrawnSet(folder / "images", folder / "masks.json", folder / "points.json")


@pytest.fixture
def small_model(monkeypatch):
    """Let the name mobile_sam mean a small model with drawn weights; files load as ever."""
    real = checkpoints.load_segmenter

    def load(name, *, side=1024, device="cpu"):
        if name == "mobile_sam":
            return small_mobile_sam(side)
        return real(name, side=side, device=device)

    monkeypatch.setattr("pointsam.prediction.predictor.load_segmenter", load)
    for module in ("setup", "label_stage", "rounds"):
        monkeypatch.setattr(f"pointsam.training.{module}.load_segmenter", load)
