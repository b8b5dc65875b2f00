import json

import pytest

from pointsam.data.coco.annotations import pair, read_coco, read_points, write_points
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.errors import InputError

SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]


def coco(**changes):
    """Two images, two categories, three instances with mask and points; then the changes."""
    content = {
        "images": [
            {"id": 7, "file_name": "a.png", "height": 10, "width": 20},
            {"id": 8, "file_name": "b.png", "height": 10, "width": 20},
        ],
        "categories": [{"id": 3, "name": "ship"}, {"id": 5, "name": "tank"}],
        "annotations": [annotation(1), annotation(2, category_id=5), annotation(4, image_id=8)],
    }
    return content | changes


def annotation(number, **changes):
    entry = {"id": number, "image_id": 7, "category_id": 3, "segmentation": SQUARE}
    return entry | {"points": [[2, 2, 1], [9.5, 0, 0]]} | changes


@pytest.fixture
def write(tmp_path):
    def write_json(content, name="file.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write_json


def test_masks_are_read_by_image(write):
    data = read_coco(write(coco()))
    assert [image.file_name for image in data.images] == ["a.png", "b.png"]
    assert [[i.id for i in image.instances] for image in data.images] == [[1, 2], [4]]
    assert data.images[0].size == (10, 20)
    assert data.images[0].instances[1] == InstanceRecord(2, "tank", (), SQUARE)
    assert data.categories == ("ship", "tank")
    assert data.instance_count == 3
    assert data.dropped == ()


@pytest.mark.parametrize("flag", [0, "0", 0.0, False, None])
def test_what_is_no_crowd_stays(write, flag):
    assert read_coco(write(coco(annotations=[annotation(1, iscrowd=flag)]))).instance_count == 1


def test_points_are_read_without_the_masks(write):
    broken = [annotation(1, segmentation="no mask at all"), annotation(2, segmentation=None)]
    data = read_points(write(coco(annotations=broken)))
    assert data.images[0].instances[0].points == ((2, 2, 1), (9.5, 0, 0))
    assert all(i.segmentation is None for image in data.images for i in image.instances)


def test_useless_masks_drop_by_name_and_their_image_stays(write):
    useless = [
        annotation(1, segmentation=[[1, 1, 4, 1, 2, 1]]),
        annotation(2, segmentation=[]),
        annotation(3, iscrowd=1),
        annotation(4, segmentation={"size": [10, 20], "counts": [200]}),
    ]
    path = write(coco(annotations=useless))
    data = read_coco(path)
    assert len(data.images) == 2
    assert data.instance_count == 0
    assert data.dropped == (
        f"{path}: annotation 1 has an empty mask",
        f"{path}: annotation 2 has no mask",
        f"{path}: annotation 3 is a crowd, not an instance",
        f"{path}: annotation 4 has an empty mask",
    )


def test_instances_without_a_positive_point_drop_by_name(write):
    path = write(coco(annotations=[annotation(1, points=[]), annotation(2, points=[[2, 2, 0]])]))
    data = read_points(path)
    assert data.dropped == (
        f"{path}: annotation 1 of a.png has no points",
        f"{path}: annotation 2 of a.png has no positive point",
    )


def test_no_annotations_are_images_without_instances(write):
    path = write(coco(annotations=[]))
    for read in (read_coco, read_points):
        assert [len(image.instances) for image in read(path).images] == [0, 0]


def test_a_byte_order_mark_is_no_fault(write):
    assert read_coco(write("\ufeff" + json.dumps(coco()))).instance_count == 3


def test_a_point_file_comes_back_as_it_was_written(tmp_path):
    ship = InstanceRecord(9, "ship", ((0.25, 3.0, 1), (4.0, 5.5, 0)))
    tank = InstanceRecord(2, "tänk", ((19.5, 9.5, 1),))
    data = Dataset(
        (
            ImageRecord(5, "a b.png", (10, 20), (ship, tank), ((1.0, 2.5), (3.0, 4.0))),
            ImageRecord(6, "ü/b.png", (3, 4)),
        ),
        ("ship", "tänk", "never seen"),
    )
    write_points(data, tmp_path / "points.json")
    assert read_points(tmp_path / "points.json") == data


def test_masks_and_points_pair_by_id_and_file_name(write):
    points = coco(images=coco()["images"][::-1])
    points["images"][1]["background_points"] = [[3, 3]]
    points["annotations"].reverse()
    data = pair(read_coco(write(coco(), "m.json")), read_points(write(points, "p.json")))
    first = data.images[0]
    assert [i.id for i in first.instances] == [1, 2]
    assert first.background_points == ((3, 3),)
    assert first.instances[0] == InstanceRecord(1, "ship", ((2, 2, 1), (9.5, 0, 0)), SQUARE)


def test_points_of_a_dropped_mask_go_with_it_by_name(write):
    masks = coco(annotations=[annotation(1), annotation(2, segmentation=[])])
    points = coco(annotations=[annotation(1), annotation(2)])
    data = pair(read_coco(write(masks, "m.json")), read_points(write(points, "p.json")))
    assert data.instance_count == 1
    assert data.dropped[-1] == "instance 2 of a.png has points, no mask"


@pytest.mark.parametrize(
    ("entry", "message"),
    [(None, "instance 4 of b.png has a mask but no points"),
     (annotation(4, image_id=7), "instance 4 of b.png has a mask but points in a.png")],
)  # fmt: skip
def test_a_mask_without_its_points_is_refused(write, entry, message):
    others = [annotation(1), annotation(2)] + ([entry] if entry else [])
    masks = read_coco(write(coco(), "m.json"))
    points = read_points(write(coco(annotations=others), "p.json"))
    with pytest.raises(InputError, match=message):
        pair(masks, points)


def test_masks_and_points_of_two_sizes_are_refused(write):
    points = coco()
    points["images"][0] |= {"width": 2 * points["images"][0]["width"]}
    with pytest.raises(InputError, match="two versions of the image"):
        pair(read_coco(write(coco(), "m.json")), read_points(write(points, "p.json")))


IMAGE, OTHER = coco()["images"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ('{"images": [', "is not JSON"),
        ([1, 2], "is not COCO JSON: it has no list images, annotations, categories"),
        ({"images": [], "annotations": {}}, "it has no list annotations, categories"),
        (coco(images=[IMAGE, 3]), r"images\[1\] has no id, file_name, height, width"),
        (coco(annotations=[{"id": 1}]), r"annotations\[0\] has no image_id, category_id"),
        (coco(annotations=[annotation("1")]), r"annotations\[0\] has id '1', expected a whole"),
        (coco(images=[IMAGE | {"file_name": 3}]), "file_name 3, expected text"),
        (coco(images=[IMAGE | {"width": 20.5}]), "width 20.5, expected a whole number"),
        (coco(images=[IMAGE | {"height": 0}, OTHER]), "a.png has height 0 and width 20"),
        (coco(annotations=[annotation(1), annotation(1)]), "annotations id 1 appears more than"),
        (coco(images=[IMAGE, IMAGE | {"id": 9}]), "file name a.png appears more than once"),
        (coco(images=[IMAGE, OTHER | {"id": 7}]), "images id 7 appears more than once"),
        (coco(annotations=[annotation(1, image_id=70)]), "annotation 1 belongs to image 70, which"),
        (coco(annotations=[annotation(1, category_id=4)]), r"has category 4, known are \[3, 5\]"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("read", [read_coco, read_points])
def test_a_file_that_contradicts_itself_is_refused(write, read, content, message):
    path = write(content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3, 4]], "annotation 1 has a mask that cannot be drawn: .*three corners"),
        ("text", "neither polygons nor an RLE"),
        ([None], "neither polygons nor an RLE"),
        ([[1, 2, 3, 2, 3, "4"]], "annotation 1 .* with a corner at '4', which is no number"),
        ([[1, 2, 3, 2, 3, None]], "with a corner at None, which is no number"),
        ({"size": [20, 10], "counts": [200]}, r"RLE of size \[20, 10\] in an image of \[10, 20\]"),
        ({"counts": [200]}, "RLE of size None"),
    ],
)
def test_a_mask_that_cannot_be_drawn_is_refused(write, segmentation, message):
    with pytest.raises(InputError, match=message):
        read_coco(write(coco(annotations=[annotation(1, segmentation=segmentation)])))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[20, 5, 1]], r"annotation 1 of a.png: point \(20, 5\) is off the image, .* 20 x 10 px"),
        ([[5, 10, 1]], "off the image"),
        ([[-0.6, 5, 1]], "off the image"),
        ([[float("nan"), 5, 1]], "off the image"),
        ([[5, 5, 2]], r"point \[5, 5, 2\] is not \[x, y, label\]"),
        ([[5, 5]], "is not"),
        ([["5", 5, 1]], "is not"),
        ({"x": 5}, "are not a list"),
    ],
)
def test_points_that_cannot_be_are_refused(write, points, message):
    with pytest.raises(InputError, match=message):
        read_points(write(coco(annotations=[annotation(1, points=points)])))


@pytest.mark.parametrize("places", [[[50, 5]], [[1, 2, 3]], "text", [5]])
def test_background_points_that_cannot_be_are_refused(write, places):
    images = [IMAGE | {"background_points": places}, OTHER]
    with pytest.raises(InputError, match=r"background points of a\.png"):
        read_points(write(coco(images=images)))


def test_a_pixel_reaches_half_a_pixel_around_its_index(write):
    edge = [[-0.5, -0.5, 1], [19.5, 9.5, 1]]
    data = read_points(write(coco(annotations=[annotation(1, points=edge)])))
    assert data.instance_count == 1


def test_masks_are_no_points(write):
    entry = annotation(1)
    del entry["points"]
    with pytest.raises(InputError, match=r"it holds masks, not clicks\..*'pointsam points draw'"):
        read_points(write(coco(annotations=[entry])))


def test_a_missing_file_is_named(tmp_path):
    for read in (read_coco, read_points):
        with pytest.raises(FileNotFoundError, match=r"no annotation file .*nowhere\.json"):
            read(tmp_path / "nowhere.json")


@pytest.mark.parametrize(("split", "images", "count"), [("train", 520, 3178), ("val", 130, 743)])
def test_nwpu_reads_whole(shared, split, images, count):
    masks = read_coco(shared / f"data/NWPU/Annotations/NWPU_instances_{split}.json")
    assert (len(masks.images), masks.instance_count, masks.dropped) == (images, count, ())
    for number in (1, 2, 3):
        points = read_points(shared / f"data/NWPU/Points/NWPU_points_{split}_{number}.json")
        paired = pair(masks, points)
        assert (paired.instance_count, paired.dropped) == (count, ())
        labels = [[p[2] for p in i.points] for image in paired.images for i in image.instances]
        assert all(sorted(row) == [0] * number + [1] * number for row in labels)


def test_hrsid_loses_its_one_empty_mask_and_no_image(shared):
    path = shared / "data/HRSID/Annotations/inshore/inshore_test.json"
    data = read_coco(path)
    assert (len(data.images), data.instance_count) == (250, 2522)
    assert data.dropped == (f"{path}: annotation 1471 has an empty mask",)
    assert [len(image.instances) for image in data.images if image.id == 166] != []


def test_a_reader_that_listens_hears_every_fault_and_keeps_the_rest(write):
    content = coco(
        images=[IMAGE, OTHER | {"background_points": [[99, 0]]}, {"id": 1}, OTHER],
        annotations=[
            annotation(1),
            annotation(1),
            annotation(2, points=[[50, 5, 1]], segmentation="text"),
            annotation(3, image_id=99),
            annotation(5, category_id=99),
        ],
    )
    path = write(content)
    for read, own in ((read_coco, "annotation 2 has a mask"), (read_points, "annotation 2 of a.p")):
        faults = []
        data = read(path, on_fault=faults.append)
        assert data.instance_count == 1
        assert [image.file_name for image in data.images] == ["a.png", "b.png"]
        parts = ["images[2] has no file_name", "images id 8 appears", "annotations id 1 appears"]
        parts += ["image 99, which", "has category 99", "background points of b.png", own]
        for part in parts:
            assert sum(part in fault for fault in faults) == 1, part
        assert len(faults) == len(parts)


def test_a_box_off_its_image_is_refused_as_a_point_there_is(write):
    boxes = [annotation(1, bbox=[1, 1, 3, 3]), annotation(2, bbox=[500, 500, 20, 20])]
    path = write(coco(annotations=boxes))
    said = (
        f"{path}: annotation 2 of a.png: bbox [500, 500, 20, 20] is off the image, which is "
        "20 x 10 px (x, y)."
    )
    with pytest.raises(InputError) as refused:
        read_points(path)
    assert str(refused.value) == said
    faults = []
    [first, _] = read_points(path, on_fault=faults.append).images
    assert faults == [said]
    assert [one.box for one in first.instances] == [(0.5, 0.5, 3.5, 3.5)]


def test_a_box_that_reaches_beyond_its_image_stays(write):
    path = write(coco(annotations=[annotation(1, bbox=[-5, -5, 100, 100])]))
    assert read_points(path).images[0].instances[0].box == (-5.5, -5.5, 94.5, 94.5)


@pytest.mark.parametrize("name", ["./sub/a.png", "sub//a.png", "sub\\a.png", "x/../sub/a.png"])
def test_names_of_one_image_are_written_in_one_way(write, name):
    images = [{"id": 7, "file_name": name, "height": 10, "width": 20}]
    masks = write(coco(images=images, annotations=[annotation(1)]), "m.json")
    plain = [{**images[0], "file_name": "sub/a.png"}]
    points = write(coco(images=plain, annotations=[annotation(1)]), "p.json")
    [image] = pair(read_coco(masks), read_points(points)).images
    assert (image.file_name, image.instances[0].points[0]) == ("sub/a.png", (2, 2, 1))
    twice = write(coco(images=[*images, {**plain[0], "id": 8}]), "t.json")
    with pytest.raises(InputError, match=r"file name sub/a.png appears more than once"):
        read_coco(twice)
