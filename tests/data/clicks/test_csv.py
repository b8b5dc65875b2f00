"""Tables as programs write them."""

import pytest
from tests.data.clicks.tool_files import image, write

from pointsam.data.clicks.formats import ClickFile, read_clicks
from pointsam.errors import InputError


@pytest.fixture
def read(tmp_path):
    image(tmp_path / "images/a.png")

    def read_table(text):
        data = read_clicks(write(tmp_path / "clicks.csv", text), images=tmp_path / "images")
        return [(i.id, i.key, i.category, *i.points) for i in data.images[0].instances]

    return read_table


@pytest.mark.parametrize(
    "text",
    [
        "sep=\t\nimage\tx\ty\na.png\t5\t6\n",
        "sep=|\nimage|x|y\na.png|5|6\n",
        "image,x,y\ra.png,5,6\r",
        'image, "x", "y"\n"a.png", "5", "6"\n',
        "image;x;y;label\na.png;5,0;6,0;1,0\n",
    ],
)
def test_forms_of_one_table(read, text):
    assert read(text) == [(1, "", "object", (5, 6, 1))]


def test_a_text_of_two_lines_becomes_one(read):
    assert read('image,x,y,class\na.png,5,6,"flat\nroof"\na.png,7,8,tank\n') == [
        (1, "", "flat roof", (5, 6, 1)),
        (2, "", "tank", (7, 8, 1)),
    ]


def test_a_number_with_a_decimal_comma_names_an_object(read):
    text = "image;x;y;instance\na.png;5;6;2,0\na.png;7;8;2\na.png;9;9;2,5\n"
    assert read(text) == [(2, "", "object", (5, 6, 1), (7, 8, 1)), (3, "2,5", "object", (9, 9, 1))]


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ("image,x,y,x", "x and x"),
        ("filename,file_name,x,y", "filename and file_name"),
    ],
)
def test_two_columns_for_one_thing_are_refused(read, columns, named):
    row = ",".join(["5"] * (columns.count(",") + 1))
    with pytest.raises(InputError, match=f"has the columns {named}: keep one"):
        read(f"{columns}\n{row}\n")


def test_a_table_has_no_layers(tmp_path):
    table = write(tmp_path / "clicks.csv", "image,x,y\na.png,5,6\n")
    with pytest.raises(InputError, match=r"--layer roofs: .* has no layers; leave it out"):
        ClickFile(table, layer="roofs")


def test_a_line_between_digits_is_no_number(read):
    with pytest.raises(InputError, match="'1_0' is not a number"):
        read("image,x,y\na.png,1_0,6\n")


def test_the_points_of_make_sense_have_no_line_of_columns(read):
    assert read("roof,5,6,a.png,30,20\n,7,8,a.png,30,20\n") == [
        (1, "", "roof", (5, 6, 1)),
        (2, "", "object", (7, 8, 1)),
    ]
    with pytest.raises(InputError, match=r"line 1 has image_width 31 .* another version of it"):
        read("roof,5,6,a.png,31,20\n")


def test_a_line_that_names_the_columns_again_is_none(read):
    assert read("image,x,y\na.png,5,6\nImage,X,Y\na.png,7,8\n") == [
        (1, "", "object", (5, 6, 1)),
        (2, "", "object", (7, 8, 1)),
    ]


def test_utf_16_without_its_mark_is_told(tmp_path):
    path = tmp_path / "clicks.csv"
    path.write_bytes("image,x,y\na.png,5,6\n".encode("utf-16-le"))
    with pytest.raises(InputError, match="holds zero bytes, as UTF-16 without its mark does"):
        read_clicks(path, images=image(tmp_path / "a.png"))


@pytest.mark.parametrize("single", [True, False])
def test_a_line_without_an_image_is_refused(tmp_path, single):
    picture = image(tmp_path / "I/a.png")
    table = write(tmp_path / "c.csv", "image,x,y\na.png,5,6\n,7,8\n")
    with pytest.raises(InputError, match="line 3 names no image: fill in the column of images"):
        read_clicks(table, images=picture if single else picture.parent)
