"""Writes plain models under the tensor names of their releases, for the releases' code."""

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file

from pointsam.errors import InputError
from pointsam.files import refuse_existing_file, replacing
from pointsam.models.loading.official import to_official
from pointsam.models.loading.official_hq import to_official_hq
from pointsam.models.loading.official_sam2 import to_official_sam2, video_memory
from pointsam.models.loading.official_vit import to_official_vit
from pointsam.models.loading.state_files import State, read_state, save_tensors
from pointsam.models.segmenter import Segmenter

ENDINGS = (".pt", ".pth", ".safetensors")

RELEASED_NAMES: dict[str, Callable[[State], State]] = {
    "mobile_sam": to_official,
    "sam": to_official_vit,
    "sam_hq": to_official_hq,
    "sam2": to_official_sam2,
}
"""By family."""


def export_checkpoint(model: Segmenter, path: Path, *, memory_from: Path | None = None) -> int:
    """Write a plain model under the names of its release; give how many tensors were written.

    A ``.pth`` or ``.pt`` holds a state dict as the release does: SAM 2's under the key ``model``.

    Args:
        model: without an adapter (merge it first).
        path: new file, ``.pt``, ``.pth`` or ``.safetensors``.
        memory_from: a released SAM 2; its weights for videos are written, too.

    Raises:
        InputError: the family has no release of this kind, `path` exists, or `memory_from` holds
            no weights for videos or belongs to another family.
    """
    names = RELEASED_NAMES.get(model.family)
    if names is None:
        raise InputError(
            f"a {model.family} model has no released checkpoint format here: "
            f"{', '.join(RELEASED_NAMES)} have one; 'pointsam merge' writes a transformers folder."
        )
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"--output {path}: expected a file that ends in {', '.join(ENDINGS)}.")
    refuse_existing_file(path)
    plain = model.peft_root.state_dict()
    state = names({name: tensor.cpu().contiguous() for name, tensor in plain.items()})
    if memory_from is not None:
        state |= _memory(model, memory_from)
    with replacing(path) as temporary:
        if path.suffix.lower() == ".safetensors":
            save_file(state, temporary, metadata={"format": "pt"})
        else:
            save_tensors({"model": state} if model.family == "sam2" else state, temporary)
    return len(state)


def _memory(model: Segmenter, source: Path) -> State:
    """Read the weights for videos of a released SAM 2."""
    if model.family != "sam2":
        raise InputError(f"--memory-from {source}: a {model.family} model has no video memory.")
    memory = video_memory(read_state(source))
    if not memory:
        raise InputError(f"--memory-from {source} holds no video memory: give Meta's SAM 2 file.")
    return memory
