"""The application: routes, their errors, and the guard that checks every request."""

from importlib.metadata import version

from fastapi import FastAPI

from pointsam.server.adapting import Adapting
from pointsam.server.answering import add_handlers
from pointsam.server.compat import anylabeling, label_studio, samgeo
from pointsam.server.routes import files, images, training
from pointsam.server.security import Access, Application, Guard

ROUTERS = (
    images.router,
    training.router,
    files.router,
    samgeo.router,
    anylabeling.router,
    label_studio.router,
)


def make_application(adapting: Adapting, access: Access, *, page: bool) -> Application:
    """Put the routes of a session behind the guard.

    Args:
        adapting: the trainings of the session that is served.
        access: what a request has to show.
        page: serve the page too, not only the interface.
    """
    # FastAPI's own documentation pages load scripts of other sites; ours do not.
    application = FastAPI(
        title="pointsam", version=version("pointsam"), docs_url=None, redoc_url=None
    )
    application.state.session = adapting.session
    application.state.adapting = adapting
    application.state.page = page
    application.state.files = files.page_files()
    add_handlers(application)
    for router in ROUTERS:
        application.include_router(router)
    return Guard(application, access)
