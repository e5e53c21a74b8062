"""The networks as ONNX graphs: opset 17, float32 in and out, any matrix and any number of slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .. import CLASSES
from .explain import WithInner
from .explanation import Explanation
from .networks import SIDE, CnnAlone, SequenceModel, SliceNet
from .sequence_gradient import IR_VERSION, OPSET, sequence_gradient, value

CNN_OUTPUTS = ["features", "logits", "cams", "activations", "inner", "channels"]


class WithChannels(nn.Module):
    """A SliceNet that also gives what its preprocessing makes of the slices."""

    def __init__(self, cnn: SliceNet) -> None:
        super().__init__()
        self.cnn = cnn

    def forward(self, hu: torch.Tensor) -> tuple[torch.Tensor, ...]:
        channels = self.cnn.preprocessing(hu)
        return *self.cnn.classify(channels), channels


def export_cnn(cnn: SliceNet, path: Path, inner: bool = True) -> None:
    """@param inner whether its inner activations are an output"""
    names = CNN_OUTPUTS if inner else [name for name in CNN_OUTPUTS if name != "inner"]
    seen = 2 * cnn.neighbours + 1
    axes = {"hu": {0: "N", 2: "H", 3: "W"} if cnn.neighbours else {0: "N", 1: "H", 2: "W"}}
    axes |= {name: {0: "N"} for name in names}
    axes |= {name: {0: "N", 2: "h", 3: "w"} for name in names if name in ("cams", "activations", "inner")}
    torch.onnx.export(
        WithInner(cnn) if inner else WithChannels(cnn),
        (torch.zeros((2, seen, 96, 80) if cnn.neighbours else (2, 96, 80), dtype=torch.int16),),
        str(path),
        input_names=["hu"],
        output_names=names,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    fix_channels(path, cnn.preprocessing.mean.shape[1])


def fix_channels(path: Path, count: int) -> None:
    """The exporter leaves the shape of `channels` open; it is the manifest's. The network's input is computed beside
    it, so that 8 bits of the one leave the other as it is."""
    model = onnx.load(path)
    nodes = model.graph.node
    for node in nodes:
        node.input[:] = ["network_input" if name == "channels" else name for name in node.input]
    place = next(at for at, node in enumerate(nodes) if "channels" in node.output)
    own = helper.make_node(
        nodes[place].op_type, list(nodes[place].input), ["network_input"], name=f"{nodes[place].name}_network"
    )
    nodes.insert(place + 1, own)
    port = next(one for one in model.graph.output if one.name == "channels")
    for axis, size in zip(port.type.tensor_type.shape.dim[1:], (count, SIDE, SIDE), strict=True):
        axis.dim_value = size
    onnx.save(model, path)


def export_sequence(cnn: SliceNet, sequence: SequenceModel | CnnAlone, path: Path) -> None:
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


def export_gradient(cnn: SliceNet, sequence: SequenceModel | CnnAlone, path: Path, explanation: Explanation) -> None:
    """The gradient of the decision that is shown where it can be derived, else that of the CNN's own."""
    head = cnn.head.weight.detach().numpy()
    onnx.save(sequence_gradient(sequence, head) if explanation.joint else cnn_gradient(head), path)


def cnn_gradient(head: np.ndarray) -> onnx.ModelProto:
    """The gradient graph of a bundle whose maps are of the CNN alone: the head's own weights, no influence of other
    slices.
    @param head [6, F]
    """
    node, features = helper.make_node, head.shape[1]
    nodes = [
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
    outputs = [value("weights", "T", features), value("influence", "S", "T")]
    body = helper.make_graph(nodes, "cnn_gradient", inputs, outputs, constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model
