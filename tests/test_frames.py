import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pointsam.frames import (
    ModelFrame,
    in_pixels,
    meets_image,
    nearest_pixel,
    on_image,
    pixel_middles,
    to_edges,
    to_middles,
)

SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


@pytest.mark.parametrize(
    ("size", "resized"),
    [((512, 1024), (512, 1024)), ((500, 250), (1024, 512)), ((600, 400), (1024, 683))],
)
def test_the_longest_side_fills_the_input(size, resized):
    assert ModelFrame(size).resized_size == resized


def test_a_sliver_keeps_one_pixel():
    assert ModelFrame((1, 5000)).resized_size == (1, 1024)


def test_a_point_is_scaled_along_each_axis():
    frame = ModelFrame((512, 256), side=1024)
    assert frame.scale_xy == (2.0, 2.0)
    assert frame.to_model(torch.tensor([10.0, 100.0])).tolist() == [20, 200]


@given(size=SIZES, side=st.sampled_from([64, 512, 1024]))
def test_points_come_back_from_the_model_frame(size, side):
    frame = ModelFrame(size, side=side)
    points = torch.tensor([[0.0, 0.0], [size[1] - 1, size[0] - 1], [size[1] / 3, size[0] / 7]])
    there = frame.to_model(points)
    height, width = frame.resized_size
    assert (there[:, 0] < width).all()
    assert (there[:, 1] < height).all()
    torch.testing.assert_close(frame.to_image(there), points, rtol=1e-5, atol=1e-3)


def test_cell_is_row_then_column():
    frame = ModelFrame((1024, 1024))
    assert frame.to_cell(torch.tensor([40.0, 8.0])).tolist() == [0, 2]
    assert frame.to_cell(torch.tensor([[15.9, 16.0], [1023.0, 0.0]])).tolist() == [[1, 0], [0, 63]]


def test_a_coarser_embedding_has_larger_cells():
    assert ModelFrame((64, 64), side=64, stride=32).to_cell(torch.tensor([40.0, 8.0])).tolist() == [
        0,
        1,
    ]


@pytest.mark.parametrize("point", [[-0.5, 3.0], [1024.0, 3.0], [3.0, 2000.0]])
def test_a_point_outside_the_input_is_refused(point):
    with pytest.raises(ValueError, match=r"outside the 1024 px model frame; .*to_model\(\)"):
        ModelFrame((10, 10)).to_cell(torch.tensor([[1.0, 1.0], point]))


@pytest.mark.parametrize(("size", "side"), [((0, 5), 64), ((5, 5), 0)])
def test_an_empty_frame_is_refused(size, side):
    with pytest.raises(ValueError, match="at least 1 px"):
        ModelFrame(size, side=side)


def test_an_image_that_fits_is_not_resampled():
    image = np.arange(64 * 32 * 3, dtype=np.uint8).reshape(64, 32, 3)
    assert ModelFrame((64, 32), side=64).resize(image) is image


def test_an_image_is_resized_as_pillow_does():
    image = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    found = ModelFrame((90, 60), side=64).resize(image)
    assert found.shape == (64, 43, 3)
    expected = Image.fromarray(image).resize((43, 64), Image.Resampling.BILINEAR)
    assert (found == np.asarray(expected)).all()


def test_an_image_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"image is \(5, 6\), its frame says \(6, 5\) px"):
        ModelFrame((6, 5)).resize(np.zeros((5, 6, 3), dtype=np.uint8))


def test_low_res_pixels_on_the_padding_are_not_valid():
    valid = ModelFrame((32, 64), side=64).low_res_valid()
    assert valid.shape == (16, 16)
    assert valid.sum() == 8 * 16
    assert valid[:8].all()
    # 22 rows: the centres at 2, 6, ..., 18 are on the image, 22 is its end
    assert ModelFrame((22, 64), side=64).low_res_valid()[:, 0].sum() == 5


def test_logits_come_back_without_the_padding():
    # an image of 32 x 64 in an input of 64: 8 of 16 low-res rows; its upper half is object
    logits = torch.full((1, 16, 16), -10.0)
    logits[:, :4] = 10
    logits[:, 8:] = 10
    found = ModelFrame((32, 64), side=64).logits_to_image(logits)
    assert found.shape == (1, 32, 64)
    # the ramp between rows 14 and 17 crosses zero between rows 15 and 16
    assert (found[0, :16] > 0).all()
    assert (found[0, 16:28] < 0).all()


def test_logits_of_an_enlarged_image_shrink_back():
    logits = torch.zeros(2, 16, 16)
    logits[1] = torch.linspace(-1, 1, 16)
    found = ModelFrame((16, 16), side=64).logits_to_image(logits)
    assert found.shape == (2, 16, 16)
    torch.testing.assert_close(found[1].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert (found[1].diff(dim=1) >= 0).all()


def test_no_instances_give_no_masks_in_the_image_frame():
    found = ModelFrame((30, 20), side=64).logits_to_image(torch.zeros(0, 16, 16))
    assert found.shape == (0, 30, 20)


def test_the_first_pixel_of_a_map_has_its_middle_at_a_half():
    assert to_edges(0.0) == 0.5
    assert to_middles(np.array([0.0, 0.5, 7.0])).tolist() == [-0.5, 0.0, 6.5]
    assert pixel_middles(2, 4).tolist() == [2.5, 3.5]


def test_a_pixel_reaches_half_a_pixel_around_its_middle():
    assert nearest_pixel(np.array([-0.5, 0.49, 0.5, 6.51])).tolist() == [0, 0, 1, 7]


def test_a_border_is_of_one_image_and_a_clipped_click_is_on_its_image():
    left_end, right_begin = 31.5, -0.5  # one place, seen by two neighbours of 32 px
    assert in_pixels(right_begin, 4.0, (32, 32))
    assert not in_pixels(left_end, 4.0, (32, 32))
    assert on_image(left_end, 4.0, (32, 32))
    assert not on_image(32.0, 4.0, (32, 32))


@pytest.mark.parametrize(
    ("box", "met"),
    [
        ((2, 2, 4, 4), True),
        ((-9, -9, 99, 99), True),
        ((19.4, 9.4, 30, 30), True),
        ((19.5, 2, 30, 4), False),
        ((2, 9.5, 4, 30), False),
        ((-9, 2, -0.5, 4), False),
        ((2, -9, 4, -0.5), False),
        ((float("nan"), 2, 4, 4), False),
    ],
)
def test_a_box_meets_an_image_where_a_part_of_a_pixel_is_in_it(box, met):
    assert meets_image(box, (10, 20)) is met


def test_a_place_that_is_no_number_is_on_no_image():
    assert not on_image(float("nan"), 4.0, (32, 32))
    assert on_image(torch.tensor([0.0, torch.nan]), torch.zeros(2), (2, 2)).tolist() == [
        True,
        False,
    ]


def test_a_click_on_the_outer_half_of_a_pixel_is_put_on_the_image():
    frame = ModelFrame((10, 20))
    points = torch.tensor([[-0.5, 9.9], [19.9, 3.0]])
    assert frame.clamped(points).tolist() == [[0.0, 9.5], [19.5, 3.0]]
