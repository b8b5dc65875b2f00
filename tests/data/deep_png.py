"""PNG of 16 bits a value, which Pillow cannot write in colour."""

import struct
from zlib import compress, crc32

import numpy as np

COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}
"""By bands: grey, grey and alpha, RGB, RGBA."""


def save_deep_png(path, values):
    """Write values, rows by columns by bands."""
    rows, columns, bands = values.shape
    lines = np.ascontiguousarray(values, dtype=">u2").reshape(rows, -1)
    head = struct.pack(">IIBBBBB", columns, rows, 16, COLOUR_TYPE[bands], 0, 0, 0)
    data = compress(b"".join(b"\0" + line.tobytes() for line in lines))
    chunks = [_chunk(b"IHDR", head), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc32(name + data))
