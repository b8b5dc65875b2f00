"""Randomness is addressed, not streamed: a draw depends on its use, not on earlier draws."""

import hashlib

import torch


def addressed_generator(seed: int, *address: int | str) -> torch.Generator:
    """Give a generator of its own for one use.

    Resuming, caching and spreading a run over processes change no draw, because none depends on
    how many were made before.

    Args:
        seed: of the run.
        address: what the draw is for, e.g. ``("view", image_id, view)``.
    """
    digest = hashlib.blake2b(repr((seed, *address)).encode(), digest_size=8).digest()
    # manual_seed takes 64 bits; one less keeps the number positive.
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
