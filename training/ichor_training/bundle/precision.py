"""Smaller graphs: weights stored as float16, and static 8-bit quantisation of the convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEWEST_VALUES = 64
"""Smaller constants stay float32: shapes, scales and thresholds of the preprocessing."""


@dataclass(frozen=True)
class Precision:
    weights: str = "fp32"
    """`fp32` or `fp16`: how weights are stored; they are computed with as float32."""
    quantised: bool = False
    """Whether the CNN's convolutions compute in 8 bits."""

    @property
    def limit(self) -> float:
        """The largest difference of a probability from PyTorch's with which a bundle is still written."""
        return 0.2 if self.quantised else 5e-3 if self.weights == "fp16" else 1e-4


FP32 = Precision()


def store_weights_as_fp16(path: Path) -> None:
    """In place: half the file, float32 arithmetic, float32 in and out."""
    model = onnx.load(path)
    graph, casts = model.graph, []
    for tensor in list(graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= FEWEST_VALUES:
            name = tensor.name
            half = np.clip(numpy_helper.to_array(tensor), -65504, 65504).astype(np.float16)
            graph.initializer.remove(tensor)
            graph.initializer.append(numpy_helper.from_array(half, f"{name}_fp16"))
            casts.append(helper.make_node("Cast", [f"{name}_fp16"], [name], to=TensorProto.FLOAT, name=f"{name}_cast"))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)
    onnx.save(model, path)


def quantise(path: Path, calibration: np.ndarray) -> None:
    """In place: static 8 bits (QDQ) for the backbone, per channel, activations from their range on the calibration
    slices.

    Preprocessing, additions, pooling and the head stay float32. Weights use 7 bits, so that processors without VNNI do
    not saturate.
    @param calibration int16 HU [N, H, W]
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        str(path),
        str(path),
        Calibration(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=kept_in_float(path),
        reduce_range=True,
    )


def kept_in_float(path: Path) -> list[str]:
    """All nodes before the first convolution, and the convolution that makes the class maps."""
    graph = onnx.load(path).graph
    first = next(index for index, node in enumerate(graph.node) if node.op_type == "Conv")
    return [node.name for index, node in enumerate(graph.node) if index < first or "cams" in node.output]


class Calibration:
    """Slices four at a time, as onnxruntime asks for them."""

    def __init__(self, hu: np.ndarray) -> None:
        self.batches = iter([hu[start : start + 4] for start in range(0, len(hu), 4)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"hu": np.ascontiguousarray(batch)}
