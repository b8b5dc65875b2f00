"""Ways to spoil the good inputs; each gives what does it in the present folder."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tests.cli.good_inputs import save_raster, save_vector


def empty(name):
    """Leave no byte of a file."""
    return lambda: Path(name).write_bytes(b"")


def cut(name, share=0.5):
    """Keep the first part of a file."""

    def spoil():
        content = Path(name).read_bytes()
        Path(name).write_bytes(content[: int(share * len(content))])

    return spoil


def holds(name, content):
    """Write another content: text, bytes, or what becomes JSON."""

    def spoil():
        if isinstance(content, bytes | str):
            data = content if isinstance(content, bytes) else content.encode()
        else:
            data = json.dumps(content).encode()
        Path(name).write_bytes(data)

    return spoil


def changed(name, change):
    """Change the content of a JSON file in place."""

    def spoil():
        content = json.loads(Path(name).read_text())
        change(content)
        Path(name).write_text(json.dumps(content))

    return spoil


def entry(name, place, key, value, *, kind="annotations"):
    """Set one value of one entry of a COCO file."""
    return changed(name, lambda content: content[kind][place].update({key: value}))


def gone(name):
    """Delete a file or a folder."""
    return lambda: shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()


def a_folder(name):
    """Put a folder where a file was."""
    return together(gone(name), lambda: Path(name).mkdir())


def a_file(name):
    """Put a file where a folder was, or nothing."""

    def spoil():
        shutil.rmtree(name, ignore_errors=True)
        Path(name).write_text("precious")

    return spoil


def a_loop(name):
    """Put a link to itself where a file was."""
    return together(gone(name), lambda: Path(name).symlink_to(Path(name).name))


def moved(name, other):
    """Rename a file."""
    return lambda: Path(name).rename(other)


def raster(name, values, **profile):
    """Write another raster; `values` is bands by rows by columns, or its shape."""
    values = np.zeros(values, dtype=np.uint8) if isinstance(values, tuple) else values
    return lambda: save_raster(Path(name), values, **profile)


def vector(name, shapes, **options):
    """Write another vector file."""

    def spoil():
        Path(name).unlink(missing_ok=True)
        save_vector(Path(name), shapes, **options)

    return spoil


def weights(name, change):
    """Change the tensors of a safetensors file."""

    def spoil():
        state = load_file(name)
        change(state)
        save_file(state, name)

    return spoil


def together(*spoils):
    """Do several of these."""

    def spoil():
        for one in spoils:
            one()

    return spoil


def saved(name, content):
    """Write tensors: safetensors by the ending, or else as torch does."""
    if name.endswith(".safetensors"):
        return lambda: save_file(content, name)
    return lambda: torch.save(content, name)
