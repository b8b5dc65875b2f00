"""The page in a real browser."""

import io
import json
import threading
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image
from tests.server.browsing import click_pixel, opened, rest, screen_of, serving
from tests.server.served import SQUARES, draw_images, make_session

from pointsam.data.coco.annotations import read_points
from pointsam.prediction.predictor import load

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
STEP = 8
"""Difference in colour of neighbouring pixels of the ramp: more than JPEG changes."""


@pytest.fixture
def page(chromium, session):
    with serving(session) as address, opened(chromium, address) as found:
        yield found


def objects(session, image=1):
    return list(session.project.states[image].objects.values())


@pytest.mark.parametrize("zoom", [1, 3.3, 9])
def test_a_click_is_on_the_pixel_that_is_seen_under_it(chromium, tmp_path, zoom):
    folder = tmp_path / "Images"
    folder.mkdir()
    row, column = np.mgrid[0:32, 0:32]
    ramp = np.stack([column * STEP, row * STEP, np.full_like(row, 128)], axis=-1)
    Image.fromarray(ramp.astype(np.uint8)).save(folder / "ramp.png")
    session = make_session(tmp_path / "project", folder)
    with serving(session) as address, opened(chromium, address) as page:
        page.evaluate(
            "async (zoom) => { const v = await import(new URL('page/viewer.js', location.href));"
            "v.viewer.viewport.zoomBy(zoom, null, true); }",
            zoom,
        )
        rest(page)
        page.wait_for_timeout(700)
        x, y = screen_of(page, 17.3, 14.8)
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        red, green, _ = shot[int(y), int(x)].astype(int)
        page.mouse.click(int(x), int(y))
        rest(page)
    [[(seen_x, seen_y, label)]] = [one.points for one in objects(session)]
    assert label == 1
    assert abs(seen_x - round(red / STEP)) <= 0.5
    assert abs(seen_y - round(green / STEP)) <= 0.5
    session.close()


def test_a_mask_is_drawn_where_the_server_says(page, session):
    click_pixel(page, 15, 15)
    [one] = objects(session)
    for x in range(2, 62, 6):
        for y in range(2, 62, 6):
            sx, sy = screen_of(page, x, y)
            box = page.locator("#viewer").bounding_box()
            alpha = page.evaluate(
                "([x, y]) => document.getElementById('overlay').getContext('2d')"
                ".getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data[3]",
                [sx - box["x"], sy - box["y"]],
            )
            assert (alpha > 0) == one.mask.holds((x, y)), (x, y)


def test_negative_and_further_clicks_undo_and_reload(page, session):
    click_pixel(page, 15, 15)
    click_pixel(page, 50, 50, key="Shift")
    click_pixel(page, 12, 12, key="Control")
    [one] = objects(session)
    assert [label for _, _, label in one.points] == [1, 0, 1]
    page.keyboard.press("Control+z")
    rest(page)
    assert [label for _, _, label in objects(session)[0].points] == [1, 0]
    page.keyboard.press("Control+Shift+z")
    rest(page)
    page.reload()
    page.locator("#objects button").first.wait_for()
    assert page.locator("#objects button").count() == 1
    assert "3 clicks" in page.locator("#objects button").inner_text()


def test_a_click_is_dragged_and_another_tab_is_told(page, session, chromium):
    click_pixel(page, 15, 15)
    with opened(chromium, page.url) as other:
        page.mouse.move(*screen_of(page, 15, 15))
        page.mouse.down()
        page.mouse.move(*screen_of(page, 30, 30), steps=4)
        page.mouse.move(*screen_of(page, 47, 15), steps=4)
        page.mouse.up()
        rest(page)
        [one] = objects(session)
        assert one.mask.holds((47, 15))
        assert not one.mask.holds((15, 15))
        # The other tab's objects are old for a moment: it is told, and nothing is lost.
        other.locator("#message").filter(has_text="Another tab").wait_for()
        [(x, y, _)] = objects(session)[0].points
        shown = other.evaluate(
            "async () => { const s = await import(new URL('page/state.js', location.href));"
            "return [...s.state.objects.values()][0].points[0]; }"
        )
        assert shown[:2] == [x, y]


def test_the_whole_way_by_keyboard(page, session):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the image"
    page.locator("#viewer").focus()
    middle = screen_of(page, 31.5, 31.5)
    square = screen_of(page, 15, 15)
    page.keyboard.press("ArrowLeft")  # shows the cross in the middle
    for key, distance in (("ArrowLeft", middle[0] - square[0]), ("ArrowUp", middle[1] - square[1])):
        for _ in range(round(distance / 16)):
            page.keyboard.press(key)
    page.keyboard.press("Enter")
    rest(page)
    assert objects(session)[0].mask.holds((15, 15))
    page.keyboard.press("j")
    rest(page)
    assert session.project.settings.joint
    page.keyboard.press("h")
    assert not page.locator("#show-masks").is_checked()
    page.keyboard.press("PageDown")
    rest(page)
    assert page.locator("#images").input_value() == "2"
    page.keyboard.press("PageUp")
    rest(page)
    page.keyboard.press(".")
    page.keyboard.press("Delete")
    rest(page)
    assert objects(session) == []
    page.keyboard.press("Control+z")
    rest(page)
    page.keyboard.press("Control+s")
    page.locator("#save-text a").wait_for()
    saved = read_points(session.project.folder / "saved" / "points.json")
    assert saved.instance_count == 1


def test_classes_warnings_and_the_list(page, session):
    page.locator("#class-name").fill("ship")
    page.locator("#class-form button").first.click()
    page.locator("#classes button").nth(1).wait_for()
    click_pixel(page, 15, 15)
    click_pixel(page, 12, 20)
    assert [one.category for one in objects(session)] == ["ship", "ship"]
    page.locator("#warnings button").first.wait_for()
    assert "two clicks on one object" in page.locator("#warnings").inner_text()
    assert page.locator("#warnings-title").inner_text() == "Look again"
    page.locator("#viewer").focus()
    page.keyboard.press("1")  # for the next object: the last one was made, not picked
    rest(page)
    assert [one.category for one in objects(session)] == ["ship", "ship"]
    page.keyboard.press(".")
    page.keyboard.press("1")
    rest(page)
    assert sorted(one.category for one in objects(session)) == ["object", "ship"]


def test_a_click_does_not_wait_for_tiles(chromium, tmp_path):
    session = make_session(tmp_path / "project", draw_images(tmp_path / "Images", size=1600))
    tile, free = session.pixels.tile, threading.Event()

    def slow(picture, *place):
        free.wait(timeout=300)
        return tile(picture, *place)

    with serving(session) as address, opened(chromium, address) as page:
        with patch.object(session.pixels, "tile", slow):
            page.keyboard.press("PageDown")
            page.locator("#busy").filter(has_text="reading 2.png").wait_for()
            page.wait_for_timeout(1000)  # all tiles that it asks for at once wait
            page.mouse.click(*screen_of(page, 15, 15))
            page.locator("#objects button").first.wait_for()
            assert "reading" in page.locator("#busy").inner_text()
            free.set()
            page.locator("#busy").wait_for(state="hidden")
        patience = page.evaluate(
            "async () => (await import(new URL('page/viewer.js', location.href)))"
            ".viewer.imageLoader.timeout"
        )
    assert patience >= 600_000  # milliseconds
    assert objects(session, image=2)[0].mask.holds((15, 15))
    session.close()


def test_a_finger_clicks_too(chromium, session):
    with serving(session) as address, opened(chromium, address, has_touch=True) as page:
        page.touchscreen.tap(*screen_of(page, 15, 15))
        rest(page)
    assert objects(session)[0].mask.holds((15, 15))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(chromium, session, scheme):
    with serving(session) as address, opened(chromium, address, color_scheme=scheme) as page:
        click_pixel(page, 15, 15)
        click_pixel(page, 12, 20)
        page.add_script_tag(path=str(AXE))
        found = page.evaluate("axe.run()")
        worse = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert not worse, json.dumps(worse, indent=1)[:3000]


def test_nothing_breaks_under_the_pages_own_content_policy(chromium, session):
    with (
        serving(session) as address,
        opened(chromium, address, bypass_csp=False) as page,
    ):
        box = page.locator("#viewer").bounding_box()
        # The image fills the height: pixel 15 of 64 is left of the middle by 16.5 of 64.
        scale = box["height"] / 64
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.click(middle[0] - 16.5 * scale, middle[1] - 16.5 * scale)
        rest(page)
        page.locator("#objects button").first.wait_for()
    assert objects(session)[0].mask.holds((15, 15))


def test_the_page_says_what_it_does_after_the_last_step(page):
    def last_step(route):
        status = route.fetch().json() | {"phase": "training", "step": 4, "steps": 4}
        route.fulfill(json=status)

    page.route("**/api/status", last_step)
    page.locator("#adapt-text").filter(has_text="all 4 steps done; comparing").wait_for()
    page.unroute("**/api/status")


def test_long_names_of_classes_leave_room_for_all_that_changed(page):
    row = {"class": "ground_track_field_of_a_school", "objects": 63, "changed": 63}

    def ended(route):
        changes = [row | {"grew": 12, "shrank": 51}]
        route.fulfill(json=route.fetch().json() | {"changes": changes})

    page.route("**/api/status", ended)
    page.locator("#changes tbody tr").wait_for()
    assert page.evaluate(
        "document.getElementById('changes').getBoundingClientRect().right"
        " <= document.querySelector('aside').getBoundingClientRect().right"
    )
    page.unroute("**/api/status")


def test_adapt_to_the_end_then_before_and_after(chromium, tmp_path):
    images = draw_images(tmp_path / "Images", count=1)
    session = make_session(tmp_path / "project", images, model=load(side=128).model)
    with serving(session) as address, opened(chromium, address) as page:
        for x, y in SQUARES.values():
            click_pixel(page, x + 7, y + 7)
        page.evaluate("document.getElementById('effort').options[0].value = '4'")
        page.locator("#effort").select_option("4")
        page.locator("#adapt").click()
        page.locator("#adapt-text").filter(has_text="done in").wait_for()
        page.locator("#changes").wait_for()
        page.locator("#compare-tools").wait_for()
        page.keyboard.press("b")
        assert page.locator("#compare").is_checked()
        page.locator("#border").press("ArrowRight")
        assert page.locator("#border").input_value() == "51"
        assert ", adapted" in page.locator("#model").inner_text()
    assert all(one.before is not None for one in objects(session))
    assert (tmp_path / "project" / "runs" / "1" / "adapter" / "adapter_config.json").is_file()
    session.close()
