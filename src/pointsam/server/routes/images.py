"""Routes of images, of their tiles and of the objects clicked on them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from pointsam.server.answering import on_model, session_of
from pointsam.server.routes.shapes import (
    Classes,
    EditedObject,
    NewObject,
    Options,
    Place,
    plain_change,
    plain_object,
    plain_warnings,
)

router = APIRouter(prefix="/api", tags=["page"])


@router.get("/project")
async def project(request: Request) -> dict[str, Any]:
    """Give the images, classes and settings."""
    session = session_of(request)
    project = session.project
    return {
        "name": project.folder.name.removesuffix(".pointsam"),
        "model": session.model_name,
        "adapter": None if session.adapter is None else session.adapter.name,
        "joint": project.settings.joint,
        "classes": list(project.settings.classes),
        "counts": project.counts(),
        "notes": project.faults,
        "images": [
            {
                "number": number,
                "name": picture.name,
                "height": picture.size[0],
                "width": picture.size[1],
                "objects": len(project.states[number].objects),
                "revision": project.states[number].revision,
                "on_map": picture.georeference is not None,
            }
            for number, picture in project.pictures.items()
        ],
    }


@router.put("/settings")
async def settings(request: Request, form: Options) -> dict[str, Any]:
    """Switch the calibration of rivals on or off."""
    session = session_of(request)
    await on_model(request, lambda: session.set_joint(form.joint))
    return {"joint": session.project.settings.joint}


@router.post("/classes")
async def classes(request: Request, form: Classes) -> dict[str, Any]:
    """Add a class, or give one another name."""
    project = session_of(request).project
    if form.was is None:
        names = (*project.settings.classes, form.name)
        await on_model(request, lambda: project.set_up(classes=names))
    else:
        was = form.was
        await on_model(request, lambda: project.rename_class(was, form.name))
    return {"classes": list(project.settings.classes), "counts": project.counts()}


@router.get("/images/{number}")
async def image(request: Request, number: int) -> dict[str, Any]:
    """Give an image's size and everything clicked on it."""
    session = session_of(request)
    picture = session.project.picture(number)
    state = session.project.states[number]
    if not picture.size[0]:
        # Says what is wrong with it.
        await run_in_threadpool(session.pixels.tile, picture, 0, 0, 0)
    return await run_in_threadpool(
        lambda: {
            "number": number,
            "name": picture.name,
            "height": picture.size[0],
            "width": picture.size[1],
            "levels": picture.levels,
            "on_map": picture.georeference is not None,
            "revision": state.revision,
            "objects": [plain_object(one) for one in state.objects.values()],
            **plain_warnings(session, number),
            "counts": session.project.counts(),
        }
    )


@router.get("/images/{number}/tiles/{level}/{column}/{row}")
async def tile(request: Request, number: int, level: int, column: int, row: int) -> Response:
    """Give a tile of 256 pixels as JPEG; a pixel of the highest level is one of the image."""
    session = session_of(request)
    picture = session.project.picture(number)
    content = await run_in_threadpool(session.pixels.tile, picture, level, column, row)
    kept = {"Cache-Control": "private, max-age=3600"}
    return Response(content, media_type="image/jpeg", headers=kept)


@router.post("/images/{number}/look")
async def look(request: Request, number: int, form: Place) -> dict[str, bool]:
    """Encode the window in view, before the first click in it."""
    session = session_of(request)
    return {"ready": session.look_ahead(number, [[form.x, form.y, 1]])}


@router.post("/images/{number}/refresh")
async def refresh(request: Request, number: int) -> dict[str, Any]:
    """Make the missing masks of clicks that came from a file."""
    session = session_of(request)
    return await on_model(request, lambda: plain_change(session, number, session.refresh(number)))


@router.post("/images/{number}/rejoin")
async def rejoin(request: Request, number: int) -> dict[str, Any]:
    """Make the masks of an image again that the setting for joint masks changes."""
    session = session_of(request)
    return await on_model(request, lambda: plain_change(session, number, session.rejoin(number)))


@router.post("/images/{number}/objects")
async def add(request: Request, number: int, form: NewObject) -> dict[str, Any]:
    """Make an object of one or several clicks."""
    session = session_of(request)
    return await on_model(
        request,
        lambda: plain_change(session, number, session.add(number, form.points, form.category)),
    )


@router.patch("/images/{number}/objects/{object_id}")
async def edit(request: Request, number: int, object_id: int, form: EditedObject) -> dict[str, Any]:
    """Change an object's clicks or class."""
    session = session_of(request)

    def work() -> dict[str, Any]:
        changed = session.edit(
            number, object_id, points=form.points, category=form.category, seen=form.seen
        )
        return plain_change(session, number, changed)

    return await on_model(request, work)


@router.delete("/images/{number}/objects/{object_id}")
async def delete(request: Request, number: int, object_id: int) -> dict[str, Any]:
    """Remove an object."""
    session = session_of(request)
    return await on_model(
        request, lambda: plain_change(session, number, session.delete(number, object_id))
    )


@router.post("/images/{number}/undo")
async def undo(request: Request, number: int) -> dict[str, Any]:
    """Undo the last change of this image."""
    session = session_of(request)
    return await on_model(request, lambda: plain_change(session, number, session.undo(number)))


@router.post("/images/{number}/redo")
async def redo(request: Request, number: int) -> dict[str, Any]:
    """Redo the change that was undone last on this image."""
    session = session_of(request)
    return await on_model(
        request, lambda: plain_change(session, number, session.undo(number, forward=True))
    )
