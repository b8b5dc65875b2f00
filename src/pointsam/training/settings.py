"""Settings of a whole training run: read, checked against its regime, and written."""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from pointsam.errors import InputError, in_words
from pointsam.files import replacing
from pointsam.models.encoding import PrecisionChoice
from pointsam.texts import read_yaml
from pointsam.training.recipes import labels_recipe
from pointsam.training.stages import (
    DataSettings,
    LossSettings,
    ModelSettings,
    MonitorSettings,
    PrototypeSettings,
    RoundSettings,
    ScheduleSettings,
    Settings,
    TeacherSettings,
)

Regime = Literal["labels", "pointsam", "self-training", "supervised"]
GIVEN_MASK_REGIMES: tuple[Regime, ...] = ("labels", "supervised")
"""Regimes that learn given masks, without a teacher."""


class TrainSettings(Settings):
    """All settings of one training run."""

    regime: Regime = "pointsam"
    seed: int = Field(1337, ge=0, lt=2**63)
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
    rounds: RoundSettings = RoundSettings()

    @model_validator(mode="before")
    @classmethod
    def _fit_regime(cls, given: Any) -> Any:
        """Set what a regime is: the defaults of labels, and what the others fix.

        One file of settings so serves all regimes of a data set.
        """
        if isinstance(given, dict) and given.get("regime") == "labels":
            return merged(labels_recipe(given), given)
        if isinstance(given, dict):
            fixed = fixed_by_regime(given.get("regime", "pointsam"))
            # A value that is no mapping stays, and is refused later.
            usable = {k: v for k, v in fixed.items() if isinstance(given.get(k, {}), dict)}
            return merged(given, usable)
        return given

    @model_validator(mode="after")
    def _check(self) -> "TrainSettings":
        if sorted(self.schedule.decay_epochs) != list(self.schedule.decay_epochs):
            raise ValueError(f"decay_epochs must rise, got {self.schedule.decay_epochs}")
        if self.regime not in GIVEN_MASK_REGIMES:
            self._refuse_settings_of_given_masks()
        return self

    def _refuse_settings_of_given_masks(self) -> None:
        """Refuse what a regime with a teacher would ignore."""
        without_effect = {
            "loss.soft_edges": self.loss.soft_edges,
            "loss.background": self.loss.background,
            "data.moved_clicks": self.data.moved_clicks,
        }
        for name, value in without_effect.items():
            if value:
                raise ValueError(
                    f"{name}={value} has no effect with regime {self.regime}, where a teacher "
                    f"makes the masks: leave it out, or use {' or '.join(GIVEN_MASK_REGIMES)}"
                )


def fixed_by_regime(regime: str) -> dict[str, dict[str, Any]]:
    """Give the settings that a regime has in any case, by stage.

    Self-training learns the frozen SAM's masks, without calibration and prototypes; supervised
    training has no teacher.
    """
    if regime not in ("self-training", "supervised"):
        return {}
    return {"teacher": {"weights": "frozen", "max_negatives": 0}, "loss": {"prototype": 0.0}}


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
    except (yaml.YAMLError, UnicodeDecodeError) as error:
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
