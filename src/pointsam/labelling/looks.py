"""Which looks at an image the candidates of its clicks come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Looks:
    """What is decoded beside the whole image, for more candidates of each click."""

    closer: bool = True
    """Windows of half the longest side, too: two to three more encodes."""
    turned: bool = True
    """The same in the image rotated by 90 degrees, too: other masks for twice the encodes."""


ALL_LOOKS = Looks()
