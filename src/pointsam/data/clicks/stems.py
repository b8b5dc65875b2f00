"""Images that are found by their names without ending, as files of labels name them."""

from dataclasses import dataclass, field
from pathlib import Path

from pointsam.data.rasters.images import ENDINGS, plain_name
from pointsam.errors import InputError


@dataclass(frozen=True)
class Stems:
    """The images of folders by their names without ending; each folder is listed once.

    Accents as one character or two, and ``%20`` of links, write the same name.
    """

    _listed: dict[Path, dict[str, list[str]]] = field(default_factory=dict, repr=False)

    def named(self, folder: Path, stem: str) -> list[str]:
        """List the images of a folder whose name without ending is `stem`."""
        if folder not in self._listed:
            names: dict[str, list[str]] = {}
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                if path.suffix.lower() in ENDINGS:
                    names.setdefault(plain_name(path.stem), []).append(path.name)
            self._listed[folder] = names
        found = self._listed[folder].get(plain_name(stem), [])
        return [name for name in found if Path(name).stem == stem] or found


def same_stem(folder: Path, stem: str, *, file: Path, stems: Stems) -> str:
    """Find the one image of a folder whose name without ending is `stem`.

    Args:
        folder: of images.
        stem: relative to it, without ending.
        file: of labels, for messages.
        stems: of all folders that are searched.

    Raises:
        FileNotFoundError: there is no such image.
        InputError: there are several, and one would have to be guessed.
    """
    wanted = folder / stem
    found = stems.named(wanted.parent, wanted.name)
    names = [(Path(stem).parent / name).as_posix() for name in found]
    if not names:
        raise FileNotFoundError(f"{file} has no image {stem}.* in {folder}.")
    if len(names) > 1:
        raise InputError(
            f"{file} is of {' or of '.join(names)} in {folder}, and nothing tells which: keep one."
        )
    return names[0]
