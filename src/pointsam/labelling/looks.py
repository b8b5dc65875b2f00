"""Which looks at an image the candidates of its clicks come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Looks:
    """What is decoded beside the whole image; each look gives three candidates a click."""

    closer: bool = True
    """Windows of half the longest side, too: two to three more encodes."""
    turned: bool = True
    """All of it in the image rotated by 90 degrees, too, where SAM's masks differ: twice the
    encodes."""


ALL_LOOKS = Looks()
