import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.prepare.splitting import (
    groups_by_look,
    hold_out_groups,
    hold_out_place,
    keep_images,
    map_centres,
)
from pointsam.errors import InputError


@given(seed=st.integers(0, 2**16), count=st.integers(2, 40), share=st.floats(0.01, 0.99))
def test_groups_stay_whole_and_both_sides_have_some(seed, count, share):
    groups = np.random.default_rng(seed).integers(0, count, count)
    groups[0], groups[1] = 100, 101  # two at least
    held = hold_out_groups(groups, share, seed=seed)
    assert 0 < len(held) < count
    assert not {groups[i] for i in held} & {groups[i] for i in range(count) if i not in held}


def test_the_share_is_met_where_it_can_be():
    assert len(hold_out_groups(np.arange(50), 0.2, seed=0)) == 10
    assert len(hold_out_groups(np.arange(100) // 4, 0.2, seed=0)) == 20


def test_the_seed_alone_decides():
    first = hold_out_groups(np.arange(30), 0.5, seed=1)
    assert hold_out_groups(np.arange(30), 0.5, seed=1) == first
    assert hold_out_groups(np.arange(30), 0.5, seed=2) != first


def test_one_group_cannot_be_cut():
    with pytest.raises(InputError, match="3 images in 1 groups cannot be cut"):
        hold_out_groups(np.zeros(3, dtype=int), 0.5, seed=0)
    with pytest.raises(InputError, match="1 images cannot be cut"):
        hold_out_place(np.zeros((1, 2)), 0.5, seed=0)


def test_a_place_is_one_end_of_the_longer_side():
    centres = np.array([[x * 10.0, y] for x in range(10) for y in range(2)])
    ends = {tuple(sorted(hold_out_place(centres, 0.2, seed=seed))) for seed in range(8)}
    assert ends == {(0, 1, 2, 3), (16, 17, 18, 19)}


def test_centres_share_the_map_of_the_first(tmp_path):
    for name, crs, corner in (
        ("a", "EPSG:32632", (500_000, 5_500_000)),
        ("b", "EPSG:4326", (9, 50)),
    ):
        profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 2, "width": 4}
        side = 10 if name == "a" else 1e-4
        with rasterio.open(
            tmp_path / f"{name}.tif",
            "w",
            crs=crs,
            transform=from_origin(*corner, side, side),
            **profile,
        ) as out:
            out.write(np.zeros((1, 2, 4), dtype=np.uint8))
    first, second = map_centres([tmp_path / "a.tif", tmp_path / "b.tif"]).tolist()
    assert first == [500_020, 5_499_990]
    assert second[0] == pytest.approx(500_000 + 2e-4 * 71_700, abs=0.5)  # metres a degree there
    Image.new("L", (4, 4)).save(tmp_path / "c.png")
    with pytest.raises(InputError, match=r"c\.png has no coordinate system"):
        map_centres([tmp_path / "c.png"])


def test_images_that_look_alike_are_one_group(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(2)]
    for name, picture in zip("abc", (*pictures, pictures[0] // 2), strict=True):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    groups = groups_by_look([tmp_path / f"{name}.png" for name in "abc"])
    assert groups.tolist() == [0, 1, 0]


def test_what_is_not_of_an_image_stays():
    content = {
        "info": "kept",
        "images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "b"}],
        "annotations": [{"id": 5, "image_id": 1}, {"id": 6, "image_id": 2}],
    }
    assert keep_images(content, {"b"}) == {
        "info": "kept",
        "images": [{"id": 2, "file_name": "b"}],
        "annotations": [{"id": 6, "image_id": 2}],
    }
