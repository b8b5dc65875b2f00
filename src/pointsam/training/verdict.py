"""The comparison at the end of a run: frozen and adapted model on the same clicks."""

from collections.abc import Sequence

from pointsam.data.dataset import ImageSource
from pointsam.data.records import ImageRecord
from pointsam.evaluation.held_out import (
    FIGURE_NAME,
    SEEN_FIGURE_NAME,
    SEEN_IMAGES,
    HeldOut,
    compare_held_out,
    spread,
    warn_if_worse,
)
from pointsam.training.result import AdapterWriter
from pointsam.training.step import Trainer


def look_back(
    trainer: Trainer,
    writer: AdapterWriter,
    images: ImageSource,
    *,
    held_out: Sequence[ImageRecord],
    learned: Sequence[ImageRecord],
) -> HeldOut | None:
    """Compare direct and adapted model, and write the numbers into the adapter's card.

    Args:
        trainer: at the end of its run.
        writer: of the adapter folder.
        images: gives the pixels of all records.
        held_out: with clicks that the run did not see.
        learned: of a run that no monitor watched: where nothing was held out, some of these show
            at least whether it broke.

    Returns:
        What was seen on the held-out images; None where there are none.
    """
    seen = not held_out
    records = spread(learned, SEEN_IMAGES) if seen else held_out
    if not records:
        return None
    found = compare_held_out(
        trainer.model,
        trainer.adapter,
        records,
        images,
        adapted=trainer.average.state,
        precision=trainer.precision,
        figure=writer.folder / "figures" / (SEEN_FIGURE_NAME if seen else FIGURE_NAME),
    )
    writer.add_scores(found.scores(prefix="seen" if seen else "held_out"))
    warn_if_worse(found)
    return None if seen else found
