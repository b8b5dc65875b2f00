"""An image has one name, however tools and systems write it."""

import json
import unicodedata

import pytest
from tests.data.clicks.tool_files import image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError

COMPOSED, APART = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))


def names(data):
    return [record.file_name for record in data.images]


def task(link):
    """A task of Label Studio with one click."""
    region = {"id": "a", "type": "keypointlabels", "to_name": "img", "from_name": "p"}
    region |= {"value": {"x": 20, "y": 20, "keypointlabels": ["roof"]}}
    region |= {"original_height": 20, "original_width": 30}
    return {"id": 1, "data": {"img": link}, "annotations": [{"result": [region]}]}


@pytest.mark.parametrize(
    ("written", "there"), [(COMPOSED, APART), (APART, COMPOSED), ("a%20b.png", "a b.png")]
)
def test_a_single_image_is_found_as_in_its_folder(tmp_path, written, there):
    picture = image(tmp_path / "images" / there)
    table = write(tmp_path / "clicks.csv", f"image,x,y\n{written},5,5\n")
    assert names(read_clicks(table, images=picture)) == [there]
    assert names(read_clicks(table, images=picture.parent)) == [there]


def test_a_percent_sign_in_a_name_is_no_escape_of_a_link(tmp_path):
    image(tmp_path / "images/a b.png")
    image(tmp_path / "images/a%20b.png")
    links = {"a b.png": "a%20b.png", "a%20b.png": "a%2520b.png"}
    for name, link in links.items():
        tasks = [task(f"/data/local-files/?d={link}")]
        path = write(tmp_path / "tasks.json", tasks)
        assert names(read_clicks(path, images=tmp_path / "images")) == [name]


def test_a_renamed_single_image_is_that_of_its_labelme_file(tmp_path):
    picture = image(tmp_path / "images/new.png")
    shape = {"label": "roof", "shape_type": "point", "points": [[5, 5]]}
    content = {"imagePath": "old.png", "imageHeight": 20, "imageWidth": 30, "shapes": [shape]}
    path = write(tmp_path / "new.json", content)
    assert names(read_clicks(path, images=picture)) == ["new.png"]
    image(tmp_path / "images/old.png")  # the one that is meant is there
    assert names(read_clicks(path, images=picture)) == []


@pytest.mark.parametrize("other", ["./1.png", "x/../1.png", "a/../1.png", ".\\1.png"])
def test_one_file_is_listed_once(tmp_path, other):
    listed = [{"id": i, "file_name": n, "height": 20, "width": 30} for i, n in
              enumerate(("1.png", other))]  # fmt: skip
    content = {"images": listed, "annotations": [], "categories": []}
    path = write(tmp_path / "points.json", content)
    with pytest.raises(InputError, match="appears more than once"):
        read_clicks(path)


def test_ids_that_a_table_program_made_fractions_are_whole(tmp_path):
    head = {"images": [{"id": 1.0, "file_name": "1.png", "height": 20.0, "width": 30}]}
    entry = {"id": 2.0, "image_id": 1.0, "category_id": 3.0, "points": [[5, 5, 1]]}
    head |= {"categories": [{"id": 3.0, "name": "roof"}], "annotations": [entry]}
    [record] = read_clicks(write(tmp_path / "points.json", head)).images
    assert (record.id, record.size) == (1, (20, 30))
    assert json.dumps([i.id for i in record.instances]) == "[2]"


def test_an_image_whose_name_has_two_lines_is_refused(tmp_path):
    image(tmp_path / "images/a\nb.png")
    table = write(tmp_path / "clicks.csv", 'image,x,y\n"a\nb.png",5,5\n')
    with pytest.raises(InputError, match=r"'a\\nb.png' is no name of one line"):
        read_clicks(table, images=tmp_path / "images")
