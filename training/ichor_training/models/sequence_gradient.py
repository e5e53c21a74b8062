"""The joint gradient of the sequence model as one ONNX graph: forward and hand-derived backward of selector, BiLSTM and
head.

For targets (slice t, class c): `weights` [T, F] = d logit[t, c] / d features[t], total derivative, including the path
through
the CNN probabilities; `influence` [S, T] = L2 norm of d logit / d (LSTM input) of every slice. The joint Grad-CAM of a
global-average-pooled CNN is then ReLU(Σ_k weights_k A_k) (Selvaraju et al. 2017, eq. 1 and 2, up to 1/(h w)).
Recurrences are Scan nodes, so that any number of slices and targets works.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .networks import SequenceNet

OPSET = 17
IR_VERSION = 8


class Graph:
    """Collects nodes and constants under fresh names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: np.ndarray | list | float, dtype=np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(np.array(array, dtype)), name))
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes):
        names = [f"{kind}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def transposed(self, matrix: str) -> str:
        """Transposed once when the graph is loaded, so that no weight is stored twice."""
        return self.op("Transpose", matrix, perm=[1, 0])

    def axes(self, *values: int) -> str:
        return self.constant(list(values), np.int64)


def value(name: str, *shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def forward_step(hidden: int, recurrent: str) -> onnx.GraphProto:
    """One LSTM step; `recurrent` is R transposed, [H, 4H], gates in PyTorch's order i, f, g, o."""
    node = helper.make_node
    nodes = [
        node("MatMul", ["h_in", recurrent], ["from_h"]),
        node("Add", ["from_h", "gates_in"], ["gates"]),
        node("Split", ["gates"], ["i_raw", "f_raw", "g_raw", "o_raw"], axis=1),
        node("Sigmoid", ["i_raw"], ["i"]),
        node("Sigmoid", ["f_raw"], ["f"]),
        node("Tanh", ["g_raw"], ["g"]),
        node("Sigmoid", ["o_raw"], ["o"]),
        node("Mul", ["f", "c_in"], ["kept"]),
        node("Mul", ["i", "g"], ["written"]),
        node("Add", ["kept", "written"], ["c_out"]),
        node("Tanh", ["c_out"], ["tanh_c"]),
        node("Mul", ["o", "tanh_c"], ["h_out"]),
        node("Identity", ["h_out"], ["y"]),
        node("Identity", ["c_in"], ["c_before"]),
    ]
    inputs = [value("h_in", 1, hidden), value("c_in", 1, hidden), value("gates_in", 1, 4 * hidden)]
    outputs = [value(name, 1, hidden) for name in ("h_out", "c_out", "y", "i", "f", "g", "o", "tanh_c", "c_before")]
    return helper.make_graph(nodes, "lstm_step", inputs, outputs)


def backward_step(hidden: int, recurrent: str, one: str) -> onnx.GraphProto:
    """Derivatives of one LSTM step for T targets at once; `recurrent` is R, [4H, H]."""
    nodes: list[onnx.NodeProto] = []

    def op(kind: str, output: str, *inputs: str, **attributes) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def sigmoid_slope(gate: str) -> str:
        return op("Mul", f"{gate}_slope", gate, op("Sub", f"{gate}_rest", one, gate))

    def tanh_slope(name: str) -> str:
        return op("Sub", f"{name}_slope", one, op("Mul", f"{name}_square", name, name))

    op("Add", "d_y", "d_out", "d_h_in")
    op("Mul", "d_o", "d_y", op("Mul", "o_gain", sigmoid_slope("o"), "tanh_c"))
    op("Add", "d_c", op("Mul", "d_c_here", "d_y", op("Mul", "c_gain", "o", tanh_slope("tanh_c"))), "d_c_in")
    op("Mul", "d_i", "d_c", op("Mul", "i_gain", sigmoid_slope("i"), "g"))
    op("Mul", "d_f", "d_c", op("Mul", "f_gain", sigmoid_slope("f"), "c_before"))
    op("Mul", "d_g", "d_c", op("Mul", "g_gain", tanh_slope("g"), "i"))
    op("Concat", "d_gates", "d_i", "d_f", "d_g", "d_o", axis=1)
    op("MatMul", "d_h_out", "d_gates", recurrent)
    op("Mul", "d_c_out", "d_c", "f")
    op("Identity", "d_gates_out", "d_gates")
    inputs = [value(name, "T", hidden) for name in ("d_h_in", "d_c_in", "d_out")]
    inputs += [value(name, 1, hidden) for name in ("i", "f", "g", "o", "tanh_c", "c_before")]
    outputs = [value("d_h_out", "T", hidden), value("d_c_out", "T", hidden), value("d_gates_out", "T", 4 * hidden)]
    return helper.make_graph(nodes, "lstm_step_backward", inputs, outputs)


def sequence_gradient(net: SequenceNet, cnn_head: np.ndarray) -> onnx.ModelProto:
    """@param cnn_head [6, F], weight of the CNN's linear head: features act on the probabilities through it"""
    state = {key: tensor.detach().numpy().astype(np.float32) for key, tensor in net.state_dict().items()}
    hidden, layers = net.lstm.hidden_size, net.lstm.num_layers
    graph = Graph()
    one, zero = graph.constant(1.0), graph.constant(np.zeros((1, hidden)))
    projection, head = state["projection"], state["head.weight"]
    selected = net.selected

    x = probability = graph.op("Sigmoid", "logits")
    if selected > 0:
        chosen = graph.op(
            "MatMul", graph.op("Sub", "features", graph.constant(state["centre"])), graph.constant(projection)
        )
        x = graph.op("Concat", chosen, probability, axis=1)
    saved: list[list[list[str]]] = []
    weights: list[list[tuple[str, str]]] = []
    for layer in range(layers):
        outputs, gates_of, weights_of = [], [], []
        for direction, suffix in enumerate(("", "_reverse")):
            w, r = state[f"lstm.weight_ih_l{layer}{suffix}"], state[f"lstm.weight_hh_l{layer}{suffix}"]
            bias = state[f"lstm.bias_ih_l{layer}{suffix}"] + state[f"lstm.bias_hh_l{layer}{suffix}"]
            w, r = graph.constant(w), graph.constant(r)
            gates = graph.op("Add", graph.op("MatMul", x, graph.transposed(w)), graph.constant(bias))
            gates = graph.op("Unsqueeze", gates, graph.axes(1))
            scan = graph.op(
                "Scan",
                zero,
                zero,
                gates,
                outputs=9,
                body=forward_step(hidden, graph.transposed(r)),
                num_scan_inputs=1,
                scan_input_directions=[direction],
                scan_output_directions=[direction] * 7,
            )
            outputs.append(graph.op("Squeeze", scan[2], graph.axes(1)))
            gates_of.append(scan[3:])
            weights_of.append((w, r))
        saved.append(gates_of)
        weights.append(weights_of)
        x = graph.op("Concat", *outputs, axis=1)
    joined = graph.op("Concat", x, probability, axis=1) if net.predictions_at_head else x
    logits = graph.op("Add", graph.op("MatMul", joined, graph.constant(head.T)), graph.constant(state["head.bias"]))
    graph.nodes.append(helper.make_node("Identity", [logits], ["sequence_logits"]))

    slices = graph.op("Gather", graph.op("Shape", "features"), graph.constant(0, np.int64), axis=0)
    targets = graph.op("Shape", "target_slice")
    at_target = graph.op(
        "Unsqueeze", graph.op("OneHot", "target_slice", slices, graph.constant([0, 1]), axis=0), graph.axes(2)
    )
    head_hidden = graph.op("Gather", graph.constant(head[:, : 2 * hidden]), "target_class", axis=0)
    d_y = graph.op("Mul", at_target, graph.op("Unsqueeze", head_hidden, graph.axes(0)))
    zeros = graph.op("Expand", zero, graph.op("Concat", targets, graph.constant([hidden], np.int64), axis=0))
    for layer in reversed(range(layers)):
        halves = graph.op("Split", d_y, outputs=2, axis=2)
        d_x = []
        for direction in (0, 1):
            w, r = weights[layer][direction]
            scan = graph.op(
                "Scan",
                zeros,
                zeros,
                halves[direction],
                *saved[layer][direction],
                outputs=3,
                body=backward_step(hidden, r, one),
                num_scan_inputs=7,
                scan_input_directions=[1 - direction] * 7,
                scan_output_directions=[1 - direction],
            )
            d_x.append(graph.op("MatMul", scan[2], w))
        d_y = graph.op("Add", *d_x)
    graph.nodes.append(helper.make_node("ReduceL2", [d_y], ["influence"], axes=[2], keepdims=0))

    own = graph.op("ReduceSum", graph.op("Mul", d_y, at_target), graph.axes(0), keepdims=0)
    d_probability = own
    if selected > 0:
        d_selected, d_probability = graph.op("Split", own, graph.constant([selected, 6], np.int64), outputs=2, axis=1)
    if net.predictions_at_head:
        d_probability = graph.op(
            "Add", d_probability, graph.op("Gather", graph.constant(head[:, 2 * hidden :]), "target_class", axis=0)
        )
    own_probability = graph.op("Gather", probability, "target_slice", axis=0)
    slope = graph.op("Mul", own_probability, graph.op("Sub", one, own_probability))
    through_cnn = graph.op("MatMul", graph.op("Mul", d_probability, slope), graph.constant(cnn_head))
    if selected > 0:
        through_selector = graph.op("MatMul", d_selected, graph.constant(projection.T))
        graph.nodes.append(helper.make_node("Add", [through_selector, through_cnn], ["weights"]))
    else:
        graph.nodes.append(helper.make_node("Identity", [through_cnn], ["weights"]))

    features = projection.shape[0]
    inputs = [value("features", "S", features), value("logits", "S", 6)]
    inputs += [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["T"]) for name in ("target_slice", "target_class")
    ]
    outputs = [value("sequence_logits", "S", 6), value("weights", "T", features), value("influence", "S", "T")]
    body = helper.make_graph(graph.nodes, "sequence_gradient", inputs, outputs, graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model
