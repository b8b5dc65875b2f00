"""Tables whose columns say that ``x, y`` are not what they seem, or that a value is not there."""

import numpy as np
import pyogrio
import pytest
import shapely
from PIL import Image
from tests.data.clicks.test_formats import save_raster
from tests.data.clicks.tool_files import image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError


@pytest.fixture
def images(tmp_path):
    """Two images, 30 px wide and 20 px high."""
    for name in ("1.png", "2.png"):
        image(tmp_path / "I" / name)
    return tmp_path / "I"


@pytest.fixture
def read(tmp_path, images):
    def read_table(text, name=None):
        path = write(tmp_path / "clicks.csv", text)
        return read_clicks(path, images=images / name if name else images)

    return read_table


@pytest.mark.parametrize("missing", ["NA", "#N/A", r"\N", "n/a", "NaN", "NaT", "NULL", "<NA>", ""])
def test_values_that_are_not_there_join_no_clicks(read, missing):
    rows = [f"1.png,{x},5,{missing},{missing},{missing}" for x in (5, 15, 20)]
    [record] = read("\n".join(["image,x,y,class,instance,label", *rows])).images
    assert [(i.category, *i.points) for i in record.instances] == [
        ("object", (x, 5, 1)) for x in (5, 15, 20)
    ]


def test_shares_of_the_sides_are_no_pixels(read):
    some = "image,x,y\n1.png,0.25,0.5\n2.png,0.75,1\n2.png,0,0.125\n"
    with pytest.raises(InputError, match=r"between 0 and 1, the first at \(0.25, 0.5\)"):
        read(some)
    notes = read(f"{some}1.png,9,9\n").notes
    assert not any("between 0 and 1" in note for note in notes)
    [note] = read("image,x,y\n1.png,0.25,0.5\n").notes
    assert "are read as pixels" in note
    notes = read("image,x,y\n1.png,0,0\n1.png,0,1\n2.png,1,1\n").notes
    assert not any("between 0 and 1" in note for note in notes)


@pytest.mark.parametrize("column", ["image_id", "tile", "frame", "page", "slice", "video"])
def test_a_table_of_many_images_is_not_put_on_one(read, column):
    with pytest.raises(InputError, match=f"column {column} has 2 values, a and b among them"):
        read(f"{column},x,y\na,5,5\nb,9,9\n", "1.png")
    assert len(read(f"{column},x,y\na,5,5\na,9,9\n", "1.png").images[0].instances) == 2


def test_pages_of_one_file_are_not_put_on_its_first(read):
    with pytest.raises(InputError, match="column page has 2 values"):
        read("image,page,x,y\n1.png,1,5,5\n1.png,2,9,9\n")
    assert len(read("image,page,x,y\n1.png,1,5,5\n2.png,2,9,9\n").images) == 2


@pytest.mark.parametrize("columns", ["width,height", "w,h"])
def test_a_corner_of_a_box_is_no_click(read, columns):
    with pytest.raises(InputError, match="corner of a box"):
        read(f"image,x,y,{columns}\n1.png,5,5,10,8\n")
    assert read(f"image,x,y,{columns}\n1.png,5,5,30,20\n").images  # those of the image
    assert read(f"image,x,y,{columns}\n1.png,5,5,,\n").images


def test_sides_that_are_not_the_image_s_are_refused(read):
    with pytest.raises(InputError, match="clicks of another version"):
        read("image,image_width,image_height,x,y\n1.png,3000,2000,5,5\n")
    assert read("image,image_width,image_height,x,y\n1.png,30,20,5,5\n").images


def test_an_image_without_clicks_may_have_a_line(read):
    data = read("image,x,y,class\n1.png,5,5,ship\n2.png,,,\n")
    assert [(one.file_name, len(one.instances)) for one in data.images] == [
        ("1.png", 1), ("2.png", 0)
    ]  # fmt: skip
    with pytest.raises(InputError, match="'' is not a number"):
        read("image,x,y\n1.png,5,\n")


def test_a_name_without_ending_is_that_of_the_one_image(read, images):
    assert [one.file_name for one in read("image,x,y\n2,5,5\n").images] == ["2.png"]
    assert [one.file_name for one in read("image,x,y\n2,5,5\n1,3,3\n", "2.png").images] == ["2.png"]
    Image.new("RGB", (30, 20)).save(images / "2.jpg")
    with pytest.raises(InputError, match=r"2\.jpg or of 2\.png"):
        read("image,x,y\n2,5,5\n")


def test_a_label_that_names_an_image_says_so(read):
    with pytest.raises(InputError, match="names an image: call that column image"):
        read("image,label,x,y\n1.png,1.png,5,5\n")


def test_numbers_of_numpy_are_whole(read):
    [record] = read("image,x,y,label\n1.png,5,5,1.000000000000000000e+00\n").images
    assert record.instances[0].points == ((5, 5, 1),)


def test_fields_that_a_shapefile_cuts_are_known(tmp_path):
    (tmp_path / "S").mkdir()
    save_raster(tmp_path / "S" / "a.tif", (500_000, 5_500_000))
    places = shapely.points([(500_021, 5_499_993), (500_031, 5_499_993), (500_041, 5_499_993)])
    fields = {
        "point_label": np.array([1, 0, 1]),
        "instance_id": np.array([1, 1, 2]),
        "category_name": np.array(["ship"] * 3, dtype=object),
    }
    with pytest.warns(RuntimeWarning):  # the names are cut to ten letters
        pyogrio.raw.write(
            tmp_path / "clicks.shp", shapely.to_wkb(places), [*fields.values()],
            fields=[*fields], geometry_type="Point", crs="EPSG:32632",
        )  # fmt: skip
    [record] = read_clicks(tmp_path / "clicks.shp", images=tmp_path / "S").images
    assert [(i.category, [label for _, _, label in i.points]) for i in record.instances] == [
        ("ship", [1, 0]), ("ship", [1])
    ]  # fmt: skip
