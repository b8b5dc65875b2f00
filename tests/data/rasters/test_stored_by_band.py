"""TIFFs that store each band by itself are read as colours, and not as grey of their first band."""

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.dataset import hash_of_images
from pointsam.data.prepare.label_rasters import read_labels
from pointsam.data.rasters.images import read_image, read_transparent
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError

BLACK = {"interleave": "band", "photometric": "MINISBLACK", "compress": "lzw"}
ROWS, COLS = 6, 8


def save(path, count, *, dtype="uint8", clear=False, **how):
    values = np.arange(count * ROWS * COLS, dtype=dtype).reshape(count, ROWS, COLS) % 250
    if clear:
        values[-1, :2] = 0
    profile = {"driver": "GTiff", "count": count, "dtype": dtype, "height": ROWS, "width": COLS}
    profile |= {"transform": from_origin(0, ROWS, 1, 1)}
    with rasterio.open(path, "w", **profile, **how) as out:
        out.write(values)
    return np.moveaxis(values, 0, -1)


@pytest.mark.parametrize("count", [3, 4, 5, 6])
@pytest.mark.parametrize("compress", ["lzw", "deflate"])
def test_bands_stored_one_by_one_are_colours(tmp_path, count, compress):
    values = save(tmp_path / "a.tif", count, **BLACK | {"compress": compress})
    assert (read_image(tmp_path / "a.tif") == values[..., :3]).all()


def test_grey_with_alpha_keeps_its_alpha(tmp_path):
    values = save(tmp_path / "a.tif", 2, **BLACK, alpha="yes", clear=True)
    assert (read_image(tmp_path / "a.tif") == values[..., :1]).all()
    shown = read_transparent(tmp_path / "a.tif")[..., 3] > 0
    assert (shown == (values[..., 1] > 0)).all()
    assert not shown.all()


def test_bands_of_four_bits_are_refused_with_the_remedy(tmp_path):
    save(tmp_path / "a.tif", 3, nbits=4, **BLACK)
    with pytest.raises(InputError, match=r"a\.tif.*pointsam data images"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("how", [BLACK, {"photometric": "RGB"}, {"interleave": "band"}])
def test_label_colours_are_read_however_they_are_stored(tmp_path, how):
    values = save(tmp_path / "a.tif", 3, **{"compress": "lzw"} | how).astype(np.int64)
    assert (read_labels(tmp_path / "a.tif") == values @ [1 << 16, 1 << 8, 1]).all()


def test_labels_of_five_bands_or_of_16_bits_are_refused(tmp_path):
    save(tmp_path / "a.tif", 5, **BLACK)
    with pytest.raises(InputError, match="has 5 bands, expected 1 or 3"):
        read_labels(tmp_path / "a.tif")
    save(tmp_path / "b.tif", 3, dtype="uint16", **BLACK)
    with pytest.raises(InputError, match="8-bit colours"):
        read_labels(tmp_path / "b.tif")


def test_the_hash_of_images_knows_which_bands_are_read(tmp_path):
    path = tmp_path / "a.tif"
    save(path, 3, photometric="RGB")
    Image.new("RGB", (COLS, ROWS)).save(tmp_path / "b.png")
    records = [ImageRecord(n, name, (ROWS, COLS)) for n, name in enumerate(("a.tif", "b.png"))]
    data = Dataset(tuple(records), ())
    before, seen = hash_of_images(data, tmp_path), read_image(path)
    beside = path.with_name("a.tif.aux.xml")
    bands = "".join(
        f'<PAMRasterBand band="{n}"><ColorInterp>{name}</ColorInterp></PAMRasterBand>'
        for n, name in enumerate(("Blue", "Green", "Red"), start=1)
    )
    beside.write_text(f"<PAMDataset>{bands}</PAMDataset>")
    assert (read_image(path) == seen[..., ::-1]).all()
    assert hash_of_images(data, tmp_path) != before
    beside.write_text("<PAMDataset></PAMDataset>")
    assert hash_of_images(data, tmp_path) == before
