"""Names of images in the files of tools: links, and paths of this or another machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path, PurePosixPath

from pointsam.data.rasters.images import same_name


@dataclass(frozen=True)
class Told:
    """An image as a tool names it."""

    link: str
    """The name as written, for messages and to tell two images apart."""
    path: str
    """The part of it that may be a path, with slashes."""
    stored: str = ""
    """Name under which a tool keeps an upload, if that is not the user's name."""

    @classmethod
    def of_path(cls, path: str) -> "Told":
        """Take a path of any system."""
        slashed = path.replace("\\", "/")
        while slashed.startswith("./"):  # the same image as without
            slashed = slashed.removeprefix("./")
        return cls(slashed, slashed)

    @property
    def kind(self) -> str:
        """Start of the path: a tool's uploads, above the file that names it, or beside it."""
        if self.stored:
            return "upload"
        return "elsewhere" if PurePosixPath(self.path).parts[:1] == ("..",) else "here"

    @property
    def base(self) -> str:
        """The last part of the path."""
        return self.parts[-1] if self.parts else ""

    @property
    def has_folders(self) -> bool:
        """Whether the folders of the path are the user's, not those of a machine or service."""
        own = self.link == self.path and not self.path.startswith(("/", ".."))
        return own and ":" not in self.path and len(self.parts) > 1

    @property
    def parts(self) -> tuple[str, ...]:
        """Of the path, without its root and without steps up."""
        parts: list[str] = []
        for part in PurePosixPath(self.path).parts:
            if part == "..":
                parts = parts[:-1]
            elif part not in ("/", "//", "."):
                parts.append(part)
        return tuple(parts)

    @property
    def ends(self) -> list[str]:
        """List the ends of the path, the longest first."""
        return ["/".join(self.parts[start:]) for start in range(len(self.parts))]


def ends_with(path: Path, told: Told) -> bool:
    """Say whether the last parts of a path are those that a tool names."""
    parts = path.absolute().parts[-len(told.parts) :]
    alike = all(map(same_name, parts, told.parts))
    return bool(told.parts) and len(parts) == len(told.parts) and alike


def below_common(links: Mapping[str, Told]) -> dict[str, str]:
    """Remove the folders that all paths share."""
    names: dict[str, str] = {}
    for kind in ("upload", "elsewhere", "here"):
        paths = {
            link: PurePosixPath("/", *one.parts) for link, one in links.items() if one.kind == kind
        }
        folders = [path.parent.as_posix() for path in paths.values()]
        shared = commonpath(folders) if folders and kind != "upload" else "/"
        names |= {link: path.relative_to(shared).as_posix() for link, path in paths.items()}
    return {link: names[link] for link in links}
