"""Attention written out gives what torch's fused kernel gives, and the same gradient."""

import pytest
import torch
from torch.nn import functional as F

from pointsam.models import attention
from pointsam.models.attention import dot_product_attention


def drawn(dtype, *, graph=True):
    generator = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for shape in ((2, 3, 7, 8), (2, 3, 5, 8), (2, 3, 5, 8), (1, 3, 7, 5))
    ]
    return [tensor.requires_grad_(graph) for tensor in tensors]


def spy(monkeypatch):
    """Count the calls of the fused kernel."""
    calls = []
    fused = F.scaled_dot_product_attention

    def counted(*args, **options):
        calls.append(args[0].shape)
        return fused(*args, **options)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    return calls


@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("biased", [False, True])
def test_written_out_it_gives_the_masks_and_gradients_of_the_fused_kernel(
    scale, biased, monkeypatch
):
    calls = spy(monkeypatch)
    query, key, value, bias = drawn(torch.bfloat16)
    out = dot_product_attention(query, key, value, bias=bias if biased else None, scale=scale)
    assert not calls
    wanted = [query, key, value, *([bias] if biased else [])]
    ours = torch.autograd.grad(out.float().square().sum(), wanted)

    exact = [tensor.detach().double().requires_grad_() for tensor in wanted]
    true = F.scaled_dot_product_attention(
        *exact[:3], attn_mask=exact[3] if biased else None, scale=scale
    )
    theirs = torch.autograd.grad(true.square().sum(), exact)
    torch.testing.assert_close(out.double(), true, atol=0.02, rtol=0.02)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, atol=0.06, rtol=0.06)


def test_the_fused_kernel_serves_where_its_gradient_is_quick_or_not_asked_for(monkeypatch):
    calls = spy(monkeypatch)
    dot_product_attention(*drawn(torch.float32)[:3])
    dot_product_attention(*drawn(torch.bfloat16, graph=False)[:3])
    with torch.no_grad():
        dot_product_attention(*drawn(torch.bfloat16)[:3])
    assert len(calls) == 3


def test_many_scores_are_never_written_down(monkeypatch):
    calls = spy(monkeypatch)
    monkeypatch.setattr(attention, "MAX_SCORES", 2 * 3 * 7 * 5 - 1)
    dot_product_attention(*drawn(torch.bfloat16)[:3])
    assert len(calls) == 1
    monkeypatch.setattr(attention, "MAX_SCORES", 2 * 3 * 7 * 5)
    dot_product_attention(*drawn(torch.bfloat16)[:3])
    assert len(calls) == 1
