"""The picture after each pass shows whose mask is where."""

import numpy as np
import pytest
import torch
from PIL import Image
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import SIDE, settings, trainer, write_dataset

from pointsam.data.dataset import folder_images
from pointsam.figures import FILL_OPACITY, GAP, LONGEST_SIDE, PALETTE, draw_panel
from pointsam.models.calibration import JointMasks
from pointsam.models.choice import InstanceMasks
from pointsam.training import figure
from pointsam.training.pseudo_labels import PseudoLabels, Teacher
from pointsam.training.setup import make_views

LOW = SIDE // 4
TEACHERS, STUDENTS = (slice(2, 8), slice(3, 13)), (slice(12, 20), slice(18, 28))
"""Rows and columns of the low-res frame, away from each other."""


def answer(rows, cols):
    """One instance's mask: a rectangle."""
    logits = torch.full((1, LOW, LOW), -9.0)
    logits[0, rows, cols] = 9.0
    return InstanceMasks(logits, torch.ones(1))


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """A view, and the picture of a teacher and a student that each see a rectangle of their own."""

    def label(self, frozen_features, samples):
        masks = answer(*TEACHERS)
        joint = JointMasks(masks, samples[0].prompts, torch.zeros(1, 1, dtype=torch.bool))
        return [PseudoLabels(masks.low_res_logits > 0, torch.tensor([True]), joint)]

    monkeypatch.setattr(Teacher, "label", label)
    monkeypatch.setattr(figure, "segment", lambda *given, **options: answer(*STUDENTS))
    chosen = settings()
    data, images, _ = write_dataset(tmp_path, images=1, instances=1)
    views = make_views(data.images, folder_images(images), chosen, stride=16)
    path = figure.draw_epoch(trainer(small_mobile_sam(), chosen), views, 4, tmp_path / "figures")
    return views(0, 4), path


def panel(picture, pixels, place):
    """Cut a panel out, and draw what would be there without masks and points."""
    plain = draw_panel(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()))
    left = place * (LONGEST_SIDE + GAP)
    shown = picture[len(picture) - len(plain) :, left : left + LONGEST_SIDE]
    return shown, plain


@pytest.mark.parametrize(
    ("place", "look", "own", "other"),
    [(0, "weak", TEACHERS, STUDENTS), (1, "strong", STUDENTS, TEACHERS)],
)
def test_each_panel_shows_its_own_view_and_mask(drawn, place, look, own, other):
    view, path = drawn
    assert path.name == "epoch-005.png"
    picture = np.asarray(Image.open(path))
    pixels = view.sample.pixels if look == "weak" else view.strong_pixels
    shown, plain = panel(picture, pixels, place)
    tinted = plain * (1 - FILL_OPACITY) + np.array(PALETTE[0]) * FILL_OPACITY
    inside = np.abs(shown - tinted).max(axis=2) <= 1
    scale = LONGEST_SIDE // LOW

    def share(marked, rows, cols):
        """Share of marked pixels well inside a rectangle; a click may hide some."""
        part = marked[
            (rows.start + 1) * scale : (rows.stop - 1) * scale,
            (cols.start + 1) * scale : (cols.stop - 1) * scale,
        ]
        return part.mean()

    untouched = (shown == plain).all(axis=2)
    assert share(inside, *own) > 0.8
    assert share(untouched, *other) > 0.8
    # The rest of the view, nine tenths of it, is as it was but for the two clicks.
    assert untouched.mean() > 0.8


def test_the_two_views_differ(drawn):
    view, _ = drawn
    assert not torch.equal(view.sample.pixels, view.strong_pixels)
