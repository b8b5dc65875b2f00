import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsam.data.rasters.windows import Grid, Window, centred, follow, place, touches

SIDE = 64


def _grid(corner_x, corner_y, *, size=(1000, 1000), pixel=0.5):
    return Grid.of((pixel, 0.0, corner_x, 0.0, -pixel, corner_y), size)


def test_the_grid_counts_pixels_from_the_origin_of_the_coordinates():
    grid = _grid(100.0, 80.0)
    assert (grid.x, grid.y) == (200, -160)


@given(
    columns=st.integers(0, 999),
    rows=st.integers(0, 999),
    corner=st.floats(-5e6, 5e6),
    pixel=st.sampled_from([0.3, 0.5, 10.0, 1e-5, 0.29858214173896974]),
)
def test_padding_moves_the_file_but_not_the_ground(columns, rows, corner, pixel):
    scene = _grid(corner * pixel, -corner * pixel, pixel=pixel)
    padded = _grid((corner - columns) * pixel, (rows - corner) * pixel, pixel=pixel)
    assert abs(scene.x - padded.x - columns) <= (abs(corner % 1 - 0.999) < 1e-6)
    point = np.array([[scene.x + 500.5, scene.y + 500.5]])
    assert place(point, scene, side=SIDE) == place(point, padded, side=SIDE)


def test_a_turned_grid_has_its_own_origin():
    turned = (3.0, 4.0, 30.0, 4.0, -3.0, 40.0)
    assert Grid.of(turned, (9, 9)).box == (10, 0, 19, 9)
    with pytest.raises(ValueError, match="no inverse"):
        Grid.of((1.0, 1.0, 0.0, 1.0, 1.0, 0.0), (9, 9))


@given(x=st.floats(0, 999), y=st.floats(0, 999))
def test_a_point_lies_in_the_window_whose_centre_is_nearest(x, y):
    window = place(np.array([[x, y]]), Grid(0, 0, 1000, 1000), side=SIDE)
    lattice = [
        Window(i * SIDE // 2, j * SIDE // 2, SIDE, SIDE)
        for i in range(-2, 34)
        for j in range(-2, 34)
    ]
    distance = min(max(abs(w.x + SIDE / 2 - x), abs(w.y + SIDE / 2 - y)) for w in lattice)
    assert max(abs(window.x + SIDE / 2 - x), abs(window.y + SIDE / 2 - y)) == distance <= SIDE / 4
    assert window in lattice


def test_points_that_span_more_get_a_window_that_holds_them():
    points = np.array([[100.0, 100.0], [300.0, 120.0]])
    window = place(points, Grid(0, 0, 1000, 1000), side=SIDE)
    assert window.width == 512
    assert window.holds((100, 100, 300, 120), margin=64)


def test_a_scene_no_larger_than_a_window_is_one_window():
    grid = Grid(7, -3, 64, 30)
    assert place(np.array([[10.0, 0.0]]), grid, side=SIDE) == Window(7, -3, 64, 30)


@given(x=st.integers(-999, 999), width=st.integers(1, 40))
def test_a_centred_window_is_centred_to_a_sixteenth(x, width):
    window = centred((x, 0, x + width, 10), side=SIDE)
    assert abs(window.x + SIDE / 2 - (x + width / 2)) <= SIDE / 16
    assert window.x % (SIDE // 8) == 0


def test_a_mask_touches_only_borders_with_scene_beyond():
    grid, window = Grid(0, 0, 200, 200), Window(0, 64, 64, 64)
    assert not touches((0, 80, 30, 90), window, grid, within=4)  # left: the scene ends
    assert touches((30, 66, 40, 90), window, grid, within=4)
    assert touches((30, 80, 61, 90), window, grid, within=4)
    assert not touches((30, 80, 60, 90), window, grid, within=4)


def test_a_cut_object_is_centred_first_and_then_given_more_room():
    window = Window(0, 0, 64, 64)
    cut = (40, 20, 64, 44)
    assert follow(cut, window, moved=False, largest=256) == Window(24, 0, 64, 64)
    assert follow(cut, window, moved=True, largest=256) == centred(cut, side=128)
    assert follow((0, 0, 64, 10), window, moved=False, largest=256).width == 128
    assert follow((0, 0, 64, 10), window, moved=True, largest=100) is None
