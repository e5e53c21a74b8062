"""A trained pair of networks as a bundle: ONNX graphs, golden values, manifest, model card."""
from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import torch

from . import CLASSES
from .model_card import model_card
from .models import MEAN, SIDE, STANDARD_DEVIATION, WINDOWS, SequenceNet, SliceNet
from .sequence_gradient import OPSET, sequence_gradient

TOLERANCE = 1e-3
CT_ICH = {
    "name": "CT-ICH 1.0.0",
    "licence": "CC BY 4.0",
    "attribution": "Hssayeni M. et al., Computed Tomography Images for Intracranial Hemorrhage Detection and Segmentation, "
    "PhysioNet 2020, doi 10.13026/w8q8-ky94; Data 2020, 5(1), 14",
}
PHANTOMS = {"name": "Ichor phantoms (synthetic)", "licence": "MIT", "attribution": "made by `ichor phantom`"}


def write_bundle(out: Path, version: str, cnn: SliceNet, sequence: SequenceNet, report: dict) -> None:
    """Writes the bundle folder; the manifest comes last."""
    out.mkdir(parents=True, exist_ok=True)
    cnn, sequence = cnn.eval().float().to(memory_format=torch.contiguous_format), sequence.eval().float()
    export_cnn(cnn, out / "cnn.onnx")
    export_sequence(cnn, sequence, out / "sequence.onnx")
    onnx.save(sequence_gradient(sequence, cnn.head.weight.detach().numpy()), out / "sequence_grad.onnx")
    (out / "golden.json").write_text(json.dumps(golden(cnn, sequence)))
    (out / "MODEL_CARD.md").write_text(model_card(version, report))
    (out / "manifest.json").write_text(json.dumps(manifest(out, version, report), indent=2) + "\n")


def export_cnn(cnn: SliceNet, path: Path) -> None:
    names = ["features", "logits", "cams", "activations"]
    axes = {"hu": {0: "N", 1: "H", 2: "W"}} | {name: {0: "N"} for name in names}
    axes |= {name: {0: "N", 2: "h", 3: "w"} for name in ("cams", "activations")}
    example = torch.zeros(2, 96, 80, dtype=torch.int16)
    torch.onnx.export(cnn, (example,), str(path), input_names=["hu"], output_names=names, dynamic_axes=axes, opset_version=OPSET, dynamo=False)


def export_sequence(cnn: SliceNet, sequence: SequenceNet, path: Path) -> None:
    example = (torch.zeros(5, cnn.backbone.features), torch.zeros(5, len(CLASSES)))
    axes = {name: {0: "S"} for name in ("features", "logits", "sequence_logits")}
    torch.onnx.export(
        sequence, example, str(path), input_names=["features", "logits"], output_names=["sequence_logits"], dynamic_axes=axes,
        opset_version=OPSET, dynamo=False,
    )


def tensor(values: np.ndarray) -> dict:
    kind = "int16Base64" if values.dtype == np.int16 else "float32Base64"
    data = values if values.dtype == np.int16 else values.astype("<f4")
    return {"shape": list(values.shape), kind: base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()}


def golden(cnn: SliceNet, sequence: SequenceNet) -> dict:
    """Inputs and PyTorch's outputs, for the self-test when a bundle is loaded."""
    rng = np.random.default_rng(7)
    hu = np.clip(rng.normal(30, 60, (2, 96, 80)), -1024, 1500).astype(np.int16)
    with torch.no_grad():
        features, logits, cams, _ = cnn(torch.from_numpy(hu))
        scan = features.repeat(3, 1)[:5] * torch.linspace(0.6, 1.4, 5)[:, None]
        scan_logits = cnn.head(scan)
        joint = sequence(scan, scan_logits)
    slices, classes = [1, 3], [5, 0]
    weights = np.stack([joint_gradient(cnn, sequence, scan, t, c) for t, c in zip(slices, classes)])
    return {
        "cnn": {"hu": tensor(hu), "features": tensor(features.numpy()), "logits": tensor(logits.numpy()), "cams": tensor(cams.numpy())},
        "sequence": {"features": tensor(scan.numpy()), "logits": tensor(scan_logits.numpy()), "sequenceLogits": tensor(joint.numpy())},
        "sequenceGrad": {"targetSlice": slices, "targetClass": classes, "weights": tensor(weights)},
        "toleranceAbsolute": TOLERANCE,
    }


def joint_gradient(cnn: SliceNet, sequence: SequenceNet, features: torch.Tensor, target: int, klass: int) -> np.ndarray:
    """[F]: d logit[target, klass] / d features[target] by autograd, through selector, LSTM and CNN probabilities."""
    inputs = features.detach().clone().requires_grad_(True)
    logit = sequence(inputs, cnn.head(inputs))[target, klass]
    return torch.autograd.grad(logit, inputs)[0][target].numpy()


def manifest(out: Path, version: str, report: dict) -> dict:
    plan = report["experiment"]
    return {
        "schema": "ichor-bundle/1",
        "name": f"ichor-{plan['backbone'].replace('_', '-')}",
        "version": version,
        "variant": f"{plan['selector']['kind']}-{plan['selector']['count']}+predictions",
        "classes": CLASSES,
        "files": {
            "cnn": graph_file(out / "cnn.onnx"),
            "sequence": graph_file(out / "sequence.onnx"),
            "sequenceGrad": graph_file(out / "sequence_grad.onnx"),
            "golden": plain_file(out / "golden.json"),
            "modelCard": plain_file(out / "MODEL_CARD.md"),
        },
        "preprocessing": {
            "windows": [{"name": name, "centerHu": centre, "widthHu": width} for name, centre, width in WINDOWS],
            "resize": {"rows": SIDE, "columns": SIDE, "method": "bilinear", "halfPixelCentres": True, "antialias": False},
            "normalisation": {"mean": MEAN, "standardDeviation": STANDARD_DEVIATION},
        },
        "selector": plan["selector"],
        "gradCam": "sequence",
        "calibration": {"temperature": report["temperature"]},
        "thresholds": {
            "default": "balanced",
            "sets": report["thresholds"],
            "source": f"out-of-fold predictions of {report['patients']} patients of CT-ICH 1.0.0, patient-wise, folds {plan['folds']} of 5",
        },
        "outOfDomain": None,
        "training": [CT_ICH | report["counts"]["real"], PHANTOMS | report["counts"]["synthetic"]],
        "metrics": {key: report[key] for key in report if key not in ("experiment", "temperature", "thresholds", "counts")},
        "intendedUse": "Research and demonstration of triage of non-contrast head CT for intracranial hemorrhage. Not a medical device.",
        "limits": [
            "Trained on few patients of one hospital and on synthetic images; scores are uncertain elsewhere.",
            "Subdural, intraventricular and subarachnoid hemorrhage: only 3, 4 and 6 patients in all; no claim per subtype.",
            "A clear study is not a negative read.",
        ],
    }


def plain_file(path: Path) -> dict:
    data = path.read_bytes()
    return {"path": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


TYPES = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT16: "int16", onnx.TensorProto.INT64: "int64"}


def graph_file(path: Path) -> dict:
    graph = onnx.load(path).graph
    describe = lambda v: {
        "name": v.name,
        "type": TYPES[v.type.tensor_type.elem_type],
        "shape": [d.dim_value if d.HasField("dim_value") else d.dim_param for d in v.type.tensor_type.shape.dim],
    }
    return plain_file(path) | {"inputs": [describe(v) for v in graph.input], "outputs": [describe(v) for v in graph.output]}
