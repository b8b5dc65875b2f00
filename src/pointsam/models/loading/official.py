"""Key names and BatchNorm of released MobileSAM checkpoints, to ours and back."""

import re

from torch import Tensor

from pointsam.models.loading.state_files import State

BATCHNORM_EPS = 1e-5
MOBILE_SAM_MARK = "image_encoder.patch_embed.seq."
"""What names of released MobileSAM files, and of no others, begin with."""


def _decoder_prefixes() -> list[tuple[str, str]]:
    """Pair each prefix of a released prompt encoder and mask decoder with the library's."""
    prompt, mask = "prompt_encoder", "mask_decoder"
    pairs = [
        (
            f"{prompt}.pe_layer.positional_encoding_gaussian_matrix",
            f"{prompt}.shared_embedding.positional_embedding",
        ),
        (f"{prompt}.point_embeddings.", f"{prompt}.point_embed."),
        (f"{mask}.transformer.norm_final_attn.", f"{mask}.transformer.layer_norm_final_attn."),
    ]
    downscaling = ("conv1", "layer_norm1", None, "conv2", "layer_norm2", None, "conv3")
    pairs += [
        (f"{prompt}.mask_downscaling.{index}.", f"{prompt}.mask_embed.{ours}.")
        for index, ours in enumerate(downscaling)
        if ours
    ]
    upscaling = ("upscale_conv1", "upscale_layer_norm", None, "upscale_conv2")
    pairs += [
        (f"{mask}.output_upscaling.{index}.", f"{mask}.{ours}.")
        for index, ours in enumerate(upscaling)
        if ours
    ]
    for layer in range(2):
        block = f"{mask}.transformer.layers.{layer}"
        pairs += [(f"{block}.norm{n}.", f"{block}.layer_norm{n}.") for n in range(1, 5)]
    heads = ["iou_prediction_head", *(f"output_hypernetworks_mlps.{i}" for i in range(4))]
    for head in heads:
        inner = ("proj_in", "layers.0", "proj_out")
        pairs += [
            (f"{mask}.{head}.layers.{index}.", f"{mask}.{head}.{ours}.")
            for index, ours in enumerate(inner)
        ]
    return pairs


DECODER_PREFIXES = _decoder_prefixes()
"""``(released, library)`` prefixes of all SAM models' prompt encoder and mask decoder."""

_UNUSED = re.compile(
    r"^image_encoder\.(norm_head|head)\.|\.attention_bias_idxs$|\.num_batches_tracked$"
)
"""Parts of a released file that segmentation never reads: the classifier and counters."""

_CLASSES = 1000
"""Outputs of TinyViT's ImageNet classifier, which released files carry."""


def from_official(state: State) -> State:
    """Rename a released MobileSAM state dict to ours and fold its BatchNorms."""
    folded = fold_batchnorm({k: v for k, v in state.items() if not _UNUSED.search(k)})
    return {rename(name, DECODER_PREFIXES): tensor for name, tensor in folded.items()}


def to_official(state: State) -> State:
    """Name our state dict as the released model does, so that its own code loads it strictly.

    The folded BatchNorms come back as identities, the unused classifier as zeros.
    """
    back = [(ours, released) for released, ours in DECODER_PREFIXES]
    official: State = {}
    for name, held in state.items():
        tensor = held.contiguous()
        if _is_folded(name, state):
            official |= _unfold(name, tensor)
        else:
            official[rename(name, back)] = tensor
    neck = state["image_encoder.neck.0.weight"]
    width = neck.shape[1]
    return official | {
        "image_encoder.norm_head.weight": neck.new_ones(width),
        "image_encoder.norm_head.bias": neck.new_zeros(width),
        "image_encoder.head.weight": neck.new_zeros(_CLASSES, width),
        "image_encoder.head.bias": neck.new_zeros(_CLASSES),
    }


def fold_batchnorm(state: State) -> State:
    """Merge each ``X.c.weight`` with its ``X.bn.*`` into ``X.weight`` and ``X.bias``.

    In float64, so that every release of one model folds to the same float16 numbers.
    """
    folded = {k: v for k, v in state.items() if ".bn." not in k and not k.endswith(".c.weight")}
    for name, weight in state.items():
        if not name.endswith(".c.weight"):
            continue
        stem = name.removesuffix(".c.weight")
        scale_, shift, mean, variance = (
            state[f"{stem}.bn.{part}"].double()
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = scale_ / (variance + BATCHNORM_EPS).sqrt()
        folded[f"{stem}.weight"] = (weight.double() * scale[:, None, None, None]).float()
        folded[f"{stem}.bias"] = (shift - mean * scale).float()
    return folded


def rename(name: str, prefixes: list[tuple[str, str]]) -> str:
    """Swap the first prefix that fits."""
    for old, new in prefixes:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _is_folded(name: str, state: State) -> bool:
    """Say whether a parameter belongs to a convolution that swallowed a BatchNorm."""
    weight = state.get(name.rpartition(".")[0] + ".weight")
    convolution = weight is not None and weight.ndim == 4
    return name.startswith("image_encoder.") and ".neck." not in name and convolution


def _unfold(name: str, tensor: Tensor) -> State:
    """Split a folded parameter into a convolution and a BatchNorm that changes nothing."""
    stem, _, part = name.rpartition(".")
    if part == "weight":
        return {f"{stem}.c.weight": tensor}
    ones = tensor.new_ones(len(tensor))
    return {
        f"{stem}.bn.bias": tensor,
        f"{stem}.bn.weight": ones,
        f"{stem}.bn.running_mean": tensor.new_zeros(len(tensor)),
        f"{stem}.bn.running_var": ones - BATCHNORM_EPS,
        f"{stem}.bn.num_batches_tracked": tensor.new_zeros(()).long(),
    }
