"""The manifest of a bundle: what a program checks, and what a person wants to know before using it (schema
`ichor-bundle/1`)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx
from torch import Tensor

from .. import CLASSES
from ..models.backbones import make_backbone
from ..models.explain import STRIDE, halves, members, shift
from ..models.explanation import Explanation
from ..models.networks import SIDE, Preprocessing
from ..models.start_weights import ATTRIBUTION
from .sources import SOURCES

DEFAULT_THRESHOLDS = {"balanced": dict.fromkeys(CLASSES, 0.5), "high-sensitivity": dict.fromkeys(CLASSES, 0.3)}
LIMITS_ALWAYS = ["A clear study is not a negative read."]
LIMITS_FEW = [
    "Trained on few patients of one hospital and on synthetic images; scores are uncertain elsewhere.",
    "Subdural, intraventricular and subarachnoid hemorrhage: only 3, 4 and 6 patients in all; no claim per subtype.",
]


def manifest(out: Path, version: str, report: dict) -> dict:
    """@param report `experiment` (backbone, selector, …), `temperature`, `thresholds`, and either `counts` of real and
    synthetic
    data as the build of the default bundle gives them, or `training`, entries of SOURCES with counts
    """
    plan = report["experiment"]
    known = (
        "experiment",
        "temperature",
        "thresholds",
        "thresholdSource",
        "counts",
        "training",
        "precision",
        "explanation",
        "preprocessing",
        "neighbours",
        "limits",
    )
    return {
        "schema": "ichor-bundle/1",
        "name": plan.get("name") or f"ichor-{plan['backbone'].replace('_', '-')}",
        "version": version,
        "variant": variant(plan),
        "classes": CLASSES,
        "files": {
            "cnn": graph_file(out / "cnn.onnx"),
            "sequence": graph_file(out / "sequence.onnx"),
            "sequenceGrad": graph_file(out / "sequence_grad.onnx"),
            **({"explain": graph_file(out / "explain.onnx")} if report["explanation"].inner else {}),
            "golden": plain_file(out / "golden.json"),
            "modelCard": plain_file(out / "MODEL_CARD.md"),
        },
        "preprocessing": preprocessing(report["preprocessing"], report["neighbours"]),
        "selector": plan["selector"],
        "gradCam": report["explanation"].grad_cam,
        "heatMap": heat_map(plan["backbone"], report["explanation"]),
        "precision": report["precision"],
        "calibration": {"temperature": report["temperature"]},
        "thresholds": {"default": "balanced", "sets": report["thresholds"], "source": threshold_source(report)},
        "outOfDomain": None,
        "training": training_data(report),
        "metrics": {key: report[key] for key in report if key not in known},
        "intendedUse": "Research and demonstration of triage of non-contrast head CT for intracranial hemorrhage. "
        "Not a medical device.",
        "limits": report.get("limits", LIMITS_FEW) + LIMITS_ALWAYS,
    }


def preprocessing(used: Preprocessing, neighbours: int) -> dict:
    """As the graph has it; `bundle verify` compares both."""
    count = len(used.named)
    return {
        "neighbours": neighbours,
        "windows": [{"name": name, "centerHu": centre, "widthHu": width} for name, centre, width in used.named],
        "resize": {
            "rows": SIDE,
            "columns": SIDE,
            "method": "bilinear",
            "halfPixelCentres": True,
            "antialias": False,
        },
        "normalisation": {"mean": numbers(used.mean)[:count], "standardDeviation": numbers(used.deviation)[:count]},
    }


def numbers(tensor: Tensor) -> list[float]:
    return [round(value, 6) for value in tensor.flatten().tolist()]


def heat_map(backbone: str, explanation: Explanation) -> dict:
    """Which layer maps come from, how far each part of the network is moved to lie where its cells look, and why not
    more is explained."""
    why = {"why": explanation.why} if explanation.why else {}
    if not explanation.inner:
        return {"layer": f"the last, at a stride of {2 * STRIDE}", "cells": SIDE // STRIDE // 2} | why
    parts = [halves(member)[0] for member in members(make_backbone(backbone))]
    return {
        "layer": f"the last but one at a stride of {STRIDE}",
        "cells": SIDE // STRIDE,
        "shiftCells": [round(shift(part), 6) for part in parts],
    } | why


def variant(plan: dict) -> str:
    selector = plan["selector"]
    if selector["kind"] == "none":
        return "cnn-alone"
    sequence = plan.get("sequence") or {}
    head, kind = sequence.get("predictions_at_head", True), sequence.get("kind", "bilstm")
    told = "" if kind == "bilstm" else f"{kind}:"
    return f"{told}{selector['kind']}-{selector['count']}{'+predictions' if head else ''}"


def threshold_source(report: dict) -> str:
    if "thresholdSource" in report:
        return report["thresholdSource"]
    folds = report["experiment"]["folds"]
    return f"out-of-fold predictions of {report['patients']} patients of CT-ICH 1.0.0, patient-wise, folds {folds} of 5"


def training_data(report: dict) -> list[dict]:
    """Data with their licences and counts, and the start weights."""
    data = report.get("training")
    if data is None:
        data = [SOURCES["CT-ICH 1.0.0"] | report["counts"]["real"], SOURCES["phantoms"] | report["counts"]["synthetic"]]
    plan = report["experiment"]
    return data + ([ATTRIBUTION[plan["backbone"]]] if plan.get("start") == "imagenet" else [])


def plain_file(path: Path) -> dict:
    data = path.read_bytes()
    return {"path": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


TYPES = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT16: "int16", onnx.TensorProto.INT64: "int64"}


def graph_file(path: Path) -> dict:
    graph = onnx.load(path).graph

    def describe(v):
        return {
            "name": v.name,
            "type": TYPES[v.type.tensor_type.elem_type],
            "shape": [d.dim_value if d.HasField("dim_value") else d.dim_param for d in v.type.tensor_type.shape.dim],
        }

    return plain_file(path) | {
        "inputs": [describe(v) for v in graph.input],
        "outputs": [describe(v) for v in graph.output],
    }
