"""Many clients at once on one model."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
from tests.server.served import BASE, SECRET, SQUARES, draw_images, make_session

from pointsam.server.adapting import Adapting, RunOptions
from pointsam.server.application import make_application
from pointsam.server.security import Access


def test_sixteen_clients_get_each_their_own_images_masks(tmp_path):
    images = draw_images(tmp_path / "Images", count=8)
    session = make_session(tmp_path / "project", images)
    session.engine._max_embeddings = 3  # fewer than images: embeddings come and go
    adapting = Adapting(session, RunOptions(images, "mobile_sam"), lambda _: None)
    application = make_application(
        adapting, Access(SECRET, frozenset({"127.0.0.1:8765"})), page=False
    )

    async def clicks(client, number):
        image = number % 8 + 1
        made = []
        for x, y in SQUARES.values():
            answer = await client.post(
                f"/api/images/{image}/objects",
                json={"points": [[x + 7, y + 7, 1]], "class": "object"},
                headers={"X-Pointsam-Client": str(number)},
            )
            assert answer.status_code == 200, answer.text
            own = [one for one in answer.json()["objects"] if one["points"] == [[x + 7, y + 7, 1]]]
            made.append(own[-1])
            xs, ys = own[-1]["rings"][0][::2], own[-1]["rings"][0][1::2]
            assert (min(xs), max(xs), min(ys), max(ys)) == (x, x + 16, y, y + 16)
        return [one["id"] for one in made]

    async def all_at_once():
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await asyncio.gather(*(clicks(client, number) for number in range(16)))

    # In a thread: the browser of other tests has a loop in this one.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(asyncio.run, all_at_once()).result()
    ids = [number for made in found for number in made]
    assert sorted(ids) == list(range(1, 49))
    assert len(session.engine._views) <= 3
    assert [len(state.objects) for state in session.project.states.values()] == [6] * 8
    session.close()
