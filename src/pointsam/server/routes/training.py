"""Routes of Adapt, of Find more and of the status."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from pointsam.server.adapting import Adapting
from pointsam.server.answering import on_model, session_of
from pointsam.server.finding import find_more
from pointsam.server.routes.shapes import Form, Name, Number

router = APIRouter(prefix="/api", tags=["page"])


class Effort(Form):
    """How long to train."""

    steps: int = Field(100, ge=1, le=20_000)


class Where(Form):
    """The place in view, and the class to find."""

    box: Annotated[list[Number], Field(min_length=4, max_length=4)]
    category: Name = Field(alias="class")


def adapting_of(request: Request) -> Adapting:
    """Give the trainings of the application."""
    adapting: Adapting = request.app.state.adapting
    return adapting


@router.get("/status")
async def status(request: Request) -> dict[str, Any]:
    """Give progress of the training, the model in use, and each image's number of changes."""
    return await run_in_threadpool(_status, request)


def _status(request: Request) -> dict[str, Any]:
    session, adapting = session_of(request), adapting_of(request)
    values = dict(
        part.strip().split("=", 1) for part in adapting.status.message.split(",") if "=" in part
    )
    revisions = {n: state.revision for n, state in session.project.states.items()}
    return asdict(adapting.status) | {
        "loss": values.get("loss"),
        "accepted": values.get("accepted"),
        "model": session.model_name,
        "adapter": None if session.adapter is None else str(session.adapter),
        "revisions": revisions,
        "changes": adapting.changes(),
    }


@router.post("/adapt")
async def adapt(request: Request, form: Effort) -> dict[str, Any]:
    """Train on all clicks; one training at a time."""
    adapting = adapting_of(request)
    await on_model(request, lambda: adapting.start(form.steps))
    return await run_in_threadpool(_status, request)


@router.post("/adapt/stop")
async def stop(request: Request) -> dict[str, Any]:
    """Stop the training; it can be resumed."""
    await run_in_threadpool(adapting_of(request).stop)
    return await run_in_threadpool(_status, request)


@router.post("/adapt/resume")
async def resume(request: Request) -> dict[str, Any]:
    """Resume a training that was stopped."""
    await run_in_threadpool(adapting_of(request).resume)
    return await run_in_threadpool(_status, request)


@router.post("/images/{number}/more")
async def more(request: Request, number: int, form: Where) -> dict[str, Any]:
    """Offer masks like the clicked ones, the most alike first."""
    session = session_of(request)
    x0, y0, x1, y1 = form.box
    offers = await on_model(
        request, lambda: find_more(session, number, (x0, y0, x1, y1), form.category)
    )
    return {"offers": [offer.plain(form.category) for offer in offers]}
