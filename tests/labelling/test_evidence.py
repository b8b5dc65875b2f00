import numpy as np
import pytest

from pointsam.labelling.candidates import Candidates
from pointsam.labelling.evidence import join, measure, take


def candidates(masks):
    masks = np.asarray(masks, dtype=bool)
    packed = np.packbits(masks.reshape(*masks.shape[:2], -1), axis=-1)
    flat = masks.shape[:2]
    return Candidates(
        masks.shape[2:], packed, np.full(flat, 0.5, np.float32), np.zeros(flat, dtype=bool)
    )


def square(x0, y0, x1, y1):
    mask = np.zeros((20, 20), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_square_on_its_own_pixels():
    mask = square(4, 6, 12, 14)
    image = np.where(mask[..., None], 255, 0).repeat(3, axis=2).astype(np.uint8)
    found = measure(candidates([[mask]]), image, [[(8.0, 10.0, 1)]])
    assert found.area.item() == 64
    assert found.fill.item() == pytest.approx(1)
    assert found.roughness.item() == pytest.approx(28 / 32)  # 28 border pixels
    assert found.edge.item() == pytest.approx(100, abs=0.1)  # black to white in CIELAB
    assert found.largest_part.item() == 1
    assert (found.outside.item(), found.foreign.item(), found.refused.item()) == (0, 0, 0)


def test_clicks_speak_for_and_against():
    image = np.zeros((40, 40, 3), dtype=np.uint8)  # two pixels under one of the label frame
    masks = [[square(0, 0, 10, 10)], [square(12, 12, 15, 15)]]
    points = [[(4.0, 4.0, 1), (38.0, 2.0, 1), (18.0, 18.0, 0)], [(10.0, 12.0, 1), (26.0, 26.0, 1)]]
    found = measure(candidates(masks), image, points)
    assert found.outside[:, 0].tolist() == [1, 1]
    assert found.own[:, 0].tolist() == [2, 2]
    assert found.foreign[:, 0].tolist() == [0.5, 0.0]
    assert found.refused[:, 0].tolist() == [1.0, 0.0]


def test_clicks_without_candidates_of_their_own_count_as_foreign():
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    masks, points = [[square(0, 0, 10, 10)]], [[(4.0, 4.0, 1)]]
    assert measure(candidates(masks), image, points).foreign.item() == 0
    others = [[(8.0, 8.0, 1)], [(15.0, 15.0, 1)]]
    assert measure(candidates(masks), image, points, others=others).foreign.item() == 1


def test_two_parts_and_an_empty_mask():
    parts = square(0, 0, 4, 4) | square(10, 10, 12, 14)
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    found = measure(candidates([[parts, square(0, 0, 0, 0)]]), image, [[(1.0, 1.0, 1)]])
    assert found.largest_part[0].tolist() == pytest.approx([16 / 24, 0])
    assert found.area[0].tolist() == [24, 0]
    assert found.outside[0].tolist() == [0, 1]


def test_evidence_of_several_images_is_one_table():
    image = np.zeros((20, 20, 3), dtype=np.uint8)
    first = measure(candidates([[square(0, 0, 4, 4)]]), image, [[(1.0, 1.0, 1)]])
    second = measure(candidates([[square(0, 0, 5, 5)]]), image, [[(1.0, 1.0, 1)]])
    both = join([first, second])
    assert both.area[:, 0].tolist() == [16, 25]
    assert take(both, np.array([1])).area.tolist() == [[25]]
