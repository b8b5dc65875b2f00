"""``pointsam.yaml``: what an adapter folder says of itself, so that it is used as it was made."""

import hashlib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsam.errors import DAMAGED, InputError, in_words
from pointsam.files import replacing
from pointsam.models.segmenter import QUERY_VALUE, LayerKind
from pointsam.texts import read_yaml

CARD_NAME = "pointsam.yaml"
PROTOTYPES_NAME = "target_prototypes.safetensors"


_CHECKSUM = "checksum: "
"""Begins the last line of a card; cards of earlier versions have none."""


class AdapterCard(BaseModel):
    """The base an adapter fits, the input it was trained on, and where it comes from."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    family: str
    """Of the base model; another family's adapters have other layers."""
    base: str
    """Name or path the base was loaded by."""
    base_hash: str
    """Identity of the base: a hash over its float16 numbers."""
    side: int = Field(gt=0)
    """Side of the model's input, in pixels."""
    first_block: int = Field(ge=0)
    """First adapted block of the encoder."""
    rank: int = Field(gt=0)
    """Rank of the update of each adapted layer, of queries and of values."""
    adapt: tuple[LayerKind, ...] = QUERY_VALUE
    """Kinds of layers that are adapted; folders of versions before this field have queries and
    values."""
    ground_size: float | None = Field(default=None, gt=0)
    """Metres on the ground of one pixel of the model; None where the images had no place."""
    stretch: dict[str, list[int | float] | str] | None = None
    """Bands, their values shown as 0 and 255, and what the values are, in all images; None where
    that is not known."""
    settings: dict[str, Any]
    """All settings of the training."""
    data: dict[str, Any] = {}
    """Files the training read, with their hashes and counts."""
    started_from: dict[str, str] | None = None
    """Name and hash of the adapter that the training went on from; None where it began anew."""
    scores: dict[str, float] = {}
    """What the run measured of itself at its last step."""
    checksums: dict[str, list[str]] = {}
    """SHA-256 of the folder's other files, and after it that of the file before."""
    versions: dict[str, str] = {}
    """Of the libraries that made it."""

    def save(self, folder: Path) -> None:
        """Write the card, and in its last line a checksum of the others."""
        text = yaml.safe_dump(self.model_dump(), sort_keys=False)
        with replacing(folder / CARD_NAME) as temporary:
            temporary.write_text(f"{text}{_CHECKSUM}{_digest(text)}\n", encoding="utf-8")


def read_card(folder: Path) -> AdapterCard:
    """Read the card of an adapter folder.

    Raises:
        FileNotFoundError: the folder or its card is missing.
        InputError: the card is not one.
    """
    path = folder / CARD_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is no adapter folder (no {CARD_NAME}): give the folder that "
            "'pointsam train' wrote."
        )
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_changed(path, text)
        content = read_yaml(text)
        return AdapterCard.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, f['loc']))} {f['msg']}".strip() for f in error.errors()]
        raise InputError(
            f"{path} is not an adapter's card ({'; '.join(faults)}): get it again."
        ) from error
    except InputError:
        raise
    except (yaml.YAMLError, *DAMAGED) as error:
        raise InputError(
            f"{path} is not an adapter's card ({in_words(error)}): get it again."
        ) from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_changed(path: Path, text: str) -> None:
    """Compare a card with its checksum, where it has one."""
    before, mark, found = text.rpartition(_CHECKSUM)
    if mark and before.endswith("\n") and found.strip() != _digest(before):
        raise InputError(
            f"{path} is not as it was written (its checksum differs): get it again; if you "
            "changed it yourself, take its last line out."
        )
