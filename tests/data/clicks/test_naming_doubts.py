"""Names that may mean something else than they are read as are pointed out."""

import pytest
from tests.data.clicks.tool_files import image, write

from pointsam.data.clicks.formats import read_clicks


@pytest.fixture
def notes(tmp_path):
    image(tmp_path / "I/1.png")
    image(tmp_path / "I/2.png")

    def notes_of(columns, *rows, **asked):
        lines = [f"image,x,y,{columns}", *(f"1.png,{5 * n},5,{row}" for n, row in enumerate(rows))]
        table = write(tmp_path / "c.csv", "\n".join(lines))
        return list(read_clicks(table, images=tmp_path / "I", **asked).notes)

    return notes_of


@pytest.mark.parametrize("name", ["negative", "Neg", "bg", "AUTOLABEL_REMOVE", "outside"])
def test_another_word_for_off_the_objects_is_pointed_out(notes, name):
    assert notes("class", "ship", name) == [
        f"the clicks of class {name} are read as objects: if they lie off the objects, say "
        f"--negative {name}"
    ]
    assert notes("class", "ship", name, negative=name) == []
    assert notes("class,label", "ship,1", f"{name},1") == []  # the label says where it lies


def test_classes_that_may_be_labels_are_pointed_out(notes):
    [note] = notes("class", "1", "0")
    assert note.startswith("the clicks of class 0 are read as objects")
    assert notes("class", "1", "0", "2") == []
    assert notes("class", "0", "0") == []


@pytest.mark.parametrize("other", ["Roof top", "roof  top", "ROOF TOP", "roof\u200b top"])
def test_classes_that_differ_in_case_or_spaces_are_pointed_out(notes, other):
    [note] = notes("class", "roof top", other, other, "roof")
    assert note == f"the classes roof top and {other} are spelt almost alike, and are two"


def test_classes_whose_accents_are_written_otherwise_are_pointed_out(notes):
    assert len(notes("class", "caf\u00e9", "cafe\u0301")) == 1


def test_instances_that_are_spelt_alike_are_one_line(notes):
    assert notes("instance", "A1", "a1", "b", "B", "A1") == [
        "the instances A1 and a1 of 1.png are spelt almost alike, and are two (and 1 more pairs)"
    ]


def test_clicks_that_a_number_for_none_joins_are_pointed_out(notes):
    assert notes("instance", "-1", "-1", "3") == [
        "instance -1 joins 2 clicks of 1.png to one object: if it stands for no object, leave it "
        "empty"
    ]
    [note] = notes("instance", "0", "0", "3")
    assert note.startswith("instance 0 joins 2 clicks of 1.png to one object")
    assert notes("instance", "0", "0", "1", "1") == []  # counted from 0
    assert notes("instance", "-1", "0", "1") == []  # each an object


def test_each_number_for_none_is_one_line(tmp_path):
    rows = [f"{name}.png,{x},5,-1" for name in (1, 2) for x in (5, 9, 13)]
    for name in (1, 2):
        image(tmp_path / f"I/{name}.png")
    table = write(tmp_path / "c.csv", "\n".join(["image,x,y,instance", *rows]))
    [note] = read_clicks(table, images=tmp_path / "I").notes
    assert note.startswith("instance -1 joins 3 clicks of 1.png (and more in 1 other images) to")
