import pytest
from tests.server.browsing import CHROMIUM, FLAGS
from tests.server.served import draw_images, make_client, make_session


@pytest.fixture
def images(tmp_path):
    return draw_images(tmp_path / "Images")


@pytest.fixture
def session(tmp_path, images):
    opened = make_session(tmp_path / "project", images)
    yield opened
    opened.close()


@pytest.fixture
def client(session):
    with make_client(session) as made:
        yield made


@pytest.fixture(scope="session")
def chromium():
    # One for all files: two of them in one process refuse each other.
    if not CHROMIUM.is_file():
        pytest.skip(f"needs {CHROMIUM} (apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with api.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()
