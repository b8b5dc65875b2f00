import json

import numpy as np
import pytest
import shapely
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from tests.cli.good_inputs import CORNER, picture, save_raster, save_vector

from pointsam.cli.main import main
from pointsam.data.coco.annotations import pair, read_coco, read_points

SQUARE = [[1, 1, 5, 1, 5, 5, 1, 5]]


def annotation(number, image=1, **changes):
    entry = {"id": number, "image_id": image, "category_id": 1, "segmentation": SQUARE}
    return entry | changes


@pytest.fixture
def made(tmp_path):
    """Two images of two objects each, their masks, and a point file drawn by hand."""
    images = [{"id": i, "file_name": f"{i}.png", "height": 10, "width": 20} for i in (1, 2)]
    content = {
        "images": images,
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            annotation(n, image) for image in (1, 2) for n in (2 * image, 2 * image + 1)
        ],
    }
    clicks = [entry | {"points": [[3, 3, 1]]} for entry in content["annotations"]]
    (tmp_path / "masks.json").write_text(json.dumps(content))
    (tmp_path / "points.json").write_text(json.dumps(content | {"annotations": clicks}))
    (tmp_path / "images").mkdir()
    for number in (1, 2):
        pixels = np.full((10, 20, 3), 40 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"images/{number}.png")
    return tmp_path


def check(made, *more):
    files = ["--annotations", made / "masks.json", "--points", made / "points.json"]
    return main(list(map(str, ["data", "check", *files, "--images", made / "images", *more])))


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_sound_data_set_is_described(made, capsys):
    assert check(made) == 0
    out = capsys.readouterr().out
    for part in (
        "2 images (0 without instances), 4 instances",
        "sizes: 10 x 20 to 10 x 20 px (height x width)",
        "categories: ship 4",
        "areas: 16 to 16 px, median 16 px",
        "points: 1 on and 0 off the object: 4 instances",
    ):
        assert part in out
    assert out.endswith("sound\n")


def test_every_fault_is_listed_by_file_and_id(made, capsys):
    (made / "images/2.png").write_bytes(b"broken")
    Image.fromarray(np.zeros((9, 9), dtype=np.uint8)).save(made / "images/1.png")
    change(made / "masks.json", lambda c: c["annotations"].append(annotation(2)))
    change(made / "points.json", lambda c: c["annotations"][0].update(points=[[99, 3, 1]]))
    assert check(made) == 1
    out = capsys.readouterr().out
    faults = [line for line in out.splitlines() if line.startswith("FAULT")]
    for part in (
        "masks.json: annotations id 2 appears more than once",
        "points.json: annotation 2 of 1.png: point (99, 3) is off the image",
        "points.json: instance 2 of 1.png has no points",
        "1.png is 9 x 9 px (height x width), its annotations say 10 x 20",
        "2.png is not an image",
    ):
        assert sum(part in fault for fault in faults) == 1, part
    assert out.endswith(f"{len(faults)} faults\n")
    assert len(faults) == 5


def test_what_is_odd_but_harmless_is_noted(made, capsys):
    change(made / "masks.json", lambda c: c["annotations"][0].update(segmentation=[]))
    change(
        made / "points.json", lambda c: c["annotations"][1].update(points=[[9, 9, 1], [3, 3, 0]])
    )
    Image.new("L", (4, 4)).save(made / "images/unused.png")
    assert check(made) == 0
    out = capsys.readouterr().out
    for part in (
        "annotation 2 has no mask",
        "1 positive points lie off their mask, the first of instance 3 at (9.0, 9.0)",
        "1 negative points lie on their mask, the first of instance 3 at (3.0, 3.0)",
        "1 instances have points and no mask, the first is 2",
        "1 images have no annotations, the first is unused.png",
    ):
        assert part in out


def test_points_alone_are_checked(made, capsys):
    assert main(["data", "check", "--points", str(made / "points.json")]) == 0
    assert "4 instances" in capsys.readouterr().out


@pytest.fixture
def scene(tmp_path):
    """A scene of 96 x 80 px of 1 m, without data in its last ten columns."""
    pixels = np.moveaxis(picture(), -1, 0).copy()
    pixels[:, :, -10:] = 255
    save_raster(tmp_path / "scene.tif", pixels, nodata=255)
    return tmp_path


def check_scene(folder, clicks="clicks.gpkg", *more, name="scene.tif"):
    images = ["--images", str(folder / name), *more]
    return main(["data", "check", "--points", str(folder / clicks), *images])


def test_clicks_on_a_scene_are_counted_and_the_odd_ones_named(scene, capsys):
    pixels = [(22, 20), (60, 50), (60.5, 50), (90, 5), (-4, 5), (3, 70)]
    places = [shapely.Point(CORNER[0] + x, CORNER[1] - y) for x, y in pixels]
    fields = {
        "class": ["tank", "ship", "ship", "tank", "tank", "tank"],
        "label": [1, 1, 1, 1, 1, 0],
    }
    save_vector(scene / "clicks.gpkg", places, **fields)
    assert check_scene(scene) == 0
    lines = capsys.readouterr().out.splitlines()
    notes = [line for line in lines if line.startswith("note: ")]
    for part in (
        "scene.tif: 80 x 96 px (height x width), 1 m a pixel, EPSG:32632",
        "clicks.gpkg: 6 clicks, 5 objects",
        "categories: tank 3, ship 2",
        "background points, of no instance: 1",
        "object 4 (tank) is clicked at (500090, 5499995), where the scene has no data",
        "object 5 (tank) is clicked at (499996, 5499995), off the scene",
        "instances 2 and 3 of scene.tif are clicked at one place",
    ):
        assert sum(part in line for line in lines) == 1, part
    assert len(notes) == 3
    assert lines[-1] == "sound"


def test_clicks_of_another_scene_are_a_fault(scene, capsys):
    save_vector(scene / "clicks.gpkg", [shapely.Point(CORNER[0] + 900, CORNER[1])])
    assert check_scene(scene) == 1
    out = capsys.readouterr().out
    assert "FAULT: " in out
    assert "none of the 1 objects has a positive point on" in out


def test_clicks_with_a_place_on_a_scene_without_one_are_a_fault(scene, capsys):
    save_vector(scene / "clicks.gpkg", [shapely.Point(9, 50)], crs="EPSG:4326")
    with pytest.warns(NotGeoreferencedWarning):
        save_raster(scene / "plain.tif", np.zeros((3, 80, 96), np.uint8), crs=None, transform=None)
    assert check_scene(scene, name="plain.tif") == 1
    assert "no coordinate system" in capsys.readouterr().out


def test_a_scene_of_deep_pixels_needs_no_stretch_to_be_checked(scene, capsys):
    save_raster(scene / "deep.tif", np.full((4, 80, 96), 3000, np.uint16))
    save_vector(scene / "clicks.gpkg", [shapely.Point(CORNER[0] + 9, CORNER[1] - 9)])
    assert check_scene(scene, name="deep.tif") == 0
    assert capsys.readouterr().out.endswith("sound\n")


def test_a_scene_is_checked_without_what_is_for_folders(scene, capsys):
    save_vector(scene / "clicks.gpkg", [shapely.Point(CORNER[0] + 9, CORNER[1] - 9)])
    assert check_scene(scene, "clicks.gpkg", "--sheet", "s.png") == 2
    assert "--sheet: for a folder of images alone" in capsys.readouterr().err
    assert main(["data", "check", "--annotations", "m.json", "--images", __file__]) == 2
    assert "is one file: give the clicks on it with --points FILE" in capsys.readouterr().err


@pytest.mark.parametrize("turn", [3, 6])
def test_a_click_on_a_turned_photograph_is_where_it_is_shown(tmp_path, capsys, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "clicks.csv").write_text("image,x,y\na.jpg,4,70\nb.jpg,1,1\n")
    assert check_scene(tmp_path, "clicks.csv", name="a.jpg") == 0
    assert ("96 x 80" if turn == 6 else "80 x 96") in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["P", "1"])
def test_one_image_is_checked_as_images_of_a_folder_are(tmp_path, capsys, mode):
    Image.fromarray(picture()).convert(mode).save(tmp_path / "a.png")
    (tmp_path / "clicks.csv").write_text("image,x,y\na.png,4,70\n")
    assert check_scene(tmp_path, "clicks.csv", name="a.png") == 0
    assert capsys.readouterr().out.endswith("sound\n")
    (tmp_path / "clicks.csv").write_text("image,x,y\nb.png,4,70\n")
    assert check_scene(tmp_path, "clicks.csv", name="a.png") == 1
    assert "a.png" in capsys.readouterr().out


def test_a_file_that_is_no_json_is_one_fault(made, capsys):
    (made / "masks.json").write_text("{")
    assert check(made) == 1
    assert "FAULT" in capsys.readouterr().out


def test_masks_and_points_of_two_sizes_are_a_fault(made, capsys):
    content = json.loads((made / "masks.json").read_text())
    content["images"][0]["width"] += 1
    (made / "other.json").write_text(json.dumps(content))
    points = ["--annotations", str(made / "masks.json"), "--output", str(made / "own.json")]
    assert main(["points", "draw", *points]) == 0
    files = ["--annotations", str(made / "other.json"), "--points", str(made / "own.json")]
    assert main(["data", "check", *files]) == 1
    assert "two versions of the image" in capsys.readouterr().out


def test_bad_usage_of_check_is_status_two(made, capsys):
    assert main(["data", "check"]) == 2
    assert "nothing to check" in capsys.readouterr().err
    assert main(["data", "check", "--points", str(made / "no.json")]) == 2
    assert "no point file" in capsys.readouterr().err
    assert check(made, "--images", str(made / "nowhere")) == 2


def draw(made, *more):
    files = ["--annotations", made / "masks.json", "--output", made / "drawn.json"]
    return main(list(map(str, ["points", "draw", *files, *more])))


def test_drawn_points_pair_with_their_masks(made, capsys):
    assert draw(made, "--positives", 2, "--negatives", 3) == 0
    assert "points of 4 instances in 2 images" in capsys.readouterr().out
    masks, points = read_coco(made / "masks.json"), read_points(made / "drawn.json")
    assert points.categories == masks.categories
    for image in points.images:
        for instance in image.instances:
            on, off = instance.points[:2], instance.points[2:]
            assert all(1 <= x < 5 and 1 <= y < 5 and label == 1 for x, y, label in on)
            assert all(not (1 <= x < 5 and 1 <= y < 5) and not label for x, y, label in off)
            assert len(off) == 3
    assert check(made, "--points", made / "drawn.json") == 0


def test_one_seed_gives_one_file(made):
    files = []
    for seed in (1, 1, 2):
        draw(made, "--seed", seed)
        files.append((made / "drawn.json").read_bytes())
        (made / "drawn.json").unlink()
    assert files[0] == files[1] != files[2]


def test_missed_objects_are_counted(made, capsys):
    assert draw(made, "--missed", 1) == 0
    assert "points of 0 instances in 2 images, 4 missed on purpose" in capsys.readouterr().out


def test_draw_overwrites_nothing_and_refuses_nonsense(made, capsys):
    (made / "drawn.json").write_text("mine")
    assert draw(made) == 2
    assert "exists already" in capsys.readouterr().err
    assert (made / "drawn.json").read_text() == "mine"
    (made / "drawn.json").unlink()
    assert draw(made, "--positives", 0) == 2
    assert "at least 1 positive point" in capsys.readouterr().err
    assert not (made / "drawn.json").exists()


def test_a_layout_says_what_is_there(tmp_path, capsys):
    (tmp_path / "Images").mkdir()
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/NWPU_instnaces_val.json").touch()
    assert main(["data", "layout", "nwpu", str(tmp_path)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[1].split() == ["train", "annotations", "MISSING",
                              str(tmp_path / "Annotations/NWPU_instances_train.json")]  # fmt: skip
    assert out[3].endswith("NWPU_instnaces_val.json")
    assert "MISSING" not in out[3]
    (tmp_path / "Annotations/NWPU_instances_train.json").touch()
    assert main(["data", "layout", "nwpu", str(tmp_path)]) == 0


def test_a_layout_of_no_folder_is_status_two(tmp_path, capsys):
    assert main(["data", "layout", "whu", str(tmp_path / "nowhere")]) == 2
    assert "no folder" in capsys.readouterr().err


def test_nwpu_is_sound(shared, capsys):
    data = shared / "data/NWPU"
    masks = data / "Annotations/NWPU_instances_val.json"
    points = data / "Points/NWPU_points_val_3.json"
    assert main(["data", "check", "--annotations", str(masks), "--points", str(points)]) == 0
    assert "130 images (0 without instances), 743 instances" in capsys.readouterr().out


def test_clicks_of_a_table_become_a_point_file(made, capsys):
    (made / "clicks.csv").write_text("image,x,y,label\n1.png,3,3,1\n1.png,9,9,0\n2.png,4,4,1\n")
    words = ["points", "convert", made / "clicks.csv", "--output", made / "new.json"]
    assert main(list(map(str, words))) == 2
    assert "give --images DIR" in capsys.readouterr().err
    assert main(list(map(str, [*words, "--images", made / "images"]))) == 0
    assert "2 instances in 2 images, 1 background points" in capsys.readouterr().out
    assert read_points(made / "new.json").images[0].background_points == ((9, 9),)
    assert main(list(map(str, [*words, "--images", made / "images"]))) == 2
    assert "exists already" in capsys.readouterr().err


def test_images_of_one_thing_are_noted_within_and_across(made, capsys):
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (5, 10, 3)), np.ones((2, 2, 1))).astype(np.uint8)
    for name in ("1.png", "2.png"):
        Image.fromarray(pixels).save(made / "images" / name)
    assert check(made) == 0
    assert "note: 1.png and 2.png show the same thing" in capsys.readouterr().out
    (made / "val").mkdir()
    change(made / "masks.json", lambda c: c.update(images=c["images"][:1], annotations=[]))
    for number in (1, 2):
        other = rng.integers(0, 255, (10, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels if number == 2 else other).save(made / f"val/{number}.png")
    words = ["--across", made / "points.json", "--across-images", made / "val"]
    assert check(made, *words) == 0
    assert "note: 1.png and, across, 2.png show the same" in capsys.readouterr().out


def test_one_object_annotated_twice_is_noted(made, capsys):
    assert check(made) == 0
    assert "instances 2 and 3 of 1.png are nearly one, IoU 1.00" in capsys.readouterr().out


def test_a_sheet_shows_the_images(made, capsys):
    sheet = made / "sheet.png"
    assert check(made, "--sheet", sheet) == 0
    assert f"sheet: {sheet}" in capsys.readouterr().out
    with Image.open(sheet) as drawn:
        assert drawn.width > 700
    assert check(made, "--sheet", sheet) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["data", "check", "--points", str(made / "points.json"), "--sheet", "s.png"]) == 2
    assert "give --images DIR" in capsys.readouterr().err


def test_faults_leave_no_sheet(made, capsys):
    (made / "images/2.png").unlink()
    assert check(made, "--sheet", made / "sheet.png") == 1
    assert "1 fault, no sheet" in capsys.readouterr().out
    assert not (made / "sheet.png").exists()


def split(made, *more):
    files = [made / "masks.json", made / "points.json", "--output", made / "split"]
    return main(list(map(str, ["data", "split", *files, *more])))


def test_parts_of_a_split_still_pair(made, capsys):
    assert split(made, "--share", 0.5) == 0
    assert "1 images to train on, 1 held out" in capsys.readouterr().out
    names = set()
    for part in ("train", "held_out"):
        masks = read_coco(made / f"split/masks_{part}.json")
        data = pair(masks, read_points(made / f"split/points_{part}.json"))
        assert data.instance_count == 2
        names |= {image.file_name for image in data.images}
    assert names == {"1.png", "2.png"}
    assert split(made) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_split_that_cannot_be_is_status_two(made, capsys):
    for words, message in [
        (["--share", 1], "give a number between 0 and 1"),
        (["--by", "place"], "give --images DIR"),
        (["--by", "place", "--images", made / "images"], "has no coordinate system"),
        # Two plain images have no structure: they look alike.
        (["--by", "duplicates", "--images", made / "images"], "cannot be cut in two"),
    ]:
        assert split(made, *words) == 2
        assert message in capsys.readouterr().err
    change(made / "points.json", lambda c: c.update(images=c["images"][:1], annotations=[]))
    assert split(made) == 2
    assert "2.png is in only one of" in capsys.readouterr().err
    assert not (made / "split").exists()
