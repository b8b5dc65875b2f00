"""Settings of a training run, one class a stage; bad values and unknown keys are refused."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pointsam.errors import InputError, in_words
from pointsam.files import read_yaml, replacing
from pointsam.models.encoding import PrecisionChoice
from pointsam.models.segmenter import QUERY_VALUE, LayerKind
from pointsam.training.losses import LOSS_TERMS
from pointsam.training.recipes import labels_recipe

Regime = Literal["labels", "pointsam", "self-training", "supervised"]
ANNOTATED_REGIMES: tuple[Regime, ...] = ("labels", "supervised")
"""Regimes that learn given masks, without a teacher."""


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


def _present_name(name: str, stage: type[Settings], given: dict[str, Any]) -> str:
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
    gamma: float = Field(2.0, ge=0, description="exponent of the focal loss")
    focal_mean: bool = Field(
        False, description="average focal over an image's objects; the published recipe sums"
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


class TrainSettings(Settings):
    """All settings of one training run."""

    regime: Regime = "pointsam"
    seed: int = Field(1337, ge=0)
    precision: PrecisionChoice = Field(
        "auto", description="of the encoder and decoder; auto: bfloat16 where it is multiplied"
    )
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    teacher: TeacherSettings = TeacherSettings()
    loss: LossSettings = LossSettings()
    prototypes: PrototypeSettings = PrototypeSettings()
    monitor: MonitorSettings = MonitorSettings()

    @model_validator(mode="before")
    @classmethod
    def _fit_regime(cls, given: Any) -> Any:
        """Set the defaults of a regime, which the given values override.

        Self-training learns the frozen SAM's masks, without calibration and prototypes.
        """
        if isinstance(given, dict) and given.get("regime") == "labels":
            return merged(labels_recipe(given), given)
        if isinstance(given, dict) and given.get("regime", "pointsam") != "pointsam":
            fixed = {
                "teacher": {"weights": "frozen", "max_negatives": 0},
                "loss": {"prototype": 0.0},
            }
            # A value that is no mapping stays, and is refused later.
            usable = {k: v for k, v in fixed.items() if isinstance(given.get(k, {}), dict)}
            return merged(given, usable)
        return given

    @model_validator(mode="after")
    def _check(self) -> "TrainSettings":
        if sorted(self.schedule.decay_epochs) != list(self.schedule.decay_epochs):
            raise ValueError(f"decay_epochs must rise, got {self.schedule.decay_epochs}")
        return self


def train_settings(values: dict[str, Any], *, source: str) -> TrainSettings:
    """Check settings.

    Raises:
        InputError: a bad value or an unknown key; the message lists the known ones.
    """
    try:
        return TrainSettings.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{source}: {_explain(error)}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """Read a YAML file of settings, unchecked.

    Raises:
        InputError: not YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = read_yaml(text)
        twice = _given_twice(yaml.compose(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path} is not YAML ({in_words(error)}).") from error
    if twice is not None:
        raise InputError(f"{path} gives {twice} twice: remove one of them.")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{path} holds {type(values).__name__}, expected settings by name.")
    return values


def _given_twice(node: Any) -> str | None:
    """Name a setting that one mapping of a YAML file gives twice; None where there is none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    names = [str(key.value) for key, _ in node.value]
    inner = (_given_twice(value) for _, value in node.value)
    return next((n for n in names if names.count(n) > 1), next(filter(None, inner), None))


def write_settings(settings: TrainSettings, path: Path) -> None:
    """Save the resolved settings beside a result."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Give a nested mapping with the values of another over it.

    Raises:
        InputError: one has a value where the other has a mapping.
    """
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if not isinstance(value, dict) or below is None:
            result[key] = value
        elif isinstance(below, dict):
            result[key] = merged(below, value)
        else:
            raise InputError(f"{key} is {below!r}, expected settings by name: {', '.join(value)}.")
    return result


def _explain(error: ValidationError) -> str:
    """Say in one line what is wrong with each setting, and which keys are known."""
    reasons = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"]) or "settings"
        if fault["type"] == "extra_forbidden":
            known = _fields_at(fault["loc"][:-1])
            reasons.append(f"unknown setting {place}, known here: {', '.join(known)}")
        else:
            reasons.append(f"{place}: {fault['msg']}, got {fault['input']!r}")
    return "; ".join(reasons)


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """List the settings of the stage at `location`."""
    stage: type[BaseModel] = TrainSettings
    for part in location:
        annotation = stage.model_fields[str(part)].annotation
        assert isinstance(annotation, type)
        stage = annotation
    return list(stage.model_fields)
