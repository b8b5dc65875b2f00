"""Adapt Segment Anything to remote-sensing images from point labels alone.

In Python::

    from pointsam import load

    model = load("mobile_sam", adapter="runs/nwpu")
    found = model.predict(image, points)  # RGB array and (x, y) of each object
    found.masks, found.scores
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pointsam.errors import InputError
    from pointsam.prediction.predictor import Prediction, Predictor, load

__all__ = ["InputError", "Prediction", "Predictor", "load"]

_HOMES = {
    "InputError": "pointsam.errors",
    "Prediction": "pointsam.prediction.predictor",
    "Predictor": "pointsam.prediction.predictor",
    "load": "pointsam.prediction.predictor",
}


def __getattr__(name: str) -> Any:
    """Import a name at its first use, so that ``pointsam --help`` does not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
