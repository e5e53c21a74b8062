"""The gradient of an exported graph as further nodes: each operation's derivative is written down by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import nn

from .sequence_gradient import OPSET


def exported(late: nn.Module, channels: int, side: int) -> onnx.ModelProto:
    """With constants computed and every shape known."""
    with tempfile.TemporaryDirectory() as folder:
        plain, folded = Path(folder) / "plain.onnx", Path(folder) / "folded.onnx"
        torch.onnx.export(
            late,
            (torch.zeros(1, channels, side, side),),
            str(plain),
            input_names=["x"],
            output_names=["y"],
            opset_version=OPSET,
            dynamo=False,
        )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        onnxruntime.InferenceSession(str(plain), options, providers=["CPUExecutionProvider"])
        return onnx.shape_inference.infer_shapes(onnx.load(folded))


class Backward:
    """The nodes of a forward graph under a prefix, followed by those of its gradient with respect to its input."""

    def __init__(self, model: onnx.ModelProto, prefix: str, x: str) -> None:
        graph = model.graph
        self.prefix, self.x, self.y = prefix, x, prefix + graph.output[0].name

        def name(one):
            return x if one == graph.input[0].name else prefix + one if one else ""

        self.constants = [
            numpy_helper.from_array(numpy_helper.to_array(one), name(one.name)) for one in graph.initializer
        ]
        self.nodes, self.forward = [], []
        self.shapes = {
            name(one.name): [d.dim_value for d in one.type.tensor_type.shape.dim]
            for one in [*graph.value_info, *graph.input, *graph.output]
        }
        self.known = {one.name: numpy_helper.to_array(one) for one in self.constants}
        for node in graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = prefix + node.name
            copy.ClearField("input")
            copy.ClearField("output")
            copy.input.extend(name(one) for one in node.input)
            copy.output.extend(name(one) for one in node.output)
            if node.op_type == "Constant":
                self.known[copy.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            self.nodes.append(copy)
            self.forward.append(copy)
        self.gradients: dict[str, str] = {}

    def constant(self, array: np.ndarray | list | float, dtype=np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.array(array, dtype), f"{self.prefix}c{len(self.constants)}"))
        return self.constants[-1].name

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        output = f"{self.prefix}back{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def reduced(self, kind: str, what: str, axes: list[int], keepdims: int = 1) -> str:
        return self.op(kind, what, self.constant(axes, np.int64), keepdims=keepdims)

    def run(self, weights: str) -> str:
        """@param weights [T, F], what the mean of every output channel counts @returns the gradient by the input, [T,
        C, h, w]"""
        height, width = self.shapes[self.y][2:]
        spread = self.op("Unsqueeze", weights, self.constant([2, 3], np.int64))
        self.gradients[self.y] = self.op(
            "Mul", spread, self.constant(np.full((1, 1, height, width), 1 / (height * width)))
        )
        for node in reversed(self.forward):
            gradient = self.gradients.get(node.output[0])
            if gradient is None:
                continue
            rule = getattr(self, f"of_{node.op_type}", None)
            if rule is None:
                raise ValueError(f"no derivative of {node.op_type} is known here")
            rule(node, gradient)
        return self.gradients[self.x]

    def add(self, where: str, gradient: str) -> None:
        """Along one of the paths; sums where paths meet."""
        if where in self.known:
            return
        before = self.gradients.get(where)
        self.gradients[where] = gradient if before is None else self.op("Add", before, gradient)

    def where(self, kind: str, one: str, limit: float) -> str:
        """1 where the comparison holds, else 0."""
        return self.op("Cast", self.op(kind, one, self.constant(limit)), to=onnx.TensorProto.FLOAT)

    def of_Conv(self, node: onnx.NodeProto, gradient: str) -> None:
        given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        strides, pads, group, dilations = (
            given.get(key, usual)
            for key, usual in (("strides", [1, 1]), ("pads", [0] * 4), ("group", 1), ("dilations", [1, 1]))
        )
        kernel, into, out = (
            self.known[node.input[1]].shape[2:],
            self.shapes[node.input[0]][2:],
            self.shapes[node.output[0]][2:],
        )
        left = [
            into[d] - ((out[d] - 1) * strides[d] - pads[d] - pads[d + 2] + dilations[d] * (kernel[d] - 1) + 1)
            for d in (0, 1)
        ]
        back = self.op(
            "ConvTranspose",
            gradient,
            node.input[1],
            strides=strides,
            pads=pads,
            group=group,
            dilations=dilations,
            output_padding=left,
        )
        self.add(node.input[0], back)

    def of_Relu(self, node: onnx.NodeProto, gradient: str) -> None:
        self.add(node.input[0], self.op("Mul", gradient, self.where("Greater", node.output[0], 0.0)))

    def of_Clip(self, node: onnx.NodeProto, gradient: str) -> None:
        low, high = (float(self.known[one]) for one in node.input[1:])
        inside = self.op("Mul", self.where("Greater", node.output[0], low), self.where("Less", node.output[0], high))
        self.add(node.input[0], self.op("Mul", gradient, inside))

    def of_Sigmoid(self, node: onnx.NodeProto, gradient: str) -> None:
        slope = self.op("Mul", node.output[0], self.op("Sub", self.constant(1.0), node.output[0]))
        self.add(node.input[0], self.op("Mul", gradient, slope))

    def of_Mul(self, node: onnx.NodeProto, gradient: str) -> None:
        """Of two maps, or of a map and one number per channel."""
        for one, other in (node.input, reversed(node.input)):
            if one in self.known:
                continue
            product = self.op("Mul", gradient, other)
            narrow = self.shapes[one][2:] != self.shapes[node.output[0]][2:]
            self.add(one, self.reduced("ReduceSum", product, [2, 3]) if narrow else product)

    def of_ReduceMean(self, node: onnx.NodeProto, gradient: str) -> None:
        """Over the places of a map."""
        height, width = self.shapes[node.input[0]][2:]
        self.add(
            node.input[0], self.op("Mul", gradient, self.constant(np.full((1, 1, height, width), 1 / (height * width))))
        )

    def of_Div(self, node: onnx.NodeProto, gradient: str) -> None:
        """By a constant."""
        if node.input[1] not in self.known:
            raise ValueError("no derivative of Div by a map is known here")
        self.add(node.input[0], self.op("Div", gradient, node.input[1]))

    def of_Erf(self, node: onnx.NodeProto, gradient: str) -> None:
        x = node.input[0]
        bell = self.op("Exp", self.op("Neg", self.op("Mul", x, x)))
        self.add(x, self.op("Mul", gradient, self.op("Mul", self.constant(2 / np.sqrt(np.pi)), bell)))

    def of_Reshape(self, node: onnx.NodeProto, gradient: str) -> None:
        """The first axis stays: one slice in the forward graph, the targets here."""
        shape = self.constant([-1, *self.shapes[node.input[0]][1:]], np.int64)
        self.add(node.input[0], self.op("Reshape", gradient, shape))

    def of_InstanceNormalization(self, node: onnx.NodeProto, gradient: str) -> None:
        """y = scale (x − mean) / deviation + bias, over all axes but the first two."""
        x, scale, shape = node.input[0], self.known[node.input[1]], self.shapes[node.input[0]]
        epsilon = next((one.f for one in node.attribute if one.name == "epsilon"), 1e-5)
        axes, share = list(range(2, len(shape))), self.constant(1 / np.prod(shape[2:]))

        def mean(what: str) -> str:
            return self.op("Mul", self.reduced("ReduceSum", what, axes), share)

        centred = self.op("Sub", x, mean(x))
        variance = self.op("Add", mean(self.op("Mul", centred, centred)), self.constant(epsilon))
        inverse = self.op("Reciprocal", self.op("Sqrt", variance))
        standard = self.op("Mul", centred, inverse)
        across = self.op("Mul", standard, mean(self.op("Mul", gradient, standard)))
        left = self.op("Sub", self.op("Sub", gradient, mean(gradient)), across)
        scaled = self.op("Mul", self.constant(scale.reshape(1, -1, *[1] * len(axes))), inverse)
        self.add(x, self.op("Mul", left, scaled))

    def of_Add(self, node: onnx.NodeProto, gradient: str) -> None:
        for one in node.input:
            self.add(one, gradient)

    def of_Identity(self, node: onnx.NodeProto, gradient: str) -> None:
        self.add(node.input[0], gradient)

    def of_Pad(self, node: onnx.NodeProto, gradient: str) -> None:
        before, (height, width) = self.known[node.input[1]][2:4], self.shapes[node.input[0]][2:]
        limits = [before, before + [height, width], [2, 3]]
        self.add(node.input[0], self.op("Slice", gradient, *(self.constant(one, np.int64) for one in limits)))
