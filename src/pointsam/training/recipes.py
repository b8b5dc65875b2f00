"""Settings that go together, as measured."""

from typing import Any

LABELS_RECIPE: dict[str, Any] = {
    "model": {"adapt": ["attention", "mlp", "decoder"], "rank": 16, "alpha": 32},
    "data": {"batch_size": 2, "max_instances": 12, "strong_share": 0.5, "moved_clicks": 0.5},
    "schedule": {
        "epochs": 1,
        "lr": 5e-4,
        "warmup_epochs": 0.08,
        "linear_decay": True,
        "min_steps": 100,
        "clip_norm": 1.0,
        "average_decay": 0.97,
    },
    "loss": {"prototype": 0.0, "focal_mean": True},
}
"""What the regime ``labels`` is where nothing else is given; measured in docs/results.md."""


def labels_recipe(given: dict[str, Any]) -> dict[str, Any]:
    """Give the recipe that settings of the regime ``labels`` go over.

    Stages that are given as no mapping are left out, to be refused as they are. Where the passes
    are named they are meant, also for few images: the recipe's least steps are for those who name
    none.
    """
    recipe = {name: v for name, v in LABELS_RECIPE.items() if isinstance(given.get(name, {}), dict)}
    if "epochs" in given.get("schedule", {}) and "schedule" in recipe:
        recipe["schedule"] = {**recipe["schedule"], "min_steps": 1}
    return recipe
