"""CPU milliseconds of attention and of its gradient: torch's fused kernel beside plain products.

    python benchmarks/attention.py

The shapes are those of a step on two images with the embedded model. Beside other work the
processor's time says more than the clock's, so that is what is shown: the median of some calls.
"""

import argparse
from time import process_time

import torch
from measuring import median
from torch.nn import functional as F

from pointsam.models.attention import written_out

SHAPES = {
    "encoder, third stage, 196 tokens a window": ((50, 5, 196, 32), 196, True),
    "encoder, last stage, 49 tokens a window": ((200, 10, 49, 32), 49, True),
    "decoder, prompts read the image": ((4, 8, 8, 16), 4096, False),
}
"""Shape of the queries, number of keys, and whether the scores get a bias."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name, (shape, keys, biased) in SHAPES.items():
        for dtype in (torch.float32, torch.bfloat16):
            drawn = [
                torch.randn(*shape[:2], n, shape[3], dtype=dtype) for n in (shape[2], keys, keys)
            ]
            bias = torch.randn(1, shape[1], shape[2], keys, dtype=dtype) if biased else None
            for kernel in (fused, written_out):
                forward, backward = measure(kernel, drawn, bias, times=args.times)
                print(
                    f"{name:<44}{dtype!s:<16}{kernel.__name__:<13}"
                    f"{forward:8.1f} ms, gradient {backward:.1f} ms",
                    flush=True,
                )


def fused(query, key, value, bias, scale):
    """Call the kernel as the model does where it is quick."""
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def measure(kernel, drawn, bias, *, times):
    """Give the median of both passes, after one call that is not counted."""
    leaves = [tensor.clone().requires_grad_() for tensor in drawn]
    taken = []
    for _ in range(1 + times):
        start = process_time()
        total = kernel(*leaves, bias, leaves[0].shape[-1] ** -0.5).float().sum()
        middle = process_time()
        torch.autograd.grad(total, leaves)
        taken.append((middle - start, process_time() - middle))
    return [1000 * median(values) for values in zip(*taken[1:], strict=True)]


if __name__ == "__main__":
    main()
