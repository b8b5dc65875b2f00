"""Settings of a training run stage by stage; bad values and unknown keys are refused."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pointsam.models.segmenter import QUERY_VALUE, LayerKind
from pointsam.training.losses import LOSS_TERMS


class Settings(BaseModel):
    """Base of all stages: frozen, and an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _take_former_names(cls, given: Any) -> Any:
        """Accept the settings' former names: ``least_...``, ``most_...``, ``watch``."""
        if not isinstance(given, dict):
            return given
        return {_present_name(str(name), cls, given): value for name, value in given.items()}


def _present_name(name: str, stage: type[Settings], given: dict[Any, Any]) -> str:
    """Give today's name of a setting; a name that is given under both spellings stays unknown."""
    for former, present in _FORMER_NAMES.items():
        if name.startswith(former) and name not in stage.model_fields:
            renamed = present + name.removeprefix(former)
            if renamed in stage.model_fields and renamed not in given:
                return renamed
    return name


_FORMER_NAMES = {"least_": "min_", "most_": "max_", "watch": "monitor"}


class ModelSettings(Settings):
    """The base model, and which of its layers are adapted."""

    name: str = Field("mobile_sam", description="name, folder or checkpoint file of the base model")
    side: int = Field(1024, ge=64, description="side of the model's input, in pixels")
    adapt: tuple[LayerKind, ...] = Field(
        QUERY_VALUE,
        min_length=1,
        description="what LoRA changes: query-value or attention (all of it), mlp, decoder",
    )
    rank: int = Field(4, ge=1, description="LoRA rank of each layer, of queries and of values")
    alpha: float | None = Field(
        None, gt=0, description="updates are multiplied by alpha / rank; by 1 if not given"
    )
    first_block: int | None = Field(
        None, ge=0, description="first adapted block; the model's own default if not given"
    )
    checkpointing: bool = Field(
        False, description="compute adapted blocks twice in place of storing them: less memory"
    )
    chunk_size: int = Field(4, ge=1, description="instances decoded at once")


class DataSettings(Settings):
    """Views and batches of the images."""

    batch_size: int = Field(1, ge=1, description="images in one optimizer step")
    views: int = Field(4, ge=1, description="pre-drawn weak and strong views of each image")
    max_instances: int = Field(
        50, ge=1, description="instances of one image used in one step; drawn anew each epoch"
    )
    strong_share: float = Field(
        1.0, ge=0, le=1, description="share of the views whose colours are changed"
    )
    moved_clicks: float = Field(
        0.0, ge=0, le=1, description="share of the objects clicked anew, anywhere on their label"
    )
    background_share: float = Field(
        0.5, ge=0, le=1, description="share of the views clicked off all objects: loss.background"
    )


class ScheduleSettings(Settings):
    """Optimizer and learning rate; times are in epochs, so that they scale with the data."""

    epochs: float = Field(10, gt=0, description="passes over the images")
    optimizer: Literal["adamw", "adam"] = Field("adamw", description="adam: the published one")
    lr: float = Field(2e-4, gt=0, description="learning rate after the warm-up")
    weight_decay: float = Field(1e-4, ge=0)
    warmup_epochs: float = Field(0.2, ge=0, description="linear rise of the rate from zero")
    decay_epochs: tuple[float, ...] = Field((), description="where the rate falls tenfold")
    linear_decay: bool = Field(False, description="let the rate fall to zero at the last step")
    min_steps: int = Field(
        1, ge=1, description="optimizer steps at least, however few images there are"
    )
    enough_steps: int = Field(
        1, ge=1, description="few images are passed again until there are so many steps"
    )
    max_epochs: float = Field(
        1, gt=0, description="passes at most that enough_steps may take; epochs is not bounded"
    )
    clip_norm: float | None = Field(
        0.2, gt=0, description="a longer gradient, as of one bad mask, is scaled to it"
    )
    average_decay: float = Field(
        0.99, ge=0, lt=1, description="of the slow average that is the result; 0: the last state"
    )


class TeacherSettings(Settings):
    """Where pseudo-labels come from and which of them are accepted.

    The default teacher is the frozen SAM, which a student that gets worse cannot change. The
    paper's teacher is the student itself, ``live``. docs/results.md compares them.
    """

    weights: Literal["average", "live", "frozen"] = Field(
        "frozen", description="slow average of the student, the student itself, or the frozen SAM"
    )
    iou_threshold: float = Field(0.1, ge=0, le=1, description="masks above this IoU are rivals")
    max_negatives: int = Field(
        3, ge=0, description="rivals' points taken as negatives; 0 switches calibration off"
    )
    min_iou_prediction: float = Field(
        0.5, ge=0, le=1, description="masks the teacher itself rates lower are not trained on"
    )


class LossSettings(Settings):
    """Weights of the loss terms."""

    focal: float = Field(20.0, ge=0)
    dice: float = Field(1.0, ge=0)
    iou: float = Field(1.0, ge=0)
    prototype: float = Field(0.1, ge=0)
    background: float = Field(
        0.0, ge=0, description="of SAM's own estimate where no object is; 0 switches it off"
    )
    gamma: float = Field(2.0, ge=0, description="exponent of the focal loss")
    focal_mean: bool = Field(
        False, description="average focal over an image's objects; the published recipe sums"
    )
    soft_edges: bool = Field(
        False,
        description="learn the share of each low-res pixel that a given mask covers, not only "
        "whether it is over half",
    )

    @property
    def weights(self) -> dict[str, float]:
        """Give the weight of each term by its name."""
        return {name: getattr(self, name) for name in LOSS_TERMS}


class PrototypeSettings(Settings):
    """Prototype-based regularization."""

    bank: int = Field(128, ge=1, description="point features in the memory bank")
    interval: int = Field(30, ge=1, description="steps between two clusterings and matchings")
    min_clusters: int = Field(8, ge=1, description="of the FINCH partition that is used")
    images: int = Field(128, ge=1, description="images the target prototypes are made from")


class MonitorSettings(Settings):
    """When a run is compared with the frozen model, and when it is stopped."""

    interval: int = Field(10, ge=1, description="steps between two measurements")
    window: int = Field(6, ge=2, description="measurements that are judged together")
    min_agreement: float = Field(
        0.4, ge=0, le=1, description="median IoU with the frozen model's masks"
    )
    max_area_change: float = Field(
        4.0, gt=1, description="factor of the median mask area, either way"
    )
    min_share: float = Field(
        0.25, ge=0, le=1, description="share of instances with a pseudo-mask that is accepted"
    )


class RoundSettings(Settings):
    """How often clicks are labelled, each time by what was trained on the labels before."""

    count: int = Field(1, ge=1, description="labellings, each with a training after it")
    start: Literal["base", "last"] = Field(
        "base", description="a round trains the frozen model anew, or the last round's adapter on"
    )
