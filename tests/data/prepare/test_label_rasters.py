import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pointsam.data.coco.masks import rasterise
from pointsam.data.prepare.label_rasters import LabelRule, find_instances, outlines, read_labels
from pointsam.errors import InputError


def pattern(*rows):
    return np.array([[int(c) for c in row] for row in rows], dtype=np.int64)


def drawn(labels, rule):
    """Each instance's mask, drawn again by COCO's library from its segmentation."""
    return [rasterise(i["segmentation"], labels.shape) for i in find_instances(labels, rule)]


RING = pattern("11111", "10001", "10101", "10001", "11111")
HOLES_IN_A_ROW = pattern("1111111", "1010101", "1111111", "1011101", "1111111")
BRIDGE = pattern("1100", "1100", "0011", "0011")
LINE = pattern("0100000", "0100000", "0111110", "0000000")


@pytest.mark.parametrize("labels", [RING, HOLES_IN_A_ROW, BRIDGE, LINE, pattern("1"),
                                    np.ones((3, 50), dtype=np.int64)])  # fmt: skip
@pytest.mark.parametrize("form", ["polygons", "rle"])
def test_outlines_give_back_the_same_pixels(labels, form):
    rule = LabelRule(each="value", form=form)
    [mask] = drawn(labels, rule)
    assert np.array_equal(mask, labels == 1)


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.95))
def test_any_mask_comes_back_from_its_polygons(seed, share):
    rng = np.random.default_rng(seed)
    labels = (rng.random((rng.integers(1, 24), rng.integers(1, 24))) < share).astype(np.int64)
    masks = drawn(labels, LabelRule())
    assert sum(mask.astype(int) for mask in masks) + (labels == 0) == pytest.approx(1)
    if masks:
        assert np.array_equal(np.any(masks, axis=0), labels == 1)


def test_a_corner_connects():
    assert len(find_instances(BRIDGE, LabelRule())) == 1
    assert len(find_instances(RING, LabelRule())) == 2
    assert len(find_instances(pattern("101", "000", "101"), LabelRule())) == 4


def test_area_and_box_are_counted():
    [found] = find_instances(LINE, LabelRule())
    assert found["area"] == 7
    assert found["bbox"] == [1, 0, 5, 3]
    assert found["category"] == "object"


def test_classes_are_components_of_their_own():
    labels = pattern("1122", "1022", "0000", "2001")
    rule = LabelRule(classes=(("ship", 1), ("tank", 2), ("never", 3)))
    found = [(i["category"], i["area"]) for i in find_instances(labels, rule)]
    assert found == [("ship", 3), ("ship", 1), ("tank", 4), ("tank", 1)]


def test_values_are_instances_of_their_own_even_in_parts():
    labels = pattern("7700", "0055", "7000")
    found = [(i["area"], i["bbox"]) for i in find_instances(labels, LabelRule(each="value"))]
    assert found == [(2, [2, 1, 2, 1]), (3, [0, 0, 2, 3])]


def test_background_and_ignored_values_are_no_objects():
    labels = pattern("9915", "9915")
    rule = LabelRule(background=9, ignored=(5,), category="roof")
    assert [(i["category"], i["area"]) for i in find_instances(labels, rule)] == [("roof", 2)]


def test_specks_are_left_out():
    assert [i["area"] for i in find_instances(RING, LabelRule(min_area=2))] == [16]


def test_an_empty_raster_has_no_instances():
    assert find_instances(np.zeros((4, 5), dtype=np.int64), LabelRule()) == []
    assert outlines(np.zeros((4, 5), dtype=np.int64)) == {}


@pytest.mark.parametrize("rule", [LabelRule(), LabelRule(classes=(("ship", 1),))])
def test_values_of_no_class_are_refused(rule):
    with pytest.raises(ValueError, match=r"holds the values \[2, 7\] beside (object|ship)=1"):
        find_instances(pattern("0127"), rule)


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        (np.array([[0, 255], [3, 0]], dtype=np.uint8), "L"),
        (np.array([[0, 700], [65535, 0]], dtype=np.uint16), "I;16"),
        (np.array([[0, 70000], [3, 0]], dtype=np.int32), "I"),
        (np.array([[0, 7], [3, 0]], dtype=np.float32), "F"),
        (np.array([[0, 1], [1, 0]], dtype=bool), "1"),
    ],
)
def test_numbers_come_as_they_were_written(tmp_path, values, mode):
    image = Image.fromarray(values)
    assert image.mode == mode
    image.save(tmp_path / "a.tif")
    assert read_labels(tmp_path / "a.tif").tolist() == values.astype(int).tolist()


@pytest.mark.parametrize(
    ("dtype", "more"),
    [("uint8", {"nbits": 1}), ("uint8", {"nbits": 2}), ("uint8", {"nbits": 4}),
     ("uint8", {"photometric": "miniswhite"}),
     ("int64", {}), ("uint32", {}), ("uint8", {"compress": "lerc"})],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_numbers_of_a_tiff_come_as_they_are_stored(tmp_path, dtype, more):
    values = np.array([[0, 0, 1, 0], [0, 0, 1, 1]], dtype=dtype)
    shape = {"count": 1, "height": 2, "width": 4, "dtype": dtype}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **more) as out:
        out.write(values[None])
    assert read_labels(tmp_path / "a.tif").tolist() == values.tolist()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_picture_in_black_and_white_is_read_as_it_is_shown(tmp_path):
    values = np.array([[0, 0, 1, 0], [0, 0, 1, 1]], dtype=np.uint8)
    shape = {"count": 1, "height": 2, "width": 4, "dtype": "uint8", "nbits": 1}
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", photometric="miniswhite", **shape
    ) as out:
        out.write(values[None])
    assert read_labels(tmp_path / "a.tif").tolist() == (1 - values).tolist()


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_numbers_of_a_png_of_few_bits_come_as_they_are_stored(tmp_path, bits):
    values = np.arange(2**bits, dtype=np.uint8).reshape(1, -1)
    shape = {"count": 1, "height": 1, "width": 2**bits, "dtype": "uint8", "nbits": bits}
    with rasterio.open(tmp_path / "a.png", "w", driver="PNG", **shape) as out:
        out.write(values[None])
    assert read_labels(tmp_path / "a.png").tolist() == values.tolist()


def test_colours_are_packed(tmp_path):
    colours = np.array([[[0, 0, 0], [1, 2, 3]]], dtype=np.uint8)
    for mode in ("RGB", "RGBA"):
        Image.fromarray(colours).convert(mode).save(tmp_path / "a.png")
        assert read_labels(tmp_path / "a.png").tolist() == [[0, 0x010203]]


def test_what_holds_no_labels_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    with pytest.raises(FileNotFoundError, match="no label raster"):
        read_labels(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="not a label raster"):
        read_labels(path)
    for value in (0.5, np.nan):
        Image.fromarray(np.array([[value]], dtype=np.float32)).save(path)
        with pytest.raises(InputError, match="fractions or NaN"):
            read_labels(path)
    Image.fromarray(np.zeros((2, 2), dtype=np.uint8)).convert("CMYK").save(path)
    with pytest.raises(InputError, match="has 4 bands"):
        read_labels(path)


def test_the_outlines_of_whu_tiles_are_exact(shared):
    counts = []
    for path in sorted((shared / "data/WHU/images").glob("*/label/*.tif")):
        labels = read_labels(path)
        masks = drawn(labels, LabelRule())
        union = np.any(masks, axis=0) if masks else np.zeros(labels.shape, dtype=bool)
        assert np.array_equal(union, labels > 0)
        counts.append(len(masks))
    assert sorted(counts) == [0, 0, 1, 3, 5, 5]


def test_rasterio_is_asked_for_parts_without_corners():
    # What the exactness rests on: two pixels that touch at a corner are two shapes.
    found = rasterio.features.shapes(np.eye(2, dtype=np.int32), mask=np.eye(2, dtype=bool))
    assert len(list(found)) == 2
