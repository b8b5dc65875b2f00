"""What the commands ``click`` and ``serve`` share: options, and the way to a running server."""

import argparse
import socket
import sys
from functools import partial
from pathlib import Path

from pointsam.cli.arguments import add_model_arguments, chosen_device, open_predictor
from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError
from pointsam.prediction.predictor import Predictor, load, usual_base
from pointsam.server.adapting import Adapting, RunOptions
from pointsam.server.application import make_application
from pointsam.server.pictures import find_pictures
from pointsam.server.project import Project
from pointsam.server.running import listen, serve
from pointsam.server.security import Access, new_secret, own_hosts
from pointsam.server.session import Session

ALL = ("0.0.0.0", "::")
"""Addresses that mean every network of this machine."""
MIN_TOKEN = 16
"""Characters of a token."""


def add_serving_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("images", type=Path, help="folder of images, or one image or scene")
    files = parser.add_argument_group("files")
    files.add_argument(
        "--points", type=Path, help="clicks to begin with, in any form of 'pointsam points convert'"
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
        help="address to listen at; others than this machine's own need --token "
        "(default: %(default)s)",
    )
    network.add_argument(
        "--token",
        help=f"secret that requests must show, {MIN_TOKEN} characters or more; drawn anew at each "
        "start if not given",
    )
    network.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="let pages of another site use the interface, with the secret (repeatable)",
    )
    add_model_arguments(parser)


def run_server(args: argparse.Namespace, *, page: bool) -> int:
    """Open the project, load the model and serve until interrupted."""
    if args.token is not None and len(args.token) < MIN_TOKEN:
        raise InputError(f"--token has {len(args.token)} characters: give {MIN_TOKEN} or more.")
    if args.token is not None and not args.token.replace("-", "").replace("_", "").isalnum():
        raise InputError("--token: give letters, digits, - and _ alone; it is part of addresses.")
    if not _is_loopback(args.host) and args.token is None:
        raise InputError(
            f"--host {args.host} lets everybody on the network reach this server: give --token "
            "SECRET too. Whoever has the secret sees and changes the clicks; without HTTPS, others "
            "on the way can read it."
        )
    pictures = find_pictures(args.images)
    listener = listen(args.host, args.port)
    project = Project(_project_folder(args), pictures)
    try:
        for fault in project.faults:
            print(f"pointsam: {fault}", file=sys.stderr)
        _take_points_in(project, args)
        return _serve(args, project, listener, page=page)
    finally:
        listener.close()
        project.close()


def _serve(
    args: argparse.Namespace, project: Project, listener: socket.socket, *, page: bool
) -> int:

    port = listener.getsockname()[1]
    access = _access(args, port)
    if args.adapter is None and project.settings.adapter is not None:
        found = project.folder / project.settings.adapter
        args.adapter = found if found.is_dir() else None
    predictor = open_predictor(args)
    base = args.model or usual_base(args.adapter)
    session = Session(project, predictor, model_name=base)
    session.adapter = args.adapter
    options = RunOptions(
        args.images, base, chosen_device(args.device), args.precision, args.threads
    )
    adapting = Adapting(session, options, partial(_load_adapter, args, base))
    shown = "127.0.0.1" if args.host in ALL else args.host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/{access.secret}/"
    print(f"{len(project.pictures)} images; everything is saved in {project.folder}")
    print(f"{'open' if page else 'interface:'} {address}", flush=True)
    try:
        opened = address if page and not args.no_browser else None
        serve(make_application(adapting, access, page=page), listener, address=opened)
    except KeyboardInterrupt:
        pass
    finally:
        adapting.close()
        session.close()
    print(f"stopped; all clicks are in {project.folder}")
    return 0


def _load_adapter(args: argparse.Namespace, base: str, folder: Path) -> Predictor:
    """Load the base with an adapter that the page has trained."""
    return load(base, adapter=folder, device=chosen_device(args.device), precision=args.precision)


def _access(args: argparse.Namespace, port: int) -> Access:
    """Say who may ask: at an address of this machine alone, only under its own names."""
    hosts = own_hosts(port) if _is_loopback(args.host) else frozenset[str]()
    origins = frozenset(origin.rstrip("/") for origin in args.allow_origin)
    return Access(args.token or new_secret(), hosts, origins)


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _project_folder(args: argparse.Namespace) -> Path:
    if args.project is not None:
        folder: Path = args.project
        return folder
    images: Path = args.images.resolve()
    return images.with_name(f"{images.name}.pointsam")


def _take_points_in(project: Project, args: argparse.Namespace) -> None:
    """Take the clicks of a file in, and say what came of it."""
    if args.points is None:
        return
    folder = args.images if args.images.is_dir() else args.images.parent
    data = read_clicks(args.points, images=folder, negative="background")
    print(f"{args.points}: {project.take_in(data)}")
