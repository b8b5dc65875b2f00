"""A browser without modules of JavaScript gets one clear message, not a page that is dead."""

import re

from tests.server.browsing import serving


def as_an_old_browser(html):
    """Do what a browser without modules does: run `nomodule` scripts, and no module."""
    without = re.sub(r"<script[^>]*type=\"module\"[^>]*></script>", "", html)
    assert without != html
    return without.replace(" nomodule", "")


def test_an_old_browser_gets_one_message(chromium, session):
    with serving(session) as address:
        context = chromium.new_context()
        page = context.new_page()
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))

        def answer(route):
            found = route.fetch()
            route.fulfill(response=found, body=as_an_old_browser(found.text()))

        page.route(address, answer)
        page.goto(address)
        message = page.locator("#too-old")
        message.wait_for(timeout=60_000)
        assert message.count() == 1
        assert "This browser is too old" in message.inner_text()
        assert "Nothing is lost" in message.inner_text()
        box = message.bounding_box()
        assert box["width"] > 100
        assert box["y"] < 100
        assert page.locator("button").count() == 0
        assert faults == []
        context.close()


def test_a_browser_of_today_does_not_see_it(chromium, session):
    with serving(session) as address:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(address)
        page.locator("#classes button").first.wait_for(timeout=60_000)
        assert page.locator("#too-old").count() == 0
        context.close()
