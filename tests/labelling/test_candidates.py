import numpy as np
import pytest
import torch
from scipy import ndimage
from tests.prediction.colour_model import ColourModel

from pointsam.labelling.candidates import PER_LOOK, find_candidates
from pointsam.labelling.looks import Looks
from pointsam.prompts import Prompts

SQUARES = ((8, 8, 16, 20), (44, 40, 56, 48))
"""``(x0, y0, x1, y1)`` in an image that fills the model's 64 x 64 px input."""
UPRIGHT = Looks(turned=False)
WHOLE = Looks(closer=False, turned=False)


def drawn_image(squares=SQUARES):
    image = np.full((64, 64, 3), 30, dtype=np.uint8)
    for x0, y0, x1, y1 in squares:
        image[y0:y1, x0:x1] = 160
    return image


def candidates_of(*args, **kwargs):
    return find_candidates(*args, **kwargs)[0]


def prompts(*places):
    return Prompts.from_rows([[(x, y, 1)] for x, y in places])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 64), (64, 56), (64, 52)])
@pytest.mark.parametrize("turn", [0, 1])
def test_every_look_finds_the_object_where_it_is(turn, height, width):
    squares = (SQUARES[0], (width - 20, height - 24, width - 8, height - 16))
    image = drawn_image(squares)[:height, :width]
    found = candidates_of(ColourModel(), image, prompts((12, 14), (width - 14, height - 20)))
    assert found.size == (height // 2, width // 2)
    assert found.iou_prediction.shape == (2, 2 * 2 * PER_LOOK)
    for index, (x0, y0, x1, y1) in enumerate(squares):
        expected = np.zeros(found.size, dtype=bool)
        expected[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = True
        whole, closer = found.masks(index)[[turn * 2 * PER_LOOK, (turn * 2 + 1) * PER_LOOK]]
        core = ndimage.binary_erosion(expected)
        # A pixel of the low-res logits is two of the label frame: an edge may be off by one.
        assert (whole ^ expected).sum() <= 12
        # Enlarged edges are blurred, so the mask may lack its outer pixels.
        assert (closer | expected == expected).all()
        assert (closer | core == closer).all()
        assert not found.cut[index].any()


def test_a_mask_that_runs_out_of_its_window_is_cut():
    image = drawn_image([(4, 28, 60, 36)])
    found = candidates_of(ColourModel(), image, prompts((8, 32)), looks=UPRIGHT)
    assert found.cut[0].tolist() == [False] * PER_LOOK + [True] * PER_LOOK


def test_near_objects_share_the_encodes():
    model = ColourModel()
    find_candidates(model, drawn_image(), prompts((10, 12), (14, 18), (12, 14)), looks=UPRIGHT)
    assert model.encoded == 2
    find_candidates(model, drawn_image(), prompts((10, 12), (14, 18)), looks=WHOLE)
    assert model.encoded == 3
    find_candidates(model, drawn_image(), prompts((10, 12), (14, 18)))
    assert model.encoded == 3 + 2 * 2


def test_many_objects_are_decoded_in_parts_and_stay_in_order(monkeypatch):
    together = candidates_of(ColourModel(), drawn_image(), prompts((12, 14), (50, 44), (10, 10)))
    monkeypatch.setattr("pointsam.labelling.candidates._AT_ONCE", 1)
    alone = candidates_of(ColourModel(), drawn_image(), prompts((12, 14), (50, 44), (10, 10)))
    assert (together.packed == alone.packed).all()
    assert (together.cut == alone.cut).all()


class Listening(ColourModel):
    """Keeps the labels of the clicks that it was asked with."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def decode_chunk(self, terms, points, labels, **kwargs):
        self.asked.append(labels.tolist())
        return super().decode_chunk(terms, points, labels, **kwargs)


def test_the_first_negative_click_is_asked_with_where_it_is_in_view():
    rows = Prompts.from_rows(
        [[(12.0, 14.0, 1), (62.0, 62.0, 0), (60.0, 60.0, 0)], [(50.0, 44.0, 1)]]
    )
    model = Listening()
    find_candidates(model, drawn_image(), rows, looks=UPRIGHT)
    assert model.asked == [[[1]], [[1, 0]], [[1]], [[1]]]  # one call a number of clicks
    assert torch.equal(rows.labels, torch.tensor([[1, 0, 0], [1, -1, -1]]))


def test_where_every_mask_holds_a_negative_click_all_are_asked_with():
    rows = Prompts.from_rows(
        [[(12.0, 14.0, 1), (30.0, 30.0, 0), (10.0, 10.0, 0)], [(50.0, 44.0, 1)]]
    )
    model = Listening()
    find_candidates(model, drawn_image(), rows, looks=WHOLE)
    assert model.asked == [[[1]], [[1, 0]], [[1, 0, 0]]]
    # One negative click is asked with already: it is not asked again.
    model = Listening()
    find_candidates(model, drawn_image(), prompts_of_one_negative(), looks=WHOLE)
    assert model.asked == [[[1, 0]]]


def prompts_of_one_negative():
    return Prompts.from_rows([[(12.0, 14.0, 1), (10.0, 10.0, 0)]])
