import numpy as np
import pytest
from PIL import Image

from pointsam import figures
from pointsam.figures import LONGEST_SIDE, PALETTE, draw_panel, save_picture, side_by_side, stack

FACTOR = LONGEST_SIDE // 64


def canvas(height=64, width=64, value=100):
    return np.full((height, width, 3), value, dtype=np.uint8)


def rectangle(top, left, bottom, right, size=(64, 64)):
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def ink(panel, colour):
    return (panel == np.array(colour)).all(axis=2)


def test_a_panel_is_as_long_as_all_panels_and_keeps_its_proportions():
    assert draw_panel(canvas(32, 64)).shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3)
    assert draw_panel(canvas(2000, 1000)).shape == (LONGEST_SIDE, LONGEST_SIDE // 2, 3)
    assert draw_panel(canvas(1, 2000)).shape == (1, LONGEST_SIDE, 3)


def test_a_mask_is_tinted_inside_outlined_at_its_edge_and_leaves_the_rest():
    panel = draw_panel(canvas(), masks=rectangle(16, 24, 40, 48)[None])
    rows, cols = np.nonzero(ink(panel, PALETTE[0]))
    box = (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)
    assert box == (16 * FACTOR, 24 * FACTOR, 40 * FACTOR, 48 * FACTOR)
    # Four edges of the outline's width around the tinted middle.
    inner = 24 * FACTOR - 2 * figures.OUTLINE_WIDTH
    assert len(rows) == (24 * FACTOR) ** 2 - inner**2
    tint = np.array(PALETTE[0]) * figures.FILL_OPACITY + 100 * (1 - figures.FILL_OPACITY)
    assert panel[28 * FACTOR, 36 * FACTOR].tolist() == tint.round().tolist()
    assert (panel == 100).all(axis=2).sum() == LONGEST_SIDE**2 - (24 * FACTOR) ** 2


def test_colours_go_by_object_and_come_again():
    masks = np.stack([rectangle(0, 6 * i, 9, 6 * i + 5) for i in range(len(PALETTE) + 1)])
    panel = draw_panel(canvas(), masks=masks)
    found = [panel[2 * FACTOR, 6 * i * FACTOR].tolist() for i in range(len(masks))]
    assert found == [list(colour) for colour in (*PALETTE, PALETTE[0])]


def test_a_positive_point_is_a_disc_around_the_middle_of_its_pixel():
    panel = draw_panel(canvas(), points=np.array([[[10.0, 40.0]]]), labels=np.array([[1]]))
    rows, cols = np.nonzero(ink(panel, PALETTE[0]))
    assert abs(rows.mean() + 0.5 - 40.5 * FACTOR) <= 1
    assert abs(cols.mean() + 0.5 - 10.5 * FACTOR) <= 1
    assert ink(panel, (255, 255, 255)).any()


def test_a_negative_point_is_a_cross_in_its_objects_colour_and_padding_is_nothing():
    points = np.array([[[10.0, 40.0], [50.0, 9.0]], [[0.0, 0.0], [20.0, 20.0]]])
    panel = draw_panel(canvas(), points=points, labels=np.array([[-1, -1], [-1, 0]]))
    assert not ink(panel, PALETTE[0]).any()
    rows, cols = np.nonzero(ink(panel, PALETTE[1]))
    middle = int(20.5 * FACTOR)
    assert ink(panel, PALETTE[1])[middle - 1 : middle + 1, middle - 1 : middle + 1].all()
    # The arms lie on the two diagonals; left of the middle there is nothing.
    assert not ink(panel, PALETTE[1])[middle, middle - 5]
    assert rows.max() - rows.min() == cols.max() - cols.min()


def test_many_marks_are_smaller_than_few():
    along = np.arange(0.0, 60.0, 3.0)
    points = np.stack(np.meshgrid(along, along[:10]), axis=-1).reshape(-1, 1, 2)
    labels = np.ones(points.shape[:2], dtype=int)
    few = draw_panel(canvas(), points=points[:1], labels=labels[:1])
    many = draw_panel(canvas(), points=points, labels=labels)
    untouched = (draw_panel(canvas()) == many).all(axis=-1).mean()
    assert untouched > 0.9
    assert (draw_panel(canvas()) == few).all(axis=-1).mean() < 1 - (1 - untouched) / len(points)
    assert ink(many, PALETTE[0]).any()


def test_a_negative_point_of_two_objects_is_grey():
    points = np.array([[[20.0, 20.0]], [[20.0, 20.0]]])
    panel = draw_panel(canvas(), points=points, labels=np.zeros((2, 1), dtype=int))
    assert ink(panel, figures.GREY).any()
    assert not ink(panel, PALETTE[0]).any()


def test_no_object_leaves_the_image_as_it_was():
    plain = draw_panel(canvas())
    empty = draw_panel(
        canvas(),
        masks=np.zeros((0, 64, 64), dtype=bool),
        points=np.zeros((0, 0, 2)),
        labels=np.zeros((0, 0), dtype=int),
    )
    assert (plain == 100).all()
    assert (empty == plain).all()
    assert (draw_panel(canvas(), masks=np.zeros((1, 64, 64), dtype=bool)) == plain).all()


def test_the_input_is_not_drawn_on():
    image = canvas(LONGEST_SIDE, LONGEST_SIDE)
    draw_panel(image, masks=np.ones((1, LONGEST_SIDE, LONGEST_SIDE), dtype=bool))
    assert (image == 100).all()


@pytest.mark.parametrize(
    ("metres_per_pixel", "shown_pixels"),
    # A quarter of 64 pixels is 8 m (5 m is drawn), 16 m (10 m), 3200 m (2 km).
    [(0.5, 5 / 0.5 * FACTOR), (1.0, 10 * FACTOR), (200.0, 2000 / 200 * FACTOR)],
)
def test_the_scale_bar_has_a_round_length(metres_per_pixel, shown_pixels):
    panel = draw_panel(canvas(), metres_per_pixel=metres_per_pixel)
    bar = ink(panel, (255, 255, 255))[-12]
    assert bar.sum() == shown_pixels + 1


def test_a_title_stands_above_and_shrinks_to_fit():
    for title in ("truth", "a title that is much too long for a picture as narrow as this " * 2):
        panel = draw_panel(canvas(), title=title)
        strip = panel[:-LONGEST_SIDE]
        assert len(strip) > 20
        assert (strip < 128).any()
        assert (panel[-LONGEST_SIDE:] == 100).all()


def test_panels_stand_level_with_white_between():
    row = side_by_side([canvas(20, 30), canvas(10, 40)])
    assert row.shape == (20, 70 + figures.GAP, 3)
    assert (row[:10, -40:] == 100).all()
    assert (row[10:, 30:] == 255).all()
    page = stack([row, canvas(5, 8)])
    assert page.shape == (25 + figures.GAP, row.shape[1], 3)
    assert (page[-5:, :8] == 100).all()
    assert (page[-5:, 8:] == 255).all()


def test_a_picture_is_saved_as_it_is(tmp_path):
    path = tmp_path / "new" / "figure.png"
    picture = draw_panel(canvas(), masks=rectangle(1, 1, 9, 9)[None])
    save_picture(picture, path)
    assert (np.asarray(Image.open(path)) == picture).all()


def test_masks_of_another_size_and_points_without_labels_are_refused():
    with pytest.raises(ValueError, match=r"a mask is \(32, 64\) px, the image is \(64, 64\) px"):
        draw_panel(canvas(), masks=np.zeros((1, 32, 64), dtype=bool))
    with pytest.raises(ValueError, match="points and labels go together"):
        draw_panel(canvas(), points=np.zeros((1, 1, 2)))
