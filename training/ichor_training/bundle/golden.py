"""Golden values: inputs and what PyTorch makes of them, for the self-test when a bundle is loaded, and the check at
export."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from ..data.neighbours import amid_neighbours
from ..models.explain import maps_by_autograd
from ..models.explanation import Explanation
from ..models.networks import CnnAlone, SequenceModel, SliceNet

SLICES, CLASSES_AT = [1, 3], [5, 0]
"""The targets of the gradient."""
EXPLAINED = 1
"""The slice whose maps are golden values: its inner activations under the gradients of the targets."""


def head_like() -> np.ndarray:
    """int16 [2, 96, 80]: two synthetic slices with skull, brain, ventricle, noise; the second with a bleed. Not of a
    patient."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[-1:1:96j, -1:1:80j]
    radius = np.hypot(rows / 0.9, columns / 0.82)
    hu = np.where(radius < 0.9, 32.0, np.where(radius < 1.0, 900.0, -1000.0))
    hu = np.where(np.hypot(rows / 0.25, columns / 0.12) < 1, 6.0, hu)
    bleed = np.where(np.hypot((rows - 0.2) / 0.22, (columns - 0.4) / 0.2) < 1, 68.0, hu)
    return np.clip(np.stack([hu, bleed]) + rng.normal(0, 4, (2, 96, 80)), -1024, 3071).astype(np.int16)


def slices_for(cnn: SliceNet, hu: np.ndarray) -> np.ndarray:
    """The slices of one scan as the network takes them: [N, H, W], with neighbours [N, K, H, W]."""
    return amid_neighbours(hu, cnn.neighbours) if cnn.neighbours else hu


@torch.no_grad()
def golden_outputs(
    cnn: SliceNet, sequence: SequenceModel | CnnAlone, explanation: Explanation
) -> dict[str, np.ndarray]:
    """By name, the inputs among them."""
    hu = slices_for(cnn, head_like())
    features, logits, cams, _ = cnn(torch.from_numpy(hu))
    scan = features.repeat(3, 1)[:5] * torch.linspace(0.6, 1.4, 5)[:, None]
    scan_logits = cnn.head(scan)
    decides = sequence if explanation.joint else CnnAlone()
    gradients = [joint_gradient(cnn, decides, scan, t, c) for t, c in zip(SLICES, CLASSES_AT, strict=True)]
    influences = [influence(decides, scan, scan_logits, t, c) for t, c in zip(SLICES, CLASSES_AT, strict=True)]
    tensors = {
        "features": features,
        "logits": logits,
        "cams": cams,
        "scan": scan,
        "scanLogits": scan_logits,
        "sequenceLogits": sequence(scan, scan_logits),
    }
    weights = np.stack(gradients)
    if explanation.inner:
        tensors["maps"] = maps_by_autograd(cnn, torch.from_numpy(hu[EXPLAINED:]), torch.from_numpy(weights))
    return {"hu": hu, "weights": weights, "influence": np.stack(influences, 1)} | {
        name: one.numpy() for name, one in tensors.items()
    }


@torch.enable_grad()
def joint_gradient(
    cnn: SliceNet, sequence: SequenceModel | CnnAlone, features: torch.Tensor, target: int, klass: int
) -> np.ndarray:
    """[F]: d logit[target, klass] / d features[target] by autograd, through selector, LSTM and CNN probabilities."""
    inputs = features.detach().clone().requires_grad_(True)
    logit = sequence(inputs, cnn.head(inputs))[target, klass]
    return torch.autograd.grad(logit, inputs)[0][target].numpy()


@torch.enable_grad()
def influence(
    sequence: SequenceModel | CnnAlone, features: torch.Tensor, logits: torch.Tensor, target: int, klass: int
) -> np.ndarray:
    """[S]: L2 norm of d logit[target, klass] / d (LSTM input) of every slice, by autograd."""
    if isinstance(sequence, CnnAlone):
        return np.eye(len(features), dtype=np.float32)[target]
    probabilities = torch.sigmoid(logits).detach().unsqueeze(1)
    inputs = sequence.inputs(features.unsqueeze(1), probabilities).detach().requires_grad_(True)
    logit = sequence.decide(inputs, probabilities)[target, 0, klass]
    return torch.autograd.grad(logit, inputs)[0].squeeze(1).norm(dim=-1).numpy()


def golden_file(outputs: dict[str, np.ndarray], tolerance: float) -> dict:
    def part(**names):
        return {name: tensor(outputs[key]) for name, key in names.items()}

    return {
        "cnn": part(hu="hu", features="features", logits="logits", cams="cams"),
        "sequence": part(features="scan", logits="scanLogits", sequenceLogits="sequenceLogits"),
        "sequenceGrad": {"targetSlice": SLICES, "targetClass": CLASSES_AT}
        | part(weights="weights", influence="influence"),
        "toleranceAbsolute": tolerance,
    } | ({"explain": {"slice": EXPLAINED} | part(maps="maps")} if "maps" in outputs else {})


def tensor(values: np.ndarray) -> dict:
    kind = "int16Base64" if values.dtype == np.int16 else "float32Base64"
    data = values.astype("<i2" if values.dtype == np.int16 else "<f4")
    return {"shape": list(values.shape), kind: base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()}


def values_of(stored: dict) -> np.ndarray:
    """What `tensor` stored."""
    kind = "int16Base64" if "int16Base64" in stored else "float32Base64"
    return np.frombuffer(base64.b64decode(stored[kind]), "<i2" if kind == "int16Base64" else "<f4").reshape(
        stored["shape"]
    )


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference_from_golden(folder: Path, outputs: dict[str, np.ndarray]) -> float:
    """The largest difference of any output of the graphs, relative to that output's largest value where it exceeds 1:
    the worker's measure.

    Maps have no size of their own: they are compared relative to their largest value always.
    """
    scan = {"features": outputs["scan"], "logits": outputs["scanLogits"]}
    targets = {"target_slice": np.array(SLICES), "target_class": np.array(CLASSES_AT)}
    cnn = session(folder / "cnn.onnx").run(["features", "logits", "cams"], {"hu": outputs["hu"]})
    joint = session(folder / "sequence.onnx").run(["sequence_logits"], scan)
    gradient = session(folder / "sequence_grad.onnx").run(["weights", "influence"], scan | targets)
    least = dict.fromkeys(["features", "logits", "cams", "sequenceLogits", "weights", "influence"], 1.0)
    maps = []
    if "maps" in outputs:
        inner = session(folder / "cnn.onnx").run(["inner"], {"hu": outputs["hu"]})[0]
        feeds = {"inner": inner[EXPLAINED:], "weights": outputs["weights"]}
        maps, least = session(folder / "explain.onnx").run(["maps"], feeds), least | {"maps": 1e-9}

    def differ(name, ours):
        return float(np.abs(ours - outputs[name]).max() / max(least[name], np.abs(outputs[name]).max()))

    return max(differ(name, ours) for name, ours in zip(least, [*cnn, *joint, *gradient, *maps], strict=True))


@torch.no_grad()
def largest_probability_difference(
    folder: Path, cnn: SliceNet, sequence: SequenceModel | CnnAlone, hu: np.ndarray
) -> float:
    """Over the slices taken as one scan, through both graphs as production chains them, against PyTorch; CNN and
    sequence alike. @param hu as the network takes them"""
    graph, worst = session(folder / "cnn.onnx"), 0.0
    ours, theirs = ([], []), ([], [])
    for start in range(0, len(hu), 4):
        part = np.ascontiguousarray(hu[start : start + 4])
        for into, outputs in (
            (ours, graph.run(["features", "logits"], {"hu": part})),
            (theirs, [one.numpy() for one in cnn(torch.from_numpy(part))[:2]]),
        ):
            into[0].append(outputs[0])
            into[1].append(outputs[1])
    features, logits = (np.concatenate(one) for one in ours)
    expected_features, expected = (np.concatenate(one) for one in theirs)
    joint = session(folder / "sequence.onnx").run(["sequence_logits"], {"features": features, "logits": logits})[0]
    expected_joint = sequence(torch.from_numpy(expected_features), torch.from_numpy(expected)).numpy()
    for one, other in ((logits, expected), (joint, expected_joint)):
        worst = max(worst, float(np.abs(probability(one) - probability(other)).max()))
    return worst


def probability(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))
