"""The networks as ONNX graphs: opset 17, float32 in and out, any matrix and any number of slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from .. import CLASSES
from .explain import WithInner
from .networks import CnnAlone, SequenceNet, SliceNet
from .sequence_gradient import IR_VERSION, OPSET, sequence_gradient, value

CNN_OUTPUTS = ["features", "logits", "cams", "activations", "inner"]


def export_cnn(cnn: SliceNet, path: Path) -> None:
    axes = {"hu": {0: "N", 1: "H", 2: "W"}} | {name: {0: "N"} for name in CNN_OUTPUTS}
    axes |= {name: {0: "N", 2: "h", 3: "w"} for name in ("cams", "activations", "inner")}
    example = torch.zeros(2, 96, 80, dtype=torch.int16)
    torch.onnx.export(
        WithInner(cnn),
        (example,),
        str(path),
        input_names=["hu"],
        output_names=CNN_OUTPUTS,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def export_sequence(cnn: SliceNet, sequence: SequenceNet | CnnAlone, path: Path) -> None:
    example = (torch.zeros(5, cnn.backbone.features), torch.zeros(5, len(CLASSES)))
    axes = {name: {0: "S"} for name in ("features", "logits", "sequence_logits")}
    torch.onnx.export(
        sequence,
        example,
        str(path),
        input_names=["features", "logits"],
        output_names=["sequence_logits"],
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def export_gradient(cnn: SliceNet, sequence: SequenceNet | CnnAlone, path: Path) -> None:
    head = cnn.head.weight.detach().numpy()
    onnx.save(cnn_gradient(head) if isinstance(sequence, CnnAlone) else sequence_gradient(sequence, head), path)


def cnn_gradient(head: np.ndarray) -> onnx.ModelProto:
    """The gradient graph of a bundle without sequence model: the head's own weights, and no influence of other slices.
    @param head [6, F]
    """
    node, features = helper.make_node, head.shape[1]
    nodes = [
        node("Identity", ["logits"], ["sequence_logits"]),
        node("Gather", ["head", "target_class"], ["weights"], axis=0),
        node("Shape", ["features"], ["shape"]),
        node("Gather", ["shape", "zero"], ["slices"], axis=0),
        node("OneHot", ["target_slice", "slices", "off_on"], ["influence"], axis=0),
    ]
    constants = [
        numpy_helper.from_array(array, name)
        for name, array in (
            ("head", head.astype(np.float32)),
            ("zero", np.array(0, np.int64)),
            ("off_on", np.array([0, 1], np.float32)),
        )
    ]
    inputs = [value("features", "S", features), value("logits", "S", 6)]
    inputs += [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["T"]) for name in ("target_slice", "target_class")
    ]
    outputs = [value("sequence_logits", "S", 6), value("weights", "T", features), value("influence", "S", "T")]
    body = helper.make_graph(nodes, "cnn_gradient", inputs, outputs, constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model
