"""Files as the VGG Image Annotator writes them, by its source."""

import json

import pytest
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError


def test_via_points_and_their_attributes(tmp_path):
    image(tmp_path / "I/1.jpg")
    regions = [
        {"shape_attributes": {"name": "point", "cx": 4, "cy": 5},
         "region_attributes": {"Class": "ship", "instance": "3"}},
        {"shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 2, "height": 2},
         "region_attributes": {}},
    ]  # fmt: skip
    entry = {"filename": "1.jpg", "size": 99, "regions": regions, "file_attributes": {}}
    project = {"_via_settings": {}, "_via_img_metadata": {"1.jpg99": entry}}  # VIA 2.0.12
    data = read_clicks(write(tmp_path / "p.json", project), images=tmp_path / "I")
    assert found(data) == {"1.jpg": [("ship", (3.5, 4.5, 1))]}
    assert data.images[0].instances[0].id == 3
    old = {"1.jpg99": {**entry, "regions": {"0": regions[0]}}}  # VIA 1.0.6
    assert found(read_clicks(write(tmp_path / "o.json", old), images=tmp_path / "I")) == found(data)


VIA_2 = """filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes
1.jpg,99,"{}",2,0,"{""name"":""point"",""cx"":4,""cy"":5}","{""class"":""ship"",""instance"":""3""}"
1.jpg,99,"{}",2,1,"{""name"":""rect"",""x"":1,""y"":1,""width"":2,""height"":2}","{}"
2.jpg,98,"{}",0,0,"{}","{}"
"""  # noqa: E501


@pytest.mark.parametrize("text", [VIA_2, f"#{VIA_2}"])  # VIA 2 and 1
def test_tables_of_via_are_read(tmp_path, text):
    for name in ("1.jpg", "2.jpg"):
        image(tmp_path / "I" / name)
    data = read_clicks(write(tmp_path / "v.csv", text), images=tmp_path / "I")
    assert found(data) == {"1.jpg": [("ship", (3.5, 4.5, 1))], "2.jpg": []}
    assert data.images[0].instances[0].id == 3
    assert data.dropped == (f"{tmp_path}/v.csv: 1.jpg: 1 regions, no points",)


ATTRIBUTES_3 = {
    "1": {"aname": "class", "anchor_id": "FILE1_Z0_XY1", "type": 4, "desc": "",
          "options": {"0": "ship", "1": "background"}, "default_option_id": ""},
    "2": {"aname": "instance", "anchor_id": "FILE1_Z0_XY1", "type": 1, "desc": "", "options": {},
          "default_option_id": ""},
}  # fmt: skip


def project_3(**more):
    """A project of VIA 3.0.10: two images, one named by its address, and a video."""
    return {
        "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1",
                    "vid_list": ["1", "2", "3"]},
        "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}},
        "attribute": ATTRIBUTES_3,
        "file": {
            "1": {"fid": "1", "fname": "1.jpg", "type": 2, "loc": 1, "src": ""},
            "2": {"fid": "2", "fname": "2", "type": 2, "loc": 2, "src": "http://host/north/2.jpg"},
            "3": {"fid": "3", "fname": "v.mp4", "type": 4, "loc": 1, "src": ""},
        },
        "metadata": {
            "1_a": {"vid": "1", "flg": 0, "z": [], "xy": [1, 4, 5], "av": {"1": "0", "2": "3"}},
            "1_b": {"vid": "1", "flg": 0, "z": [], "xy": [2, 1, 1, 2, 2], "av": {"1": "0"}},
            "2_a": {"vid": "2", "flg": 0, "z": [], "xy": [1, 7, 8], "av": {"1": "1"}},
            "3_a": {"vid": "3", "flg": 0, "z": [1.5], "xy": [1, 7, 8], "av": {"1": "0"}},
        },
        "view": {n: {"fid_list": [n]} for n in "123"},
        **more,
    }  # fmt: skip


def test_projects_of_via_3_are_read(tmp_path):
    for name in ("1.jpg", "north/2.jpg"):
        image(tmp_path / "I" / name)
    data = read_clicks(write(tmp_path / "p.json", project_3()), images=tmp_path / "I")
    assert found(data) == {"1.jpg": [("ship", (3.5, 4.5, 1))], "north/2.jpg": []}
    assert data.images[0].instances[0].id == 3
    assert data.images[1].background_points == ((6.5, 7.5),)
    assert [line.split(": ", 1)[1] for line in data.dropped] == [
        "1.jpg: 1 regions, no points",
        "1 regions that are of no image alone",
    ]


def test_tables_of_via_3_are_read(tmp_path):
    image(tmp_path / "I/1.jpg")
    rows = [
        "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
        "# Notes:",
        "# ATTRIBUTE = " + json.dumps(ATTRIBUTES_3),
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,"
        "metadata",
        '"1_a","[""1.jpg""]",0,"[]","[1,4,5]","{""1"":""0"",""2"":""3""}"',
        '"1_b","[""1.jpg""]",0,"[]","[7,1,1,9,1,9,9]","{}"',
    ]
    path = write(tmp_path / "v.csv", "\n".join(rows))
    data = read_clicks(path, images=tmp_path / "I")
    assert found(data) == {"1.jpg": [("ship", (3.5, 4.5, 1))]}
    assert data.dropped == (f"{path}: 1.jpg: 1 regions, no points",)


def test_points_that_via_exports_to_coco_are_read(tmp_path):
    # export_project_to_coco_format: a point has no mask, and "area" and "bbox" are empty lists.
    point = {"segmentation": [[]], "area": [], "bbox": [], "iscrowd": 0, "keypoints": [4, 5, 2],
             "num_keypoints": 1, "id": 1, "image_id": 1, "category_id": 1}  # fmt: skip
    content = {
        "info": {"description": "VIA project exported to COCO format"}, "licenses": [],
        "images": [{"id": 1, "width": 30, "height": 20, "file_name": "1.jpg", "license": 0,
                    "flickr_url": "1.jpg", "coco_url": "1.jpg", "date_captured": ""}],
        "annotations": [point],
        "categories": [{"supercategory": "class", "id": 1, "name": "ship"}],
    }  # fmt: skip
    assert found(read_clicks(write(tmp_path / "c.json", content))) == {
        "1.jpg": [("ship", (4, 5, 1))]
    }


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("p.json", {"view": {}}),
        ("p.json", {"attribute": 3}),
        ("p.json", {"file": {"1": {"fid": "1"}}}),
    ],
)
def test_damaged_projects_are_refused_in_a_line(tmp_path, name, change):
    image(tmp_path / "I/1.jpg")
    with pytest.raises(InputError, match=r"p\.json is not as VIA writes it"):
        read_clicks(write(tmp_path / name, project_3(**change)), images=tmp_path / "I")


@pytest.mark.parametrize("start", [VIA_2.splitlines()[0], "# Exported using VGG Image Annotator"])
def test_damaged_tables_are_refused_in_a_line(tmp_path, start):
    image(tmp_path / "I/1.jpg")
    path = write(tmp_path / "v.csv", f"{start}\n1.jpg,99,{{,1\n")
    with pytest.raises(InputError, match=r"v\.csv is not as VIA writes it"):
        read_clicks(path, images=tmp_path / "I")


def test_other_json_in_a_folder_of_via_is_passed_over(tmp_path):
    image(tmp_path / "I/1.jpg")
    point = {"name": "point", "cx": 4, "cy": 5}
    regions = [{"shape_attributes": point, "region_attributes": {"class": "ship"}}]
    entry = {"filename": "1.jpg", "size": 99, "regions": regions, "file_attributes": {}}
    write(tmp_path / "V/0.json", {"images": [], "annotations": []})
    write(tmp_path / "V/1.json", {"1.jpg99": entry})
    data = read_clicks(tmp_path / "V", images=tmp_path / "I")
    assert found(data) == {"1.jpg": [("ship", (3.5, 4.5, 1))]}
    assert data.notes == (f"{tmp_path / 'V'}: 1 .json files are not VIA's",)
