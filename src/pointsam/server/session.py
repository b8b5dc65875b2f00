"""A session of the page: clicks change the project, and the model gives masks."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError
from pointsam.models.adapters.card import read_card
from pointsam.prediction.predictor import Predictor
from pointsam.server.calibrated import WindowMasks
from pointsam.server.clicked import ClickedObject, ImageState, checked_points
from pointsam.server.engine import Engine
from pointsam.server.pictures import Picture, Pixels
from pointsam.server.project import Changed, Project
from pointsam.server.queue import BusyError, FairQueue
from pointsam.server.shown import Trained
from pointsam.server.sloppy import SlipFinder

T = TypeVar("T")


class ConflictError(Exception):
    """Another page changed the object meanwhile."""


class Session:
    """One project and one model; all work on the model goes through `clicks`."""

    def __init__(
        self,
        project: Project,
        predictor: Predictor,
        *,
        model_name: str,
        adapter: Path | None = None,
    ) -> None:
        self.project = project
        self.pixels = Pixels()
        self.adapter = adapter
        self.engine = Engine(
            predictor, self.pixels, precision=predictor.precision, trained=_trained(adapter)
        )
        self.masks = WindowMasks(self.engine)
        self.slips = {number: SlipFinder() for number in project.pictures}
        self.model_name = model_name
        self.clicks = FairQueue("clicks")
        self.ahead = FairQueue("ahead", max_each=4)

    def close(self) -> None:
        """End the work, and release the project."""
        self.clicks.close()
        self.ahead.close()
        self.project.close()

    def use(self, predictor: Predictor, adapter: Path | None) -> None:
        """Use another model, and show it images as its adapter was trained to see them."""
        self.engine.use(predictor, trained=_trained(adapter))
        self.masks = WindowMasks(self.engine)
        self.adapter = adapter

    def add(self, number: int, points: list[list[float]], category: str) -> Changed:
        """Make an object of clicks; give all objects that this changes.

        Raises:
            InputError: an unknown image or class, or bad clicks.
        """
        picture = self._picture(number)
        checked = checked_points(points, picture.size)
        self._check_class(category)
        return self._change(
            picture, {None: lambda _: ClickedObject(self.project.new_id(), category, checked)}
        )

    def edit(
        self,
        number: int,
        object_id: int,
        *,
        points: list[list[float]] | None = None,
        category: str | None = None,
        seen: list[list[float]] | None = None,
    ) -> Changed:
        """Change an object's clicks or class.

        Args:
            number: of the image.
            object_id: of the object.
            points: all its clicks.
            category: its class.
            seen: the clicks that the client shows.

        Raises:
            InputError: an unknown image, object or class, or bad clicks.
            ConflictError: it has other clicks than `seen`.
        """
        picture = self._picture(number)
        checked = None if points is None else checked_points(points, picture.size)
        if category is not None:
            self._check_class(category)

        def changed(one: ClickedObject | None) -> ClickedObject:
            assert one is not None
            if seen is not None and [list(point) for point in one.points] != seen:
                raise ConflictError(
                    f"object {one.id} was changed in another tab: its present clicks are shown now."
                )
            return replace(
                one,
                points=one.points if checked is None else checked,
                category=category or one.category,
            )

        self._object(number, object_id)
        return self._change(picture, {object_id: changed})

    def delete(self, number: int, object_id: int) -> Changed:
        """Remove an object.

        Raises:
            InputError: an unknown image or object.
        """
        picture = self._picture(number)
        self._object(number, object_id)
        return self._change(picture, {object_id: lambda _: None})

    def undo(self, number: int, *, forward: bool = False) -> Changed:
        """Undo, or redo, the last change of an image.

        Raises:
            InputError: there is none.
        """
        picture = self._picture(number)
        step = self.project.step_forward if forward else self.project.step_back
        changed = dict(step(number))
        # The model or the setting for joint masks may have changed since these masks were made.
        self.masks.doubt(picture, changed)
        state = self.project.states[number]
        windows = {
            self.engine.window_of(picture, one.points)
            for one in (*changed.values(), *state.objects.values())
            if one is not None and (one.id in changed or one.calibrated)
        }
        made = self._masks_in(picture, state, windows)
        if made:
            self.project.change(number, made, undoable=False)
        return changed | made

    def refresh(self, number: int) -> Changed:
        """Make the masks of an image that are missing.

        Raises:
            InputError: the image cannot be read.
        """
        missing = [one for one in self.project.states[number].objects.values() if one.mask is None]
        return self._keep(number, self._made_again(number, missing))

    def rejoin(self, number: int) -> Changed:
        """Make the masks of an image that another setting for joint masks changes.

        Raises:
            InputError: the image cannot be read.
        """
        objects = self.project.states[number].objects
        return self._keep(number, self._made_again(number, objects.values()))

    def renew(self, number: int) -> Changed:
        """Make all masks of an image again with the present model, and keep the former ones, too.

        Raises:
            InputError: the image cannot be read.
        """
        objects = self.project.states[number].objects
        made = self._made_again(number, objects.values())
        changed: Changed = {
            key: None if one is None else replace(one, before=objects[key].mask)
            for key, one in made.items()
        }
        return self._keep(number, changed)

    def _made_again(self, number: int, objects: Iterable[ClickedObject]) -> Changed:
        """Decode the changed objects in the windows of some objects of an image."""
        picture = self._picture(number)
        windows = {self.engine.window_of(picture, one.points) for one in objects}
        return self._masks_in(picture, self.project.states[number], windows)

    def _keep(self, number: int, changed: Changed) -> Changed:
        """Save new masks, which undo does not take back."""
        if changed:
            self.project.change(number, changed, undoable=False)
        return changed

    def set_joint(self, joint: bool) -> None:
        """Switch the calibration of rivals on or off."""
        self.project.set_up(joint=joint)

    def look_ahead(self, number: int, points: list[list[float]]) -> bool:
        """Encode a window and the next image's first one before a click needs them.

        Returns:
            Whether the window's embedding was kept already.
        """
        picture = self._picture(number)
        window = self.engine.window_of(picture, checked_points(points, picture.size))
        there = self.engine.has(picture, window)
        if not there:
            self._encode_ahead(picture, window)
        following = self.project.pictures.get(number + 1)
        if following is not None and following.size[0]:
            middle = ((following.size[1] / 2, following.size[0] / 2, 1),)
            self._encode_ahead(following, self.engine.window_of(following, middle))
        return there

    def _encode_ahead(self, picture: Picture, window: Window) -> None:
        if self.engine.has(picture, window):
            return
        try:
            self.ahead.submit(f"{picture.number}", lambda: self.engine.view(picture, window))
        except BusyError:
            return  # it is encoded when it is clicked on

    def submit(self, client: str, work: Callable[[], T]) -> "Future[T]":
        """Add work on the model to a client's queue.

        Raises:
            BusyError: too many pieces of work wait.
        """
        return self.clicks.submit(client, work)

    def _change(
        self,
        picture: Picture,
        edits: Mapping[int | None, Callable[[ClickedObject | None], ClickedObject | None]],
    ) -> Changed:
        """Edit objects, decode the changed masks, and save all as one step of undo."""
        state = self.project.states[picture.number]
        changed: dict[int, ClickedObject | None] = {}
        windows: set[Window] = set()
        for key, edit in edits.items():
            old = None if key is None else state.objects.get(key)
            new = edit(old)
            owner = new or old
            assert owner is not None
            changed[owner.id] = new
            if old is None or new is None or old.points != new.points:
                sides = (one for one in (old, new) if one is not None)
                windows |= {self.engine.window_of(picture, one.points) for one in sides}
        edited = state.with_objects(changed)
        changed |= self._masks_in(picture, edited, windows)
        try:
            self.project.change(picture.number, changed)
        except OSError:
            self.masks.forget(picture)
            raise
        return changed

    def _masks_in(
        self, picture: Picture, state: ImageState, windows: set[Window]
    ) -> dict[int, ClickedObject | None]:
        """Decode the changed objects in some windows."""
        joint = self.project.settings.joint
        changed: dict[int, ClickedObject | None] = {}
        for window in windows:
            inside = [
                one
                for one in state.objects.values()
                if self.engine.window_of(picture, one.points) == window
            ]
            for key, new in self.masks.update(picture, window, inside, joint=joint).items():
                one = state.objects[key]
                changed[key] = replace(
                    one, mask=new.mask, score=new.score, calibrated=new.calibrated
                )
        return changed

    def _picture(self, number: int) -> Picture:
        picture = self.project.picture(number)
        self.project.refuse_closed(number)
        if not picture.size[0]:
            raise InputError(picture.fault or f"{picture.name} cannot be shown.")
        return picture

    def _object(self, number: int, object_id: int) -> ClickedObject:
        found = self.project.states[number].objects.get(object_id)
        if found is None:
            raise InputError(f"there is no object {object_id} on image {number}.")
        return found

    def _check_class(self, category: str) -> None:
        if category not in self.project.settings.classes:
            known = ", ".join(self.project.settings.classes)
            raise InputError(f"there is no class {category!r}, known are {known}.")


def _trained(adapter: Path | None) -> Trained:
    return Trained.of(None if adapter is None else read_card(adapter))
