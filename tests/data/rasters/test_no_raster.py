"""Files that are given for a raster and are none are called what they are."""

import gzip
import os

import pytest

from pointsam.cli.main import main


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.tif", b"", "is empty (0 bytes)"),
        ("a.tif", b"\0" * 5000, "begins with zeros"),
        ("a.tif", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        ("a.tif", b"<!DOCTYPE html><html>Log in</html>", "a page of a web site"),
        ("a.tif.gz", gzip.compress(b"II*\0", mtime=0), "is packed: unpack it"),
        ("S2A.zip", b"PK\x03\x04 and so on", "is packed: unpack it"),
        ("MTD_MSIL2A.xml", b"<?xml version='1.0'?><product/>", "is XML, as lies beside"),
        ("a.hdr", b"ENVI\nsamples = 4\n", "is the header of an ENVI raster"),
    ],
)
def test_it_is_called_what_it_is(tmp_path, capsys, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)
    out = str(tmp_path / "out")
    assert main(["predict", str(path), "--point", "1,1", "--output", out]) == 2
    assert told in capsys.readouterr().err
    assert main(["predict", str(path), "--point", "1,1", "--window", "64", "--output", out]) == 2
    assert told in capsys.readouterr().err


def test_a_pipe_is_called_one(tmp_path, capsys):
    os.mkfifo(tmp_path / "a.tif")
    words = ["predict", str(tmp_path / "a.tif"), "--point", "1,1", "--output", str(tmp_path / "o")]
    assert main(words) == 2
    assert "a.tif is a device or a pipe, expected a file" in capsys.readouterr().err


def test_a_link_to_nowhere_is_called_one(tmp_path, capsys):
    (tmp_path / "a.tif").symlink_to("gone.tif")
    words = ["predict", str(tmp_path / "a.tif"), "--point", "1,1", "--output", str(tmp_path / "o")]
    assert main(words) == 2
    assert "a.tif: it is a link to gone.tif, which is not there" in capsys.readouterr().err
