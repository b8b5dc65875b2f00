"""The images that clicks may be on, and the search for them by the paths that tools write.

An image is identified by its path in the images folder, not by base name: ``north/1.jpg`` and
``south/1.jpg`` are two images. Tools write links, absolute paths and paths of other machines.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pointsam.data.clicks.finding import find_told, is_another, longest_end, refuse_meeting
from pointsam.data.clicks.stems import Stems, same_stem
from pointsam.data.clicks.told import Told, below_common, ends_with
from pointsam.data.clicks.turned import refuse_turned
from pointsam.data.rasters.georeference import Georeference, read_georeference
from pointsam.data.rasters.images import (
    find_image,
    image_size,
    is_image,
    list_images,
    same_name,
)
from pointsam.data.rasters.opening import within
from pointsam.errors import InputError

Affine = tuple[float, float, float, float, float, float]
"""``(a, b, c, d, e, f)``: map x = a col + b row + c, map y = d col + e row + f."""

IMAGES = "images"
"""Folder that many tools put images in, whatever the folder of a single one is."""


@dataclass(frozen=True)
class Picture:
    """One image and its place on a map."""

    name: str
    """File name, relative to the images folder."""
    size: tuple[int, int]
    """Height and width in pixels."""
    transform: Affine
    """Pixel corners to map."""
    crs: str | None
    """As WKT; None for an image without a coordinate system."""


@dataclass(frozen=True)
class Pictures:
    """The images: those of a folder, a single one, or unknown ones."""

    folder: Path | None = None
    only: Path | None = None
    """The single image to read clicks for; clicks on others are left out."""
    placed: Picture | None = None
    """Size and place of the single image."""
    notes: list[str] = field(default_factory=list)
    """Notes on how images were found, one line each."""
    broken: dict[str, str] | None = None
    """Filled with images that are missing or cannot be read, by name; None refuses them."""
    _sizes: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)
    _places: dict[str, Georeference | None] = field(default_factory=dict, repr=False)
    _stems: Stems = field(default_factory=Stems, repr=False)

    @classmethod
    def at(cls, path: Path | None, *, skip_broken: bool = False) -> "Pictures":
        """Take a folder of images, one image, or nothing.

        Args:
            path: of either.
            skip_broken: go on without images of a folder that are missing or cannot be read.

        Raises:
            FileNotFoundError: there is nothing at `path`.
        """
        if path is None:
            return cls()
        if path.is_file() and is_image(path):
            return cls(only=path)
        if not path.is_dir():
            raise FileNotFoundError(f"no image folder {path}.")
        return cls(folder=path, broken={} if skip_broken else None)

    @classmethod
    def of(cls, path: Path, picture: Picture) -> "Pictures":
        """Take a single image whose size and place are known."""
        return cls(only=path, placed=picture)

    @property
    def known(self) -> bool:
        """Whether the user said where the images are."""
        return self.folder is not None or self.only is not None

    def path(self, name: str) -> Path:
        """Give the file of an image by its name."""
        if self.only is not None:
            return self.only
        assert self.folder is not None
        return within(self.folder, name)

    def size(self, name: str) -> tuple[int, int]:
        """Give height and width of an image, read once.

        Raises:
            FileNotFoundError: there is no such image.
            InputError: not an image.
        """
        if self.placed is not None:
            return self.placed.size
        if name not in self._sizes:
            self._sizes[name] = image_size(self.path(name))
        return self._sizes[name]

    def georeference(self, name: str) -> Georeference | None:
        """Say where an image lies on the map, read once.

        Raises:
            InputError: it cannot be read, or EXIF turns it.
        """
        if self.placed is not None:
            placed = self.placed
            known = placed.crs is not None
            return Georeference(placed.transform, placed.crs or "", placed.size) if known else None
        place = self._stored_place(name)
        if place is not None:
            refuse_turned(self.path(name))
        return place

    def _stored_place(self, name: str) -> Georeference | None:
        """Say where the pixels of an image, as they are stored, lie on the map."""
        if name not in self._places:
            self._places[name] = read_georeference(self.path(name))
        return self._places[name]

    def on_map(self) -> list[Picture]:
        """List the images that lie on a map.

        Raises:
            InputError: an image that cannot be read.
        """
        if self.placed is not None:
            return [self.placed]
        if self.folder is not None:
            names = [path.name for path in list_images(self.folder)]
        else:
            names = [self.only.name] if self.only is not None else []
        sound = (name for name in names if self._sound(name, on_map=True))
        found = ((name, self.georeference(name)) for name in sound)
        return [Picture(name, g.size, g.transform, g.crs) for name, g in found if g is not None]

    def with_stem(self, file: Path, stem: str) -> str | None:
        """Find the image that a label file is of, by its name without ending.

        Args:
            file: with labels, for messages.
            stem: path without ending, relative to the folder of labels.

        Returns:
            Its name; None where only one image is asked about, and it is another, or where the
            image is broken and those are skipped.

        Raises:
            FileNotFoundError: there is no such image.
            InputError: there are several, and one would have to be guessed.
        """
        if self.only is None:
            assert self.folder is not None
            try:
                name = same_stem(self.folder, stem, file=file, stems=self._stems)
            except FileNotFoundError as error:
                self._skip(stem, error)
                return None
            return name if self._sound(name) else None
        # A single image may lie elsewhere than in the folders that the labels are sorted by.
        own = PurePosixPath(stem)
        if not same_name(self.only.stem, own.name) or self._beside(own):
            return None
        if {*own.parent.parts} - {IMAGES}:
            self._note_folders(Told.of_path(f"{stem}{self.only.suffix}"), self.only)
        return self.only.name

    def _beside(self, stem: PurePosixPath) -> bool:
        """Say whether a path without ending is that of another image than the single one."""
        assert self.only is not None
        only = Path(self.only).absolute()
        if not {*stem.parent.parts} - {IMAGES} or ends_with(
            only.with_suffix(""), Told.of_path(stem.as_posix())
        ):
            return False
        folders = (folder / stem.parent for folder in only.parents)
        return any(self._stems.named(folder, stem.name) for folder in folders)

    def _sound(self, name: str, *, on_map: bool = False) -> bool:
        """Say whether an image can be read; asked only where broken ones are skipped."""
        if self.broken is not None:
            try:
                self.size(name)
                place = self.georeference if on_map else self._stored_place
                place(name)
            except (InputError, FileNotFoundError) as error:
                self._skip(name, error)
        return self.broken is None or name not in self.broken

    def _skip(self, name: str, error: Exception) -> None:
        """Go on without an image.

        Raises:
            Exception: the one given, where broken images are not skipped.
        """
        if self.broken is None:
            raise error
        self.broken[name] = str(error)

    def hold(self, told: Told) -> bool:
        """Say whether an image that a tool names is there, beside the single one, too."""
        if self.only is not None and same_name(self.only.name, told.base):
            return True
        # A raster on a server has no folder: all that a part of its path names would be there.
        folder = self.folder or (Path(self.only).parent if self.only is not None else None)
        return folder is not None and any(find_image(folder, end) for end in told.ends)

    def named(self, told: Iterable[Told]) -> dict[str, str]:
        """Give the file name of each image that a tool names, by its link.

        With a folder, the name is the longest end of the path that is a file of the folder.
        Without one, it is the path below the folder that all images share. For a single image,
        the others are left out.

        Raises:
            FileNotFoundError: an image is not in the folder.
            InputError: two images that would be one file.
        """
        links = {one.link: one for one in told}
        if self.only is not None:
            return self._only_one(links)
        if self.folder is not None:
            names: dict[str, str] = {}
            for link, one in links.items():
                try:
                    name = find_told(self.folder, one, self._stems)
                except FileNotFoundError as error:
                    self._skip(link, error)
                else:
                    names |= {link: name} if self._sound(name) else {}
            for link, name in names.items():
                self._note_folders(links[link], self.folder / name)
            self._note_others({self.folder / name: links[link] for link, name in names.items()})
        else:
            names = below_common(links)
        refuse_meeting(names)
        return names

    def named_here(self, told: Iterable[Told]) -> dict[str, str] | None:
        """Give the file name of each image that a tool names and that is here, by its link.

        None where there are names, and none of them is that of an image here or beside the single
        one: then they name something else.
        """
        links = {one.link: one for one in told}
        if self.only is not None:
            names = self._only_one(links)
        elif self.folder is not None:
            ends = {link: longest_end(self.folder, one) for link, one in links.items()}
            names = {link: end for link, end in ends.items() if end is not None}
        else:
            return {}
        return names if names or not links or any(map(self.hold, links.values())) else None

    def _only_one(self, links: Mapping[str, Told]) -> dict[str, str]:
        """Find the link of the single image by its name, and by its folders if several match."""
        assert self.only is not None
        name = self.only.name
        alike = [one for one in links.values() if name in (one.base, one.stored)]
        alike = alike or [one for one in links.values() if same_name(name, one.base)]
        alike = alike or [one for one in links.values() if same_name(self.only.stem, one.base)]
        whole = [one for one in alike if ends_with(self.only, one)]
        if len(alike) > 1 and len(whole) != 1:
            raise InputError(
                f"{alike[0].link} and {alike[1].link} are both named {name}, and nothing tells "
                f"which of them {self.only} is: give --images DIR, or clicks on one."
            )
        found = (whole or alike)[:1]
        for one in found:
            self._note_folders(one, self.only)
            self._note_others({self.only: one})
        return {one.link: name for one in found}

    def _note_folders(self, told: Told, path: Path) -> None:
        """Note where an image is used for a link whose folders have other names."""
        if told.has_folders and not ends_with(path, told):
            self.notes.append(f"{told.link} is taken for {path}, whose folders differ")

    def _note_others(self, told: Mapping[Path, Told]) -> None:
        """Note where the very file that a path of this machine names is there, and another."""
        others = {one.link: path for path, one in told.items() if is_another(path, one)}
        if others:
            link, path = next(iter(others.items()))
            more = f", and so are {len(others) - 1} more" if len(others) > 1 else ""
            self.notes.append(f"{link} is there, but its clicks are taken for {path}{more}")
