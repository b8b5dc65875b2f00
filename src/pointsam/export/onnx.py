"""Writes ONNX files of an encoder and a decoder, and the description that label tools read.

Source: X-AnyLabeling, services/auto_labeling/{segment_anything,sam_hq,segment_anything_2}.py, for
the inputs and outputs of each type of model.
"""

import copy
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from torch import Tensor, nn

from pointsam.errors import InputError
from pointsam.export.graphs import (
    TOOL_SIDE,
    TOOL_SIZE,
    Decoder,
    Encoder,
    HQDecoder,
    PictureEncoder,
    PyramidDecoder,
    PyramidEncoder,
)
from pointsam.export.weights import Weights, stored
from pointsam.files import new_folder
from pointsam.frames import LOW_RES_STRIDE
from pointsam.models.segmenter import Segmenter

OPSET = 18
"""First ONNX operator set with all that these graphs need; released label tools read it."""
ONE_FILE = 1_900_000_000
"""Bytes of weights above which ONNX stores them in a file beside the graph."""

Picture = Literal["hwc", "chw"]
"""Input of an encoder: RGB of 0 to 255, or the model's own normalised and padded input."""


@dataclass(frozen=True)
class Form:
    """The form in which label tools take the models of a family."""

    kind: str
    """The ``type`` in the tools' description."""
    features: tuple[str, ...]
    """Outputs of the encoder."""
    handed_on: tuple[str, ...]
    """What the decoder calls them, in its order."""
    decoder: Callable[[Segmenter], nn.Module]
    outputs: tuple[str, ...] = ("masks", "iou_predictions", "low_res_masks")
    """Of the decoder."""
    asks_size: bool = True
    """Whether the decoder gets the image's size and gives masks of that size."""


_ANSWER = ("image_embeddings",)
FORMS = {
    "mobile_sam": Form("segment_anything", _ANSWER, _ANSWER, Decoder),
    "sam": Form("segment_anything", _ANSWER, _ANSWER, Decoder),
    "sam_hq": Form(
        "sam_hq",
        ("image_embeddings", "interm_embedding"),
        ("image_embeddings", "interm_embeddings"),
        HQDecoder,
    ),
    "sam2": Form(
        "segment_anything_2",
        ("high_res_feats_0", "high_res_feats_1", "image_embed"),
        ("image_embed", "high_res_feats_0", "high_res_feats_1"),
        PyramidDecoder,
        outputs=("masks", "iou_predictions"),
        asks_size=False,
    ),
}
"""By family."""


@dataclass(frozen=True)
class OnnxFiles:
    """What was written."""

    encoder: Path
    decoder: Path
    description: Path


def form_of(model: Segmenter) -> Form:
    """Give the form of a model's family.

    Raises:
        InputError: label tools take no model of this family.
    """
    form = FORMS.get(model.family)
    if form is None:
        raise InputError(
            f"a {model.family} model cannot be exported to ONNX: label tools take "
            f"{', '.join(FORMS)} models; train an adapter on one of these."
        )
    return form


def export_onnx(
    model: Segmenter,
    folder: Path,
    *,
    name: str,
    picture: Picture = "hwc",
    weights: Weights = "float32",
) -> OnnxFiles:
    """Write a plain model as ``NAME.encoder.onnx``, ``NAME.decoder.onnx`` and ``NAME.yaml``.

    Args:
        model: without an adapter (merge it first), in float32 on the CPU; it is left as it is.
        folder: new.
        name: of the model in the label tool, and of the files.
        picture: input of the encoder; SAM 2's always takes the model's own.
        weights: how the weights are stored.

    Raises:
        InputError: `folder` exists, label tools know no such model, or a library is missing.
    """
    form = form_of(model)
    _require_libraries()
    with new_folder(folder) as temporary:
        files = OnnxFiles(*(temporary / f"{name}.{part}" for part in _PARTS))
        features = _write_encoder(model, form, files.encoder, picture=picture)
        _write_decoder(model, form, files.decoder, features=features)
        for path in (files.encoder, files.decoder):
            stored(path, weights)
        text = yaml.safe_dump(_description(form, name), sort_keys=False, allow_unicode=True)
        files.description.write_text(text, encoding="utf-8")
    return OnnxFiles(*(folder / f"{name}.{part}" for part in _PARTS))


_PARTS = ("encoder.onnx", "decoder.onnx", "yaml")


def _description(form: Form, name: str) -> dict[str, object]:
    """Give the description for the tools; paths are relative to its folder."""
    height, width = TOOL_SIZE
    described: dict[str, object] = {
        "type": form.kind,
        "name": name,
        "provider": "pointsam",
        "display_name": name,
        "encoder_model_path": f"{name}.encoder.onnx",
        "decoder_model_path": f"{name}.decoder.onnx",
    }
    if form.asks_size:
        # two rows less than the encoder's input, as the tools' own descriptions have it
        described |= {"input_size": TOOL_SIDE, "max_width": width, "max_height": height - 2}
    return described


def _write_encoder(
    model: Segmenter, form: Form, path: Path, *, picture: Picture
) -> tuple[Tensor, ...]:
    """Write the encoder, and give its outputs for an image without content."""
    own = copy.deepcopy(model)
    graph: nn.Module
    dynamic: dict[str, dict[int, Any]] = {}
    if not form.asks_size:
        graph, image = PyramidEncoder(own), torch.zeros(1, 3, model.side, model.side)
    elif picture == "hwc":
        graph, image = PictureEncoder(own), torch.zeros(*TOOL_SIZE, 3)
        sides = (torch.export.Dim(name, min=2, max=TOOL_SIDE) for name in ("height", "width"))
        dynamic = {"image": dict(enumerate(sides))}
    else:
        graph, image = Encoder(own), torch.zeros(1, 3, TOOL_SIDE, TOOL_SIDE)
    _write(graph, {"image": image}, form.features, path, dynamic=dynamic)
    with torch.no_grad():
        features: tuple[Tensor, ...] = graph(image)
    return features


def _write_decoder(
    model: Segmenter, form: Form, path: Path, *, features: tuple[Tensor, ...]
) -> None:
    """Write the decoder for the features of an encoder."""
    by_name = dict(zip(form.features, features, strict=True))
    if "interm_embedding" in by_name:
        by_name["interm_embeddings"] = by_name["interm_embedding"][None]
    low_res = (TOOL_SIDE if form.asks_size else model.side) // LOW_RES_STRIDE
    inputs = {given: by_name[given] for given in form.handed_on} | {
        "point_coords": torch.tensor([[[100.0, 200.0], [300.0, 250.0], [0.0, 0.0]]]),
        "point_labels": torch.tensor([[1.0, 0.0, -1.0]]),
        "mask_input": torch.zeros(1, 1, low_res, low_res),
        "has_mask_input": torch.zeros(1),
    }
    points = torch.export.Dim("points", min=1)
    dynamic: dict[str, dict[int, Any]] = {"point_coords": {1: points}, "point_labels": {1: points}}
    if form.asks_size:
        inputs["orig_im_size"] = torch.tensor([float(length) for length in TOOL_SIZE])
    _write(form.decoder(copy.deepcopy(model)), inputs, form.outputs, path, dynamic=dynamic)


def _write(
    graph: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: tuple[str, ...],
    path: Path,
    *,
    dynamic: Mapping[str, dict[int, Any]],
) -> None:
    """Trace a graph and write it."""
    size = sum(tensor.numel() * tensor.element_size() for tensor in graph.state_dict().values())
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            graph.eval(),
            tuple(inputs.values()),
            path,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes={name: dynamic.get(name) for name in inputs},
            external_data=size > ONE_FILE,
            verbose=False,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's messages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _require_libraries() -> None:
    """Refuse at the start where an optional library is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"ONNX needs {error.name}, which is not installed: pip install 'pointsam[export]'."
        ) from error
