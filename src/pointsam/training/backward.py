"""Back-propagation in chunks of instances, with one backward pass through the encoder."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pointsam.models.segmenter import ImageTerms

TOTAL = "total"


class ChunkedBackward:
    """Back-propagates each chunk to the image's terms, and all images at once to the encoder.

    The decoder reads detached copies of an image's terms (`share`). A chunk's graph ends there,
    and at the decoder's own trained weights if it has any. `add` adds the chunk's gradient up
    there and frees its graph; `spend` back-propagates the sums through the encoder.

    With `split`, the gradient of each loss term is kept apart, so that its norm can be measured;
    the sum is the same up to rounding. All losses are multiplied by `scale`, which keeps float16
    gradients in range.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], *, split: bool, scale: float | Tensor = 1.0
    ) -> None:
        self._parameters = parameters
        self._split = split
        self._scale = scale
        self._roots: list[Tensor] = []
        self._gathered: dict[str, dict[int, Tensor]] = {}
        self._own: dict[str, dict[int, Tensor]] = {}
        self._direct: dict[str, Tensor] = {}

    def share(self, terms: ImageTerms) -> ImageTerms:
        """Give detached copies of one image's terms, which gather their gradient."""
        self._roots += [term for term in terms.tensors if term.requires_grad]
        return terms.detached()

    def add(self, losses: dict[str, Tensor], leaves: ImageTerms) -> None:
        """Back-propagate one chunk's losses to the leaves that `share` gave last."""
        live = [leaf for leaf in leaves.tensors if leaf.requires_grad]
        first = len(self._roots) - len(live)
        parts = losses if self._split else {TOTAL: torch.stack(list(losses.values())).sum()}
        for place, (name, loss) in enumerate(parts.items()):
            gradients = torch.autograd.grad(
                self._scale * loss,
                [*live, *self._parameters],
                retain_graph=place < len(parts) - 1,
                allow_unused=True,
            )
            _gather(self._gathered.setdefault(name, {}), gradients[: len(live)], first=first)
            _gather(self._own.setdefault(name, {}), gradients[len(live) :], first=0)

    def add_direct(self, name: str, loss: Tensor) -> None:
        """Add a loss that is computed from the encoder's output, without the decoder."""
        if loss.requires_grad:
            self._direct[name] = self._scale * loss

    def spend(self, terms: Sequence[str]) -> Float[Tensor, "terms numbers"]:
        """Give the gradient of the parameters in one flat vector, and free the encoder's graph.

        Args:
            terms: names of the losses that may have been added.

        Returns:
            One row for each term with `split`, else one row with their sum. A term that was not
            added gives zeros, so that the rows of several processes can be added up.
        """
        rows = {name: self._outputs(name) for name in terms}
        if not self._split:
            rows = {
                TOTAL: [*self._outputs(TOTAL), *(pair for row in rows.values() for pair in row)]
            }
        live = [name for name, outputs in rows.items() if outputs]
        flat = torch.zeros(
            len(rows),
            sum(parameter.numel() for parameter in self._parameters),
            dtype=self._parameters[0].dtype,
            device=self._parameters[0].device,
        )
        for place, (name, outputs) in enumerate(rows.items()):
            if outputs:
                gradients = torch.autograd.grad(
                    [output for output, _ in outputs],
                    self._parameters,
                    [gradient for _, gradient in outputs],
                    retain_graph=name != live[-1],
                    materialize_grads=True,
                )
                flat[place] = torch.cat([gradient.flatten() for gradient in gradients])
            own = flat[place].split([parameter.numel() for parameter in self._parameters])
            for index, gradient in self._own.get(name, {}).items():
                own[index].add_(gradient.flatten())
        return flat

    def _outputs(self, name: str) -> list[tuple[Tensor, Tensor | None]]:
        """Pair the encoder-side tensors of a term with their gathered gradient."""
        if name in self._direct:
            return [(self._direct[name], None)]
        gathered = self._gathered.get(name, {})
        return [(self._roots[index], grad) for index, grad in gathered.items()]


def _gather(into: dict[int, Tensor], gradients: Sequence[Tensor | None], *, first: int) -> None:
    """Add gradients up, each under its index; skip None, which the loss does not depend on."""
    for index, gradient in enumerate(gradients, start=first):
        if gradient is None:
            continue
        if index in into:
            into[index] += gradient
        else:
            into[index] = gradient


def set_gradient(parameters: Sequence[nn.Parameter], flat: Float[Tensor, " numbers"]) -> None:
    """Put a flat gradient on the parameters it was computed for."""
    sizes = [parameter.numel() for parameter in parameters]
    for parameter, part in zip(parameters, flat.split(sizes), strict=True):
        parameter.grad = part.view_as(parameter)
