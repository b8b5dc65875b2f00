import pytest

from pointsam.errors import InputError
from pointsam.prediction.many.scene_list import read_scene_list


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_list_is_read_from_its_own_folder(tmp_path):
    touch(tmp_path, "north/a.tif", "south/a.tif", "south/b.tif")
    lines = ["# of May", "north/a.tif", "", "south/a.tif", "south/b.tif "]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    found = read_scene_list(tmp_path / "list.txt")
    assert [one.path for one in found] == [
        tmp_path / "north/a.tif",
        tmp_path / "south/a.tif",
        tmp_path / "south/b.tif",
    ]
    assert [one.folder for one in found] == ["north/a", "south/a", "south/b"]


def test_a_folder_gives_its_rasters_by_name(tmp_path):
    touch(tmp_path, "b.tif", "a.jp2", "notes.txt", "._b.tif")
    assert [one.folder for one in read_scene_list(tmp_path)] == ["a", "b"]


def test_scenes_of_one_name_keep_their_endings(tmp_path):
    touch(tmp_path, "a.tif", "a.png", "b.tif")
    assert [one.folder for one in read_scene_list(tmp_path)] == ["a.png", "a.tif", "b"]


def test_scenes_never_share_a_folder(tmp_path):
    touch(tmp_path, "x/a.tif", "y/a.tif")
    (tmp_path / "list.txt").write_text("x/a.tif\nx/../y/a.tif\n")
    assert [one.folder for one in read_scene_list(tmp_path / "list.txt")] == ["x/a", "y/a"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.tif\nmissing.tif\n", "list.txt, line 2: there is no scene"),
        ("a.tif\na.tif\n", "line 2: .*a.tif is in line 1 already"),
        ("# none\n", "lists no scene"),
    ],
)
def test_a_list_that_cannot_be_done_is_refused_in_one_line(tmp_path, text, says):
    touch(tmp_path, "a.tif")
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises((InputError, FileNotFoundError), match=says):
        read_scene_list(tmp_path / "list.txt")


def test_an_empty_folder_and_nothing_at_all_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no scene"):
        read_scene_list(tmp_path)
    with pytest.raises(FileNotFoundError, match="no list or folder"):
        read_scene_list(tmp_path / "nothing")
