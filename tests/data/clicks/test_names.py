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


def test_a_step_into_the_same_folder_makes_no_other_image(tmp_path):
    image(tmp_path / "images/1.png")
    table = write(tmp_path / "clicks.csv", "image,x,y\n./1.png,5,5\n1.png,9,9\n.\\1.png,15,9\n")
    data = read_clicks(table, images=tmp_path / "images")
    assert [len(record.instances) for record in data.images] == [3]


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


def points_of(data):
    return [len(i.points) for record in data.images for i in record.instances]


@pytest.mark.parametrize("name", ["instance", "Instance", "INSTANCE"])
def test_what_joins_clicks_is_known_in_any_case(tmp_path, name):
    shape = '<points label="a" points="{},5"><attribute name="{}">0</attribute></points>'
    text = "".join(shape.format(x, name) for x in (5, 9))
    text = f'<annotations><image name="1.png" width="30" height="20">{text}</image></annotations>'
    assert points_of(read_clicks(write(tmp_path / "cvat.xml", text))) == [2]

    studio = task("/data/upload/1/a1b2c3d4-1.png")
    [region] = studio["annotations"][0]["result"]
    regions = [region | {"id": letter} for letter in "ab"]
    regions += [{"id": letter, "type": "number", "from_name": name, "value": {"number": 4}}
                for letter in "ab"]  # fmt: skip
    studio["annotations"][0]["result"] = regions
    assert points_of(read_clicks(write(tmp_path / "tasks.json", [studio]))) == [2]

    point = {"classTitle": "a", "geometryType": "point", "tags": [{"name": name, "value": 4}]}
    point |= {"points": {"exterior": [[5, 5]], "interior": []}}
    content = {"size": {"height": 20, "width": 30}, "objects": [point, point]}
    assert points_of(read_clicks(write(tmp_path / "P/1.png.json", content).parent)) == [2]


def test_group_nought_of_cvat_is_no_group(tmp_path):
    skeleton = '<skeleton label="a" group_id="0"><points label="b" points="{},5"/></skeleton>'
    text = "".join(map(skeleton.format, (5, 9))) + '<points label="a" group_id="0" points="9,9"/>'
    text += '<ellipse label="a" cx="5" cy="5" rx="2" ry="2"/><cuboid label="a"/>'
    text = f'<annotations><image name="1.png" width="30" height="20">{text}</image></annotations>'
    data = read_clicks(write(tmp_path / "cvat.xml", text))
    assert points_of(data) == [1, 1, 1]
    assert data.dropped == (f"{tmp_path}/cvat.xml: 2 shapes that are no points",)


def test_further_labels_of_a_key_point_are_said(tmp_path):
    studio = task("/data/upload/1/a1b2c3d4-1.png")
    studio["annotations"][0]["result"][0]["value"]["keypointlabels"] = ["roof", "shed"]
    data = read_clicks(write(tmp_path / "tasks.json", [studio]))
    assert data.categories == ("roof",)
    assert "labels of a key point after the first, roof" in data.dropped[0]


def test_an_image_whose_name_has_two_lines_is_refused(tmp_path):
    image(tmp_path / "images/a\nb.png")
    table = write(tmp_path / "clicks.csv", 'image,x,y\n"a\nb.png",5,5\n')
    with pytest.raises(InputError, match=r"'a\\nb.png' is no name of one line"):
        read_clicks(table, images=tmp_path / "images")


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize(
    ("written", "there"), [(COMPOSED, APART), (APART, COMPOSED), ("a%20b.png", "a b.png")]
)
def test_a_file_of_labels_finds_its_image_under_every_spelling(tmp_path, written, there, single):
    picture = image(tmp_path / "I" / there)
    write(tmp_path / "Y" / written.replace(".png", ".txt"), "0 0.5 0.5 0.2 0.2\n")
    data = read_clicks(tmp_path / "Y", images=picture if single else picture.parent)
    assert names(data) == [there]


def test_a_file_of_labels_is_of_the_image_that_is_named_alike_to_the_letter(tmp_path):
    for name in ("a b.png", "a%20b.png"):
        image(tmp_path / "I" / name)
    for name in ("a b.txt", "a%20b.txt"):
        write(tmp_path / "Y" / name, "0 0.5 0.5 0.2 0.2\n")
    assert names(read_clicks(tmp_path / "Y", images=tmp_path / "I")) == ["a b.png", "a%20b.png"]


def test_labels_of_another_folder_are_of_another_image(tmp_path):
    south = image(tmp_path / "I/south/1.png")
    write(tmp_path / "Y/north/1.txt", "0 0.5 0.5 0.2 0.2\n")
    write(tmp_path / "Y/classes.txt", "roof\n")
    [note] = read_clicks(tmp_path / "Y", images=south).notes
    assert note == f"north/1.png is taken for {south}, whose folders differ"
    image(tmp_path / "I/north/1.png")
    assert names(read_clicks(tmp_path / "Y", images=south)) == []
    write(tmp_path / "Y/south/1.txt", "0 0.2 0.2 0.2 0.2\n")
    data = read_clicks(tmp_path / "Y", images=south)
    assert [i.points for i in data.images[0].instances] == [((5.5, 3.5, 1),)]
    assert data.notes == ()


@pytest.mark.parametrize("place", ["labels", "labels/south"])
def test_labels_beside_their_image_need_no_note(tmp_path, place):
    picture = image(tmp_path / place.replace("labels", "images") / "1.png")
    write(tmp_path / place / "1.txt", "0 0.5 0.5 0.2 0.2\n")
    write(tmp_path / "classes.txt", "roof\n")
    write(tmp_path / "labels/classes.txt", "roof\n")
    for root in (tmp_path / "labels", tmp_path):
        data = read_clicks(root, images=picture)
        assert (names(data), data.notes) == (["1.png"], ())


def test_a_path_of_another_file_of_this_machine_is_said(tmp_path):
    north, south = (image(tmp_path / "I" / name / "1.png") for name in ("north", "south"))
    table = write(tmp_path / "c.csv", f"image,x,y\n{north},5,5\n")
    for images in (south, south.parent):
        [note] = read_clicks(table, images=images).notes
        assert note == f"{north} is there, but its clicks are taken for {south}"
    assert read_clicks(table, images=north).notes == ()
