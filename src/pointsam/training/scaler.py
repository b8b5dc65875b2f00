"""Loss scaling: float16 gradients that neither vanish nor overflow."""

import torch
from torch import Tensor


class LossScaler:
    """The factor on every loss of a float16 run, found by trying.

    Losses are multiplied by it before autograd, and the summed gradient divided. Where that is not
    finite the step is skipped and the factor halved; after many good steps it is doubled. It is
    always a power of two, so that it changes no gradient but by keeping it in range.

    Source: Micikevicius et al., "Mixed Precision Training" (ICLR 2018), section 3.2, with the
        numbers of ``torch.amp.GradScaler``. That class scales what ``backward()`` is called on and
        unscales an optimizer's gradients; a step here gathers gradients by itself.
    """

    STEPS_TO_DOUBLE = 2000
    """Steps in a row without an overflow."""

    def __init__(self, scale: float = 2.0**16) -> None:
        self.scale = scale
        self._good_steps = 0

    def accept(self, gradient: Tensor) -> bool:
        """Say whether a step's gradient can be used, and adapt the factor to the answer.

        On a GPU this waits for the gradient: whether to step is decided on the CPU.
        """
        if not bool(torch.isfinite(gradient).all()):
            self.scale /= 2
            self._good_steps = 0
            return False
        self._good_steps += 1
        if self._good_steps == self.STEPS_TO_DOUBLE:
            self.scale *= 2
            self._good_steps = 0
        return True

    def state_dict(self) -> dict[str, float]:
        """Give what a resumed run needs."""
        return {"scale": self.scale, "good_steps": float(self._good_steps)}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take the factor of an earlier run up."""
        self.scale = state["scale"]
        self._good_steps = int(state["good_steps"])
