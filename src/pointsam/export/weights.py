"""Converts the weights of an ONNX file to float16 or int8, for a smaller file."""

from pathlib import Path
from typing import Literal

Weights = Literal["float32", "float16", "int8"]


def stored(path: Path, weights: Weights) -> None:
    """Convert the weights of a file in place; float32 leaves them as they were written."""
    if weights == "float16":
        _as_float16(path)
    elif weights == "int8":
        _as_int8(path)


def _as_float16(path: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)


def _as_int8(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(path, path, weight_type=QuantType.QUInt8, op_types_to_quantize=["MatMul"])
