"""Label Studio's packing of a brush mask.

Source: thi.ng/umbrella, rle-pack, whose decoder label_studio_sdk/converter/brush.py quotes.
"""

import numpy as np

from pointsam.server.crops import MaskCrop

_SIZES = (3, 4, 8, 16)
"""Bits of a run's length, of four kinds of runs."""
_CHANNELS = 4
"""A mask is packed as an RGBA image with equal channels."""
_ON = 255


def brush_rle(mask: MaskCrop, size: tuple[int, int]) -> list[int]:
    """Pack a mask of an image of `size` (height, width) as bytes.

    The head holds the number of values (32 bits), the bits of a value (5) and the bits of the
    four kinds of lengths (4 each); all but the first are stored less one. A run is: 1, its kind
    (2 bits), its length less one, its value.
    """
    height, width = size
    whole = np.zeros(size, dtype=bool)
    x0, y0, x1, y1 = mask.box
    whole[y0:y1, x0:x1] = mask.pixels
    flat = whole.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=not flat[0]))
    lengths = np.diff(starts, append=len(flat)) * _CHANNELS
    bits = [f"{height * width * _CHANNELS:032b}", f"{8 - 1:05b}"]
    bits += [f"{one - 1:04b}" for one in _SIZES]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = f"{_ON if flat[start] else 0:08b}"
        bits += [f"1{_run(part)}{value}" for part in _parts(length)]
    packed = "".join(bits)
    packed += "0" * (-len(packed) % 8)
    return [int(packed[i : i + 8], 2) for i in range(0, len(packed), 8)]


def _parts(length: int) -> list[int]:
    """Cut a run into parts that fit the widest length."""
    longest = 2 ** _SIZES[-1]
    return [longest] * (length // longest) + ([length % longest] if length % longest else [])


def _run(length: int) -> str:
    kind = next(index for index, bits in enumerate(_SIZES) if length <= 2**bits)
    return f"{kind:02b}{length - 1:0{_SIZES[kind]}b}"
