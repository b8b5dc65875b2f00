"""Back-propagation in chunks: many small graphs, one pass through the encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointsam.models.segmenter import ImageTerms

TOTAL = "total"


class ChunkedBackward:
    """Gathers the gradient of what the decoder reads of each image, then spends it at once.

    A chunk's graph ends at leaves that stand for the image's terms, and is freed as soon as its
    gradient is gathered there. With `split` the gradient of each loss term is kept by itself, so
    that its share in the whole can be measured; the sum is the same up to rounding.
    """

    def __init__(self, *, split: bool) -> None:
        self._split = split
        self._roots: list[Tensor] = []
        self._gathered: dict[str, dict[int, Tensor]] = {}
        self._direct: dict[str, Tensor] = {}

    def share(self, terms: ImageTerms) -> ImageTerms:
        """Give leaves in place of one image's terms."""
        self._roots += [term for term in terms.tensors if term.requires_grad]
        return terms.detached()

    def add(self, losses: dict[str, Tensor], leaves: ImageTerms) -> None:
        """Back-propagate one chunk's losses to the leaves that `share` gave last."""
        live = [leaf for leaf in leaves.tensors if leaf.requires_grad]
        first = len(self._roots) - len(live)
        parts = losses if self._split else {TOTAL: torch.stack(list(losses.values())).sum()}
        for place, (name, loss) in enumerate(parts.items()):
            gradients = torch.autograd.grad(
                loss, live, retain_graph=place < len(parts) - 1, allow_unused=True
            )
            gathered = self._gathered.setdefault(name, {})
            for index, gradient in enumerate(gradients, start=first):
                if gradient is None:
                    continue
                if index in gathered:
                    gathered[index] += gradient
                else:
                    gathered[index] = gradient

    def add_direct(self, name: str, loss: Tensor) -> None:
        """Add a loss that hangs on the encoder's output itself."""
        if loss.requires_grad:
            self._direct[name] = loss

    def spend(self, parameters: Sequence[nn.Parameter]) -> dict[str, float]:
        """Set each parameter's ``grad`` and free the encoder's graph.

        Returns:
            The norm of each term's gradient on the parameters; empty without `split`.
        """
        sources = [self._outputs(name) for name in (*self._gathered, *self._direct)]
        names = [*self._gathered, *self._direct]
        if not self._split and sources:
            sources = [[pair for source in sources for pair in source]]
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        norms = {}
        for place, source in enumerate(sources):
            gradients = torch.autograd.grad(
                [output for output, _ in source],
                parameters,
                [gradient for _, gradient in source],
                retain_graph=place < len(sources) - 1,
                allow_unused=True,
            )
            found = [gradient for gradient in gradients if gradient is not None]
            if self._split:
                norms[names[place]] = float(torch.nn.utils.get_total_norm(found)) if found else 0.0
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    assert parameter.grad is not None
                    parameter.grad += gradient
        return norms

    def _outputs(self, name: str) -> list[tuple[Tensor, Tensor | None]]:
        """Pair the encoder-side tensors of a term with their gathered gradient."""
        if name in self._direct:
            return [(self._direct[name], None)]
        return [(self._roots[index], grad) for index, grad in self._gathered[name].items()]
