import pytest
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
