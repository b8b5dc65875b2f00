"""Routes of the page's own files, and of the files that it saves."""

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from pointsam.server.answering import on_model, session_of
from pointsam.server.routes.shapes import Form
from pointsam.server.saving import SAVED, WRITERS, save

router = APIRouter(tags=["page"])

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Content types of the page's files, by their endings."""


INTERFACE = ("interface.html", "interface.js", "theme.css")
"""Of these, what is there without the page."""


class Wanted(Form):
    """The file to save."""

    name: str


def page_files() -> dict[str, bytes]:
    """Read all files of the page; a request gets no other files."""
    folder = files("pointsam.server") / "page"
    found: dict[str, bytes] = {}
    for part in ("", "vendor"):
        for entry in (folder / part if part else folder).iterdir():
            if entry.is_file() and f".{entry.name.rpartition('.')[2]}" in KINDS:
                found["/".join(filter(None, (part, entry.name)))] = entry.read_bytes()
    return found


@router.post("/api/save")
async def save_file(request: Request, form: Wanted) -> dict[str, Any]:
    """Write clicks or masks to a file in the project's folder."""
    session = session_of(request)
    path = await on_model(request, lambda: save(session.project, form.name))
    return {"name": form.name, "path": str(path), "bytes": path.stat().st_size}


@router.get("/api/saved/{name}")
async def saved(request: Request, name: str) -> FileResponse:
    """Give a file that was saved."""
    path = session_of(request).project.folder / SAVED / name
    if name not in WRITERS or not path.is_file():
        raise HTTPException(404, "nothing was saved under that name.")
    return FileResponse(path, filename=name, headers={"Cache-Control": "no-store"})


@router.get("/", include_in_schema=False)
async def index(request: Request) -> Response:
    """Give the page, or a line about this server where the page is off."""
    if "text/html" in request.headers.get("accept", ""):
        if request.app.state.page:
            return _file(request, "index.html")
        return RedirectResponse("page/interface.html")
    return Response('{"status":"UP","model_class":"pointsam"}', media_type="application/json")


@router.get("/page/{name:path}", include_in_schema=False)
async def page(request: Request, name: str) -> Response:
    """Give a file of the page."""
    return _file(request, name)


def _file(request: Request, name: str) -> Response:
    content: dict[str, bytes] = request.app.state.files
    if name not in content or not (request.app.state.page or name in INTERFACE):
        raise HTTPException(404, "there is no such page.")
    kind = KINDS[f".{name.rpartition('.')[2]}"]
    return Response(content[name], media_type=kind, headers={"Cache-Control": "no-cache"})
