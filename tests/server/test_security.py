"""Nobody from outside: names, origins, the secret, sizes, paths."""

import pytest
from tests.server.served import SECRET, make_client

from pointsam.cli.main import make_parser
from pointsam.cli.serving import Serving
from pointsam.errors import InputError

PROJECT = "/api/project"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8765"}, 403),  # not among this test's names
        ({"host": "evil.example:8765"}, 403),  # DNS rebinding
        ({"origin": "http://127.0.0.1:8765"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"content-length": "99999999999"}, 413),
    ],
)
def test_names_and_origins_are_checked(client, headers, status):
    assert client.get(PROJECT, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"token": "wrong"}, 401),
        ({"token": SECRET}, 200),  # X-AnyLabeling
        ({"authorization": f"Bearer {SECRET}"}, 200),
        ({"authorization": "Basic bm9ib2R5OmEtc2VjcmV0LW9mLXRoZS10ZXN0cw=="}, 200),
        ({"authorization": "Basic %%%"}, 401),
    ],
)
def test_without_the_secret_in_the_path_a_header_has_it(session, headers, status):
    with make_client(session, base="http://127.0.0.1:8765") as bare:
        assert bare.get(PROJECT, headers=headers).status_code == status


def test_a_site_that_was_allowed_may_ask_with_the_secret(session):
    site = "https://labels.example"
    with make_client(session, origins=frozenset({site})) as client:
        asked = client.options(PROJECT, headers={"origin": site})
        assert asked.headers["access-control-allow-origin"] == site
        assert client.get(PROJECT, headers={"origin": site}).status_code == 200
        answer = client.get(PROJECT, headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in answer.headers


def test_a_body_without_a_length_is_counted(session):
    with make_client(session, max_body=1000) as client:
        answer = client.post("/api/classes", content=(b"x" * 100 for _ in range(20)))
        assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    ["/page/../../../pyproject.toml", "/page/%2e%2e/application.py", "/page//etc/passwd",
     "/api/saved/../project.json", "/api/saved/project.json", "/page/vendor/../../queue.py"],
)  # fmt: skip
def test_no_path_of_a_request_is_opened(client, path):
    # The client itself folds some of them, and then the secret is gone too.
    assert client.get(path).status_code in (401, 404)


def test_answers_carry_the_headers_of_safety(client):
    headers = client.get("/", headers={"accept": "text/html"}).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_fault_of_ours_is_said_without_a_trace(client, session, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(session.engine, "view", broken)
    body = {"points": [[15, 15, 1]], "class": "object"}
    answer = client.post("/api/images/1/objects", json=body)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


def test_without_the_page_the_interface_is_there(session):
    with make_client(session, page=False) as client:
        shown = client.get("/", headers={"accept": "text/html"})
        assert "The interface" in shown.text
        assert client.get("/page/interface.js").status_code == 200
        assert client.get("/page/main.js").status_code == 404


def test_the_interface_describes_itself(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert "/api/images/{number}/objects" in paths


def test_the_secret_may_come_by_a_variable(monkeypatch, images):
    def token(*given):
        words = ["serve", str(images), *given]
        return Serving.parse(make_parser(words).parse_args(words), page=False).token

    monkeypatch.delenv("POINTSAM_TOKEN", raising=False)
    assert token() is None
    monkeypatch.setenv("POINTSAM_TOKEN", SECRET)
    assert token() == SECRET
    assert token("--token", "another-secret-of-16") == "another-secret-of-16"
    monkeypatch.setenv("POINTSAM_TOKEN", "short")
    with pytest.raises(InputError, match="has 5 characters"):
        token()
