"""Options of the commands ``click`` and ``serve``, and the start of their server."""

import argparse
import os
import socket
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pointsam.cli.arguments import ModelChoice, add_model_arguments
from pointsam.cli.click_files import read_clicks, say
from pointsam.cli.predict_scene import doubts_as_trained
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.clicks.transparent import without_blank, without_transparent
from pointsam.data.rasters.doubts import doubt_of_ground
from pointsam.data.rasters.images import is_image
from pointsam.data.rasters.scene import open_scene
from pointsam.data.records import ImageRecord
from pointsam.errors import InputError
from pointsam.models.adapters.card import read_card
from pointsam.prediction.predictor import Predictor, load
from pointsam.server.adapting import Adapting, RunOptions
from pointsam.server.application import make_application
from pointsam.server.pictures import MAX_WHOLE, Picture, find_pictures
from pointsam.server.project import Project, read_settings
from pointsam.server.running import listen, serve
from pointsam.server.security import Access, new_secret, own_hosts
from pointsam.server.session import Session
from pointsam.server.shown import Trained
from pointsam.server.taking_in import take_in

ALL = ("0.0.0.0", "::")
"""Addresses that mean every network of this machine."""
MIN_TOKEN = 16
"""Least number of characters of a token."""
TOKEN_VARIABLE = "POINTSAM_TOKEN"


def add_serving_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("images", type=Path, help="folder of images, or one image or scene")
    files = parser.add_argument_group("files")
    files.add_argument(
        "--points",
        type=Path,
        help="clicks to start with, in any form of 'pointsam points convert'",
    )
    files.add_argument(
        "--project",
        type=Path,
        metavar="DIR",
        help="folder that everything is saved in; IMAGES.pointsam beside the images if not given",
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--port", type=int, default=8765, help="0 takes any that is free (default: %(default)s)"
    )
    network.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; others than this machine's own need --token "
        "(default: %(default)s)",
    )
    network.add_argument(
        "--token",
        help=f"secret that requests must show, {MIN_TOKEN} characters or more; if not given, that "
        f"of the variable {TOKEN_VARIABLE}, which no list of processes shows, or a new one",
    )
    network.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="let pages of another site use the interface, with the secret (repeatable)",
    )
    add_model_arguments(parser)


@dataclass(frozen=True)
class Serving:
    """Images to serve, address and access."""

    images: Path
    points: Path | None
    """Clicks to start with."""
    project: Path
    host: str
    port: int
    token: str | None
    origins: frozenset[str]
    page: bool
    """Serve the page, not the interface alone."""
    browser: bool
    """Open the page in a browser."""

    @classmethod
    def parse(cls, args: argparse.Namespace, *, page: bool) -> "Serving":
        """Read the arguments.

        Raises:
            InputError: an invalid token, or an open address without one.
        """
        token = args.token or os.environ.get(TOKEN_VARIABLE)
        if token is not None and len(token) < MIN_TOKEN:
            raise InputError(f"--token has {len(token)} characters: give {MIN_TOKEN} or more.")
        if token is not None and not token.replace("-", "").replace("_", "").isalnum():
            raise InputError(
                "--token: give letters, digits, - and _ alone; it is part of addresses."
            )
        if not _is_loopback(args.host) and token is None:
            raise InputError(
                f"--host {args.host} lets everybody on the network reach this server: give --token "
                "SECRET too. Whoever has the secret sees and changes the clicks; without HTTPS, "
                "others on the way can read it."
            )
        images = args.images.resolve()
        return cls(
            images=args.images,
            points=args.points,
            project=args.project or images.with_name(f"{images.name}.pointsam"),
            host=args.host,
            port=args.port,
            token=token,
            origins=frozenset(origin.rstrip("/") for origin in args.allow_origin),
            page=page,
            browser=page and not args.no_browser,
        )


def run_server(args: argparse.Namespace, *, page: bool) -> int:
    """Open the project, load the model and serve until interrupted."""
    asked = Serving.parse(args, page=page)
    choice = _with_last_adapter(ModelChoice.parse(args), asked.project)
    pictures = _pictures_as_trained(asked.images, choice)
    listener = listen(asked.host, asked.port)
    project = Project(asked.project, pictures)
    try:
        for fault in project.faults:
            print(f"pointsam: {fault}", file=sys.stderr)
        if asked.points is not None:
            _take_points_in(project, asked.points, asked.images)
        _serve(asked, choice, project, listener)
    finally:
        listener.close()
        project.close()
    return 0


def _serve(asked: Serving, choice: ModelChoice, project: Project, listener: socket.socket) -> None:
    """Load the model, and serve."""
    port = listener.getsockname()[1]
    access = _access(asked, port)
    predictor = choice.open(images=None)
    session = Session(project, predictor, model_name=choice.base, adapter=choice.adapter)
    say((), _told_of_ground(session))
    options = RunOptions(
        asked.images, choice.base, choice.device, predictor.precision, choice.threads
    )
    adapting = Adapting(session, options, partial(_load_adapter, choice))
    shown = "127.0.0.1" if asked.host in ALL else asked.host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/{access.secret}/"
    print(f"{len(project.pictures)} images; everything is saved in {project.folder}")
    print(f"{'open' if asked.page else 'interface:'} {address}", flush=True)
    try:
        application = make_application(adapting, access, page=asked.page)
        serve(application, listener, address=address if asked.browser else None)
    except KeyboardInterrupt:
        pass
    finally:
        adapting.close()
        session.close()
    print(f"stopped; all clicks are in {project.folder}")


def _with_last_adapter(choice: ModelChoice, project: Path) -> ModelChoice:
    """Choose the last adapter of the project where the user names none."""
    last = read_settings(project).adapter
    if choice.adapter is not None or last is None or not (project / last).is_dir():
        return choice
    return replace(choice, adapter=project / last, card=read_card(project / last))


def _pictures_as_trained(images: Path, choice: ModelChoice) -> list[Picture]:
    """List the images, to be shown as those of the adapter's training were.

    Raises:
        FileNotFoundError: nothing is there.
        InputError: images of another stretch, or none that can be shown.
    """
    if images.is_dir():
        choice.refuse_other_stretch(images)
    trained = Trained.of(choice.card).stretch
    pictures = find_pictures(images, trained=trained)
    faults = [picture.fault for picture in pictures if picture.fault is not None]
    if len(faults) == len(pictures):
        raise InputError(faults[0])
    as_trained = [one.path for one in pictures if trained is not None and one.stretch == trained]
    say(faults, doubts_as_trained(as_trained, trained))
    return pictures


def _told_of_ground(session: Session) -> list[str]:
    """Say at which size the windows of images are shown, if the adapter was trained on a size."""
    engine, lines, doubts = session.engine, [], []
    trained, side = engine.trained.ground_size, engine.model.side
    for picture in session.project.pictures.values():
        metres = engine.metres_shown(picture)
        if trained is None or metres is None:
            continue
        window = picture.window_side(side=side, trained=trained)
        doubt = doubt_of_ground(str(picture.path), metres, trained)
        if doubt is not None:
            doubts.append(doubt)
        elif window != side and max(picture.size) > window:
            lines.append(
                f"{picture.path}: windows of {window} px, shown as {side} px to the model, so that "
                "objects are as large as in training"
            )
    told = (found for found in (doubts, lines) if found)
    count = len(session.project.pictures)
    return [f[0] if len(f) == 1 else f"{len(f)} of {count} images; {f[0]}" for f in told]


def _load_adapter(choice: ModelChoice, folder: Path) -> Predictor:
    """Load the base with an adapter that the page has trained."""
    return load(choice.base, adapter=folder, device=choice.device, precision=choice.precision)


def _access(asked: Serving, port: int) -> Access:
    """Give the rules of access; on a loopback address only this machine's own names count."""
    hosts = own_hosts(port) if _is_loopback(asked.host) else frozenset[str]()
    return Access(asked.token or new_secret(), hosts, asked.origins)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _take_points_in(project: Project, points: Path, images: Path) -> None:
    """Add the clicks of a file to the project, and print the result and what is left out."""
    known = images if images.is_dir() or is_image(images) else images.parent
    data = read_clicks(ClickFile(points), known)
    pictures = {picture.name: picture for picture in project.pictures.values()}
    records = []
    for record in data.images:
        picture = pictures.get(record.file_name)
        seen, lines = (record, []) if picture is None else _seen(record, picture)
        say(lines, ())
        records.append(seen)
    print(f"{points}: {take_in(project, replace(data, images=tuple(records)))}")


def _seen(record: ImageRecord, picture: Picture) -> tuple[ImageRecord, list[str]]:
    """Leave out clicks where an image is transparent or has no data."""
    height, width = picture.size
    if height * width <= MAX_WHOLE:
        return without_transparent(record, picture.path.parent)
    with open_scene(picture.path, stretch=picture.stretch) as scene:
        return without_blank(record, scene)
