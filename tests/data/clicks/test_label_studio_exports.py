"""Label Studio's exports beside each other, exports without clicks, and names of uploads."""

import unicodedata
from base64 import urlsafe_b64encode

import pytest
from tests.data.clicks.test_label_studio import key_point, mark, number_of, record, stored, task
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError

POINT = mark(10, 10, keypointlabels=["roof"])


def test_a_task_of_a_second_export_is_dropped_by_name(tmp_path):
    first = write(tmp_path / "E/p-at-2024-01.json", [task([key_point("a", 10, 10)])])
    other = task([key_point("c", 90, 50)], number=2, link="/data/upload/1/0a1b2c3d-2.jpg")
    second = write(tmp_path / "E/p-at-2024-02.json", [task([key_point("b", 50, 50)]), other])
    data = read_clicks(tmp_path / "E")
    assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1))], "2.jpg": [("roof", (26.5, 9.5, 1))]}
    assert data.dropped == (
        f"{second}: task 1: a further entry of the task, {first}: task 1 is read",
    )


def test_tasks_of_two_projects_are_read_both(tmp_path):
    one, two = task([key_point("a", 10, 10)]), task([key_point("b", 50, 50)])
    two["data"] = {"image": "/data/upload/2/ffffffff-2.jpg"}
    write(tmp_path / "E/1.json", [one])
    write(tmp_path / "E/2.json", [two])
    data = read_clicks(tmp_path / "E")
    assert (set(found(data)), data.dropped) == ({"1.jpg", "2.jpg"}, ())
    two["data"] = one["data"]
    write(tmp_path / "P/1.json", [{**one, "project": 3}])
    write(tmp_path / "P/2.json", [{**two, "project": 4}])
    data = read_clicks(tmp_path / "P")
    assert (len(found(data)["1.jpg"]), data.dropped) == (2, ())
    write(tmp_path / "P/3.json", [{**two, "project": 4}])
    assert "task 1: a further entry of the task, " in read_clicks(tmp_path / "P").dropped[0]


def test_other_texts_of_a_task_do_not_make_it_another(tmp_path):
    for number, note in enumerate(("http://[", "b")):
        one = task([key_point("a", 10, 10)])
        one["data"]["note"] = note
        write(tmp_path / f"E/{number}.json", [one])
    data = read_clicks(tmp_path / "E")
    assert [len(objects) for objects in found(data).values()] == [1]
    assert len(data.dropped) == 1


def test_a_task_that_was_not_clicked_yet_does_not_hide_its_later_export(tmp_path):
    write(tmp_path / "E/1.json", [{**task([]), "annotations": []}])
    write(tmp_path / "E/2.json", [task([key_point("a", 10, 10)])])
    data = read_clicks(tmp_path / "E")
    assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1))]}
    assert data.dropped == (f"{tmp_path}/E/1.json: task 1: no key points, no annotations",)


def test_exports_of_other_kinds_are_not_added_up(tmp_path):
    for number, x in enumerate((10, 50)):
        write(tmp_path / f"min/{number}.json", [record(kp=[POINT | {"x": x}])])
    write(tmp_path / "mixed/1.json", [task([key_point("a", 10, 10)])])
    write(tmp_path / "mixed/2.json", [record(kp=[POINT])])
    one = stored(1, 50, of=1) | {"task": {"id": 1, "data": task([])["data"]}}
    write(tmp_path / "mixed/3.json", one)
    for folder, left in (("min", 1), ("mixed", 2)):
        data = read_clicks(tmp_path / folder)
        assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1))]}
        assert len(data.dropped) == left


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "it has no annotations; click in Label Studio, then export"),
        ({"predictions": []}, "it has no annotations; click"),
        ({"predictions": [{"result": []}]}, "it has no annotations, only predictions; click"),
    ],
)
def test_tasks_without_annotations_are_refused_as_such(tmp_path, more, said):
    bare = {"id": 4, "data": {"image": "/data/upload/1/0a1b2c3d-1.jpg"}, **more}
    path = write(tmp_path / "e.json", [bare])
    with pytest.raises(InputError, match=rf"e\.json: task 4 is not as Label Studio .*: {said}"):
        read_clicks(path)


@pytest.mark.parametrize("side", ["x", "y"])
def test_a_coordinate_that_is_null_names_its_task(tmp_path, side):
    point = key_point("a", 10, 10)
    point["value"][side] = None
    path = write(tmp_path / "e.json", [task([point], number=7)])
    with pytest.raises(InputError, match=rf"task 7 is not .*\(a key point's {side} is null\)"):
        read_clicks(path)
    path = write(tmp_path / "min.json", [record(number=7, kp=[POINT | {side: None}])])
    with pytest.raises(InputError, match=r"task 7 is not .*x or y of a key point is null"):
        read_clicks(path)


CANCELLED = {"was_cancelled": True, "result": [key_point("a", 10, 10)]}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"annotations": [{"result": []}, {"result": [key_point("a", 10, 10)]}]},
         "task 1: 1 further annotations, the first is read"),
        ({"annotations": [CANCELLED]},
         "task 1: no key points, all annotations were skipped or cancelled"),
        ({"annotations": [], "predictions": [{"result": [key_point("a", 10, 10)]}]},
         "task 1: no key points, no annotations, only predictions"),
        ({"annotations": [{"result": []}]}, "task 1: no key points"),
    ],
)  # fmt: skip
def test_an_export_without_clicks_says_why(tmp_path, more, said):
    path = write(tmp_path / "e.json", [{**task([]), **more}])
    with pytest.raises(InputError, match=rf"^{path} holds no clicks; left out: {path}: {said}"):
        read_clicks(path)


LINK = "/data/upload/1/0a1b2c3d-{}"


def upload(path, name):
    return write(path, [task([key_point("a", 10, 10)], link=LINK.format(name))])


@pytest.mark.parametrize(
    ("own", "stored_as"),
    [
        ("scene 1 (north).jpg", "scene_1_north.jpg"),
        ("a,b+c & d.PNG", "abc__d.PNG"),
        (" a.jpg", "_a.jpg"),
        (unicodedata.normalize("NFC", "Gebäude 1.jpg"), "Gebaude_1.jpg"),
        (unicodedata.normalize("NFD", "Gebäude 1.jpg"), "Geb%C3%A4ude_1.jpg"),
    ],
)
def test_an_upload_is_found_by_the_name_that_the_tool_made_of_it(tmp_path, own, stored_as):
    picture = image(tmp_path / "I" / own)
    image(tmp_path / "I/other.jpg")
    path = upload(tmp_path / "e.json", stored_as)
    for images in (picture.parent, picture):
        assert found(read_clicks(path, images=images)) == {own: [("roof", (2.5, 1.5, 1))]}
    assert found(read_clicks(path, images=tmp_path / "I/other.jpg")) == {}


@pytest.mark.parametrize("others", [["a_b.jpg"], ["(a) b.jpg"]])
def test_an_upload_that_may_be_of_several_files_is_refused(tmp_path, others):
    picture = image(tmp_path / "I/a b.jpg")
    for other in others:
        image(tmp_path / "I" / other)
    path = upload(tmp_path / "e.json", "a_b.jpg")
    for images in (picture.parent, picture):
        with pytest.raises(InputError, match=r"0a1b2c3d-a_b\.jpg may be of .* or of ") as caught:
            read_clicks(path, images=images)
        assert all(name in str(caught.value) for name in ("a b.jpg", *others))


def test_the_tools_own_copy_of_an_upload_is_no_doubt(tmp_path):
    for name in ("a b.jpg", "a_b.jpg", "0a1b2c3d-a_b.jpg"):
        image(tmp_path / "I" / name)
    data = read_clicks(upload(tmp_path / "e.json", "a_b.jpg"), images=tmp_path / "I")
    assert set(found(data)) == {"0a1b2c3d-a_b.jpg"}


def test_links_that_are_no_uploads_keep_their_names(tmp_path):
    for name in ("a b.jpg", "a_b.jpg"):
        image(tmp_path / "I" / name)
    for link in ("s3://bucket/a_b.jpg", "/data/local-files/?d=some/a_b.jpg"):
        path = write(tmp_path / "e.json", [task([key_point("a", 10, 10)], link=link)])
        assert set(found(read_clicks(path, images=tmp_path / "I"))) == {"a_b.jpg"}
    (tmp_path / "I/a_b.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"a_b\.jpg"):
        read_clicks(path, images=tmp_path / "I")


@pytest.mark.parametrize("form", ["/tasks/3/presign/", "http://h/projects/1/resolve"])
@pytest.mark.parametrize(
    "stored", ["s3://bucket/some/é 1.jpg", "/data/local-files/?d=some/é 1.jpg"]
)
def test_links_that_the_interface_signs_name_the_file(tmp_path, form, stored):
    image(tmp_path / "I/é 1.jpg")
    image(tmp_path / "I/2.jpg")
    link = f"{form}?fileuri={urlsafe_b64encode(stored.encode()).decode().rstrip('=')}"
    path = write(tmp_path / "a.json", [task([key_point("a", 10, 10)], link=link)])
    assert [*found(read_clicks(path, images=tmp_path / "I"))] == ["é 1.jpg"]


@pytest.mark.parametrize("query", ["fileuri=%ff", "fileuri=abc", "d=2"])
def test_queries_of_other_links_name_no_file(tmp_path, query):
    image(tmp_path / "I/1.jpg")
    image(tmp_path / "I/2.jpg")
    path = write(
        tmp_path / "a.json", [task([key_point("a", 10, 10)], link=f"https://h/1.jpg?{query}")]
    )
    assert [*found(read_clicks(path, images=tmp_path / "I"))] == ["1.jpg"]


def test_two_uploads_of_one_file_are_refused(tmp_path):
    image(tmp_path / "I/a b.jpg")
    tasks = [task([key_point("a", 10, 10), number_of("a", number)], number=number, link=link)
             for number, link in enumerate((LINK.format("a_b.jpg"),
                                            "/data/upload/1/ffffffff-a_b.jpg"))]  # fmt: skip
    with pytest.raises(InputError, match=r"are two images, and both would be a b\.jpg"):
        read_clicks(write(tmp_path / "e.json", tasks), images=tmp_path / "I")
