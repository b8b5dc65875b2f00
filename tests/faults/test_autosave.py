"""What the click page saves after each click is the old state or the new one, whole."""

import pytest
from tests.faults.injecting import STEPS, WRITE, Fault, run

from pointsam.server.clicked import ClickedObject, ImageState
from pointsam.server.marks import ImageMark
from pointsam.server.storage import SavedImage, read_image_file, save_image


def state(count):
    one = {n: ClickedObject(n, "ship", ((n + 0.5, 3.0, 1),)) for n in range(count)}
    return ImageState(one, revision=count)


def saved(count):
    return SavedImage("1.jpg", state(count), ImageMark((8, 8), "file abc"))


FAULTS = [Fault(kind, n, kills) for kind in STEPS for n in (1, 2) for kills in (False, True)]
FAULTS += [Fault(WRITE, n, kills) for n in (0, 40, 200) for kills in (False, True)]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_click_that_cannot_be_saved_leaves_those_before(fault, tmp_path):
    path = tmp_path / "1.json"
    save_image(saved(2), path)
    run(lambda: save_image(saved(3), path), tmp_path, fault)
    found = read_image_file(path)
    kept = found.state
    assert (found.name, found.mark) == ("1.jpg", ImageMark((8, 8), "file abc"))
    assert kept.revision in (2, 3)
    assert {n: one.points for n, one in kept.objects.items()} == {
        n: one.points for n, one in state(kept.revision).objects.items()
    }
    save_image(saved(4), path)
    assert read_image_file(path).state.revision == 4
