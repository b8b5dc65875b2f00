import errno
import os
from pathlib import Path

import pytest

from pointsam.errors import InputError, in_words
from pointsam.files import list_files, new_folder, refuse_existing, refuse_existing_file, replacing


def write_half(path):
    with replacing(path) as temporary:
        temporary.write_text("tw")
        raise OSError(errno.ENOSPC, "No space left on device")


def fill_half(path):
    with new_folder(path) as folder:
        (folder / "a").write_text("x")
        raise ValueError("half")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("one")
    with pytest.raises(OSError, match="No space"):
        write_half(path)
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(ValueError, match="half"):
        fill_half(tmp_path / "out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("x")
    assert (tmp_path / "out" / "a").read_text() == "x"


@pytest.fixture
def nowhere(tmp_path):
    """Names at which nothing can be written, and why."""
    (tmp_path / "file").write_text("precious")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("nothing")
    return {
        tmp_path / "file" / "out": "file is no folder",
        tmp_path / "file" / "a" / "out": "file is no folder",
        tmp_path / "loop" / "out": "loop is no folder",
        tmp_path / "broken" / "out": "broken is no folder",
        tmp_path / ("x" * 300): "File name too long",
        tmp_path / ("x" * 300) / "out": "File name too long",
    }


def test_what_cannot_be_written_is_refused_before_and_after_the_work(nowhere, tmp_path):
    before = sorted(tmp_path.iterdir())
    for path, reason in nowhere.items():
        for check in (refuse_existing, refuse_existing_file):
            with pytest.raises(InputError, match=rf"cannot be written \(.*{reason}\): name"):
                check(path)
        for write in (replacing, new_folder):
            with pytest.raises(InputError, match="cannot be written"), write(path):
                pass
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"may not be written to"):
        refuse_existing(tmp_path / "out")


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("precious")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "full", "loop"):
        with pytest.raises(InputError, match="exists already and is not overwritten"):
            refuse_existing(tmp_path / name)
    refuse_existing(tmp_path / "new" / "out")
    refuse_existing(Path("relative/out"))


def test_a_file_does_not_go_where_a_folder_is(tmp_path):
    (tmp_path / "empty").mkdir()
    refuse_existing(tmp_path / "empty")
    with pytest.raises(InputError, match="empty is a folder, expected the name of a file"):
        refuse_existing_file(tmp_path / "empty")
    with pytest.raises(InputError, match="is a folder"), replacing(tmp_path / "empty"):
        pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\n  lines."), "two lines"),
        (KeyError("size"), "it has no 'size'"),
        (StopIteration(), "StopIteration"),
        (TypeError("'int' object is not subscriptable"), "a part of it is of another kind than"),
        (ValueError("x" * 400), "x" * 300 + "..."),
    ],
)
def test_errors_of_others_are_said_on_one_line(error, words):
    assert in_words(error).startswith(words)


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with replacing(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_a_link_to_an_empty_folder_stays_one_and_the_folder_is_filled(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    with new_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("a")
    assert (tmp_path / "out").is_symlink()
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["a"]


def test_a_new_folder_is_as_open_as_the_user_wants(tmp_path):
    before = os.umask(0o077)
    try:
        with new_folder(tmp_path / "made"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_a_name_of_full_length_can_be_written(tmp_path):
    path = tmp_path / ("a" * 251 + ".txt")
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_listed_name_is_text(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.txt").touch()
    assert list_files(tmp_path, {".png"}) == [tmp_path / "a.png"]
    try:
        (tmp_path / os.fsdecode(b"\xff.png")).touch()
    except OSError:
        pytest.skip("this system has no names that are not UTF-8")
    with pytest.raises(InputError, match="not text in UTF-8: give it another name"):
        list_files(tmp_path, {".png"})
