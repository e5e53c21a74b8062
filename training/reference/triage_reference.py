"""An independent PyTorch implementation of Ichor's numerics, to check the worker against.

    triage_reference.py BUNDLE_DIR DICOM_DIR [--targets SOP_INSTANCE_UID:CLASS,…]

DICOM_DIR holds one series of single-frame instances. Nothing is shared with the worker but the weights: pixels are
decoded by pydicom, Hounsfield
units computed by numpy, windows and resize follow the manifest, the CNN's graph is walked with torch operations, the
sequence model is torch's own LSTM, and gradients come from autograd.

Prints JSON: {"slices": [{"sopInstanceUid", "huSha256", "cnnProbabilities", "probabilities"}, …] from skull base to
vertex,
"maps": [{"sopInstanceUid", "class", "rows", "columns", "values"}, …]}. A map is the joint Grad-CAM of the sequence
logit in the
stored orientation: ReLU(Σ_k dy/dA_k ⊙ A_k) of the inner activations where the bundle explains them, moved as the
manifest says; else (Selvaraju et al. 2017,
eq. 1 and 2), times h·w, ReLU(Σ_k Σ_place dy/dA_k(place) · A_k) of the last activations.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pydicom
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor

PADDING_HU = -1024
ONNX_TO_TORCH_GATES = [0, 2, 3, 1]
"""ONNX keeps the gates as i, o, f, c; torch as i, f, c, o."""


def stored_values(dataset: pydicom.Dataset) -> np.ndarray:
    """int64 [rows, columns]: the Bits Stored below High Bit, with their sign (PS3.5, section 8.1.1)."""
    raw = dataset.pixel_array.astype(np.int64) & ((1 << dataset.BitsAllocated) - 1)
    value = (raw >> (dataset.HighBit + 1 - dataset.BitsStored)) & ((1 << dataset.BitsStored) - 1)
    if dataset.PixelRepresentation == 1:
        value -= (value >> (dataset.BitsStored - 1)) << dataset.BitsStored
    return value


def hounsfield(dataset: pydicom.Dataset) -> np.ndarray:
    """int16 [rows, columns]: value · slope + intercept in float64, rounded half to even; padding becomes −1024."""
    value = stored_values(dataset)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.RescaleIntercept)
    upright = value
    if dataset.PhotometricInterpretation == "MONOCHROME1" and (slope, intercept) == (1, 0):
        upright = -1 - value if dataset.PixelRepresentation == 1 else (1 << dataset.BitsStored) - 1 - value
    if dataset.BitsStored == 12 and dataset.PixelRepresentation == 0 and intercept > -100:
        upright, intercept = (upright + 1000) % 4096, -1000.0
    hu = np.clip(np.rint(upright.astype(np.float64) * slope + intercept), -32768, 32767)
    return np.where(is_padding(dataset, value), PADDING_HU, hu).astype("<i2")


def is_padding(dataset: pydicom.Dataset, value: np.ndarray) -> np.ndarray:
    if dataset.get("PixelPaddingValue") is None:
        return np.zeros(value.shape, bool)
    ends = sorted(
        [int(dataset.PixelPaddingValue), int(dataset.get("PixelPaddingRangeLimit", dataset.PixelPaddingValue))]
    )
    return (value >= ends[0]) & (value <= ends[1])


def read_stack(folder: Path) -> list[pydicom.Dataset]:
    """Instances with a place in space, from the skull base to the vertex."""
    datasets = [
        pydicom.dcmread(path) for path in sorted(folder.rglob("*")) if path.is_file() and pydicom.misc.is_dicom(path)
    ]
    placed = [one for one in datasets if "ImagePositionPatient" in one and "LOCALIZER" not in one.get("ImageType", [])]
    orientation = np.array(placed[0].ImageOrientationPatient, float)
    normal = np.cross(orientation[:3], orientation[3:])
    headward = normal if normal[2] >= 0 else -normal
    return sorted(placed, key=lambda one: float(np.dot(headward, np.array(one.ImagePositionPatient, float))))


def radiological(image: np.ndarray, orientation: list[float], back: bool = False) -> np.ndarray:
    """Stored → image right is the patient's left and image down is posterior; `back` reverses that."""
    row, column = orientation[:3], orientation[3:]
    transpose = abs(row[1]) > abs(row[0])
    across, down = (column, row) if transpose else (row, column)
    turned = image.T if transpose and not back else image
    turned = turned[::-1] if down[1] < 0 else turned
    turned = turned[:, ::-1] if across[0] < 0 else turned
    return np.ascontiguousarray(turned.T if transpose and back else turned)


def channels(hu: np.ndarray, preprocessing: dict) -> Tensor:
    """int16 [rows, columns] → [1, windows, 256, 256], as the manifest says."""
    image = torch.from_numpy(hu.astype(np.float32))
    windowed = [
        ((image - (one["centerHu"] - one["widthHu"] / 2)) / one["widthHu"]).clamp(0, 1)
        for one in preprocessing["windows"]
    ]
    size = (preprocessing["resize"]["rows"], preprocessing["resize"]["columns"])
    resized = F.interpolate(torch.stack(windowed)[None], size=size, mode="bilinear", align_corners=False)
    mean, deviation = (
        torch.tensor(preprocessing["normalisation"][key])[None, :, None, None] for key in ("mean", "standardDeviation")
    )
    return (resized - mean) / deviation


class Cnn:
    """The convolutional part of cnn.onnx and its head, walked with torch: everything after preprocessing."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self.weights = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self.weights[node.output[0]] = torch.from_numpy(np.array(numpy_helper.to_array(node.attribute[0].t)))
        self.nodes = [node for node in graph.node if node.op_type != "Constant"]
        self.first = next(node for node in self.nodes if node.op_type in ("Conv", "Pad")).input[0]
        joined = [list(node.input) for node in self.nodes if node.op_type == "Concat" and node.output[0] == "inner"]
        has_inner = any("inner" in node.output for node in self.nodes)
        self.inner = joined[0] if joined else ["inner"] if has_inner else None
        """The tensors that `inner` consists of; None: the bundle explains the last activations."""

    def run(self, known: dict[str, Tensor]) -> dict[str, Tensor]:
        """@param known the first convolution's input, or activations; whatever needs something unknown is left out"""
        values = self.weights | known
        for node in self.nodes:
            if (
                node.output[0] not in values
                and all(name in values for name in node.input if name)
                and node.op_type != "Resize"
            ):
                values[node.output[0]] = operation(node, [values[name] if name else None for name in node.input])
        return values


def operation(node: onnx.NodeProto, inputs: list) -> Tensor:
    """@raises KeyError for an operation that no bundle has"""
    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    return {
        "Conv": lambda x, w, b=None: F.conv2d(
            x, w, b, given["strides"], symmetric(given), given["dilations"], given["group"]
        ),
        "Pad": lambda x, pads, value=None: F.pad(x, [int(pads[at]) for at in (3, 7, 2, 6)]),
        "Concat": lambda *parts: torch.cat(parts, given["axis"]),
        "Identity": lambda x: x,
        "Relu": lambda x: F.relu(x),
        "Clip": lambda x, low, high: x.clamp(low, high),
        "MaxPool": lambda x: F.max_pool2d(x, given["kernel_shape"], given["strides"], symmetric(given)),
        "Add": lambda x, y: x + y,
        "ReduceMean": lambda x: x.mean(tuple(given["axes"]), bool(given.get("keepdims", 1))),
        "GlobalAveragePool": lambda x: x.mean((2, 3), True),
        "Flatten": lambda x: x.flatten(given.get("axis", 1)),
        "ConstantOfShape": lambda shape: torch.zeros([int(one) for one in shape], dtype=torch.int64),
        "Reshape": lambda x, shape: x.reshape([int(one) for one in shape]),
        "Slice": lambda x, *limits: sliced(x, *limits),
        "Transpose": lambda x: x.permute(given["perm"]),
        "Cast": lambda x: x.to(torch.int64),
        "Gemm": lambda x, w, b: F.linear(x, w if given.get("transB") else w.T, b),
    }[node.op_type](*inputs)


def sliced(x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor, steps: Tensor) -> Tensor:
    """Along one axis; the exported paddings turn a list about with a step of −1."""
    length, axis = x.shape[int(axes[0])], int(axes[0])
    places = list(range(length))[slice(int(starts[0]), max(int(ends[0]), -length - 1), int(steps[0]))]
    return x.index_select(axis, torch.tensor(places))


def symmetric(given: dict) -> list[int]:
    pads = given["pads"]
    assert pads[: len(pads) // 2] == pads[len(pads) // 2 :], "torch pads both sides alike"
    return pads[: len(pads) // 2]


class Sequence:
    """sequence.onnx as torch.nn.LSTM between the selector and the head."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        weights = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
        layers = [node for node in graph.node if node.op_type == "LSTM"]
        self.centre, self.projection = weights["centre"], weights["projection"]
        self.head_bias = weights["head.bias"]
        self.head_weight = next(weights[node.input[1]] for node in reversed(graph.node) if node.op_type == "MatMul")
        inputs, hidden = weights[layers[0].input[1]].shape[2], weights[layers[0].input[2]].shape[2]
        self.lstm = torch.nn.LSTM(inputs, hidden, num_layers=len(layers), bidirectional=True)
        for index, node in enumerate(layers):
            self.fill(index, *(weights[name] for name in node.input[1:4]))

    def fill(self, layer: int, w: Tensor, r: Tensor, b: Tensor) -> None:
        state = self.lstm.state_dict()
        for direction, suffix in enumerate(("", "_reverse")):
            biases = b[direction].chunk(2)
            for name, source in (
                ("weight_ih", w[direction]),
                ("weight_hh", r[direction]),
                ("bias_ih", biases[0]),
                ("bias_hh", biases[1]),
            ):
                gates = source.chunk(4)
                state[f"{name}_l{layer}{suffix}"].copy_(torch.cat([gates[index] for index in ONNX_TO_TORCH_GATES]))

    def run(self, features: Tensor, logits: Tensor) -> Tensor:
        """[S, F] and [S, 6] → [S, 6]"""
        probabilities = torch.sigmoid(logits)
        hidden, _ = self.lstm(torch.cat([(features - self.centre) @ self.projection, probabilities], 1))
        return torch.cat([hidden, probabilities], 1) @ self.head_weight + self.head_bias


def joint_grad_cam(
    cnn: Cnn,
    sequence: Sequence,
    outputs: list[dict[str, Tensor]],
    slice_index: int,
    class_index: int,
    shifts: list[float] | None,
) -> np.ndarray:
    """[h, w]: gradients flow from one sequence logit back into the activations of its slice."""
    names = cnn.inner or ["activations"]
    activations = [outputs[slice_index][name].detach().clone().requires_grad_(True) for name in names]
    own = cnn.run(dict(zip(names, activations, strict=True)))
    rows = [own if index == slice_index else one for index, one in enumerate(outputs)]
    logits = sequence.run(torch.cat([one["features"] for one in rows]), torch.cat([one["logits"] for one in rows]))
    gradients = torch.autograd.grad(logits[slice_index, class_index], activations)
    if cnn.inner is None:
        gradients = [one.sum((2, 3), keepdim=True) for one in gradients]
    parts = [(one * seen).sum(1, keepdim=True) for one, seen in zip(gradients, activations, strict=True)]
    return (
        F.relu(sum(moved(part, by) for part, by in zip(parts, shifts or [0.0] * len(parts), strict=True)))[0, 0]
        .detach()
        .numpy()
    )


def moved(map_: Tensor, by: float) -> Tensor:
    """[1, 1, h, w] with what lies `by` cells further on in both directions at every place; the border stands beyond
    it."""
    rows, columns = map_.shape[2:]

    def at(cells):
        return torch.arange(cells) + by

    across, down = torch.meshgrid((at(columns) * 2 + 1) / columns - 1, (at(rows) * 2 + 1) / rows - 1, indexing="xy")
    return F.grid_sample(
        map_, torch.stack([across, down], -1)[None], mode="bilinear", padding_mode="border", align_corners=False
    )


def triage(bundle: Path, folder: Path, targets: list[tuple[str, str]]) -> dict:
    manifest = json.loads((bundle / "manifest.json").read_text())
    cnn, sequence = Cnn(bundle / "cnn.onnx"), Sequence(bundle / "sequence.onnx")
    stack = read_stack(folder)
    images = [hounsfield(one) for one in stack]
    orientation = [float(cosine) for cosine in stack[0].ImageOrientationPatient]
    outputs = []
    with torch.no_grad():
        for hu in images:
            ran = cnn.run({cnn.first: channels(radiological(hu, orientation), manifest["preprocessing"])})
            outputs.append({name: ran[name] for name in (*(cnn.inner or ["activations"]), "features", "logits")})
        logits = torch.cat([one["logits"] for one in outputs])
        joint = sequence.run(torch.cat([one["features"] for one in outputs]), logits)
    probabilities = torch.sigmoid(joint / torch.tensor(manifest["calibration"]["temperature"]))
    places = {str(one.SOPInstanceUID): index for index, one in enumerate(stack)}
    shifts = manifest.get("heatMap", {}).get("shiftCells")
    maps = []
    for uid, name in targets:
        map_ = joint_grad_cam(cnn, sequence, outputs, places[uid], manifest["classes"].index(name), shifts)
        map_ = radiological(map_, orientation, back=True)
        maps.append(
            {
                "sopInstanceUid": uid,
                "class": name,
                "rows": map_.shape[0],
                "columns": map_.shape[1],
                "values": map_.ravel().tolist(),
            }
        )
    return {
        "slices": [
            {
                "sopInstanceUid": str(one.SOPInstanceUID),
                "huSha256": hashlib.sha256(images[index].tobytes()).hexdigest(),
                "cnnProbabilities": torch.sigmoid(logits[index]).tolist(),
                "probabilities": probabilities[index].tolist(),
            }
            for index, one in enumerate(stack)
        ],
        "maps": maps,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--targets", default="")
    asked = parser.parse_args()
    wanted = [tuple(one.rsplit(":", 1)) for one in asked.targets.split(",") if one]
    print(json.dumps(triage(asked.bundle, asked.folder, wanted)))
