"""Models known by a short name: where their weights are, their size and their licence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownModel:
    """A model that loads by name."""

    name: str
    family: str
    repo: str | None
    """On the hub; None for the model that ships with the package."""
    parameters: int
    """Of what segments one image; the files of SAM 2.1 hold a video memory besides."""
    megabytes: int
    """Of its weights' file."""
    licence: str = "Apache-2.0"


_MODELS = (
    KnownModel("mobile_sam", "mobile_sam", None, 9_803_780, 20),
    KnownModel("sam-vit-b", "sam", "facebook/sam-vit-base", 93_735_728, 375),
    KnownModel("sam-vit-l", "sam", "facebook/sam-vit-large", 312_343_088, 1250),
    KnownModel("sam-vit-h", "sam", "facebook/sam-vit-huge", 641_090_864, 2564),
    KnownModel("slimsam-50", "sam", "Zigeng/SlimSAM-uniform-50", 27_962_032, 112),
    KnownModel("slimsam-77", "sam", "Zigeng/SlimSAM-uniform-77", 9_723_784, 39),
    KnownModel("sam-hq-vit-b", "sam_hq", "syscv-community/sam-hq-vit-base", 94_806_832, 380),
    KnownModel("sam-hq-vit-l", "sam_hq", "syscv-community/sam-hq-vit-large", 313_676_336, 1255),
    KnownModel("sam-hq-vit-h", "sam_hq", "syscv-community/sam-hq-vit-huge", 642_686_256, 2570),
    KnownModel("sam2.1-hiera-tiny", "sam2", "facebook/sam2.1-hiera-tiny", 31_440_721, 156),
    KnownModel("sam2.1-hiera-small", "sam2", "facebook/sam2.1-hiera-small", 38_538_577, 184),
    KnownModel(
        "sam2.1-hiera-base-plus", "sam2", "facebook/sam2.1-hiera-base-plus", 73_328_401, 323
    ),
    KnownModel("sam2.1-hiera-large", "sam2", "facebook/sam2.1-hiera-large", 216_924_865, 898),
)

KNOWN_MODELS = {model.name: model for model in _MODELS}
"""By name, in the order they are listed to a user."""
