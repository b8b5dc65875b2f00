"""Settings that were measured together."""

from typing import Any

LABELS_RECIPE: dict[str, Any] = {
    "model": {"adapt": ["attention", "mlp", "decoder"], "rank": 16, "alpha": 32},
    "data": {"batch_size": 1, "max_instances": 12, "strong_share": 0.5, "moved_clicks": 0.5},
    "schedule": {
        "epochs": 1,
        "lr": 1e-3,
        "warmup_epochs": 0.08,
        "linear_decay": True,
        "min_steps": 100,
        "enough_steps": 500,
        "max_epochs": 10,
        "clip_norm": 1.0,
        "average_decay": 0.97,
    },
    "loss": {"prototype": 0.0, "focal_mean": True},
}
"""Default settings of the regime ``labels``; docs/results.md has the measurements."""


def labels_recipe(given: dict[str, Any]) -> dict[str, Any]:
    """Give the defaults of the regime ``labels``, which the user's settings override.

    A stage that is not given as a mapping is left out here and refused later. Where the user gives
    the number of passes or the least steps, it holds for few images, too: what the recipe adds for
    them is left out.
    """
    recipe = {name: v for name, v in LABELS_RECIPE.items() if isinstance(given.get(name, {}), dict)}
    if "schedule" not in recipe:
        return recipe
    schedule = given.get("schedule", {})
    if "epochs" in schedule:
        recipe["schedule"] = {**recipe["schedule"], "min_steps": 1, "enough_steps": 1}
    elif "min_steps" in schedule:
        recipe["schedule"] = {**recipe["schedule"], "enough_steps": 1}
    return recipe
