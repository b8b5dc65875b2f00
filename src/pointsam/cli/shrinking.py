"""A warning about images that the model sees much smaller than they are."""

import sys
from collections.abc import Sequence

from pointsam.data.records import ImageRecord

MAX_SHRINKING = 2
"""A larger factor loses objects of a few pixels."""


def tell_shrunk(records: Sequence[ImageRecord], *, side: int) -> None:
    """Warn on the error stream of images that are shrunk more than twofold."""
    shrunk = [record for record in records if max(record.size) > MAX_SHRINKING * side]
    if not shrunk:
        return
    largest = max(shrunk, key=lambda record: max(record.size))
    height, width = largest.size
    others = f" and {len(shrunk) - 1} more are" if len(shrunk) > 1 else " is"
    print(
        f"pointsam: {largest.file_name} ({width} x {height} px){others} shown to the model in "
        f"{side} px, and small objects are lost: name one image with --window {side} to cut it.",
        file=sys.stderr,
    )
