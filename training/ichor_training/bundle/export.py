"""A trained pair of networks as a bundle: ONNX graphs, golden values and their check, manifest, model card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..models.explain import export_explain
from ..models.explanation import Explanation, explanation_of
from ..models.graphs import export_cnn, export_gradient, export_sequence
from ..models.networks import CnnAlone, SequenceModel, SliceNet
from .golden import (
    difference_from_golden,
    golden_file,
    golden_outputs,
    head_like,
    joint_gradient,
    largest_probability_difference,
    slices_for,
)
from .manifest import manifest
from .model_card import model_card
from .precision import FP32, Precision, quantise, store_weights_as_fp16

__all__ = ["ExportRefused", "export_cnn", "export_sequence", "joint_gradient", "write_bundle"]

TOLERANCE = 1e-3
"""Of the self-test for float32 graphs; smaller ones get half as much again as they were measured to differ."""


class ExportRefused(Exception):
    """The graphs differ from PyTorch more than the limit allows."""


def write_bundle(
    out: Path,
    version: str,
    cnn: SliceNet,
    sequence: SequenceModel | CnnAlone,
    report: dict,
    *,
    precision: Precision = FP32,
    calibration: np.ndarray | None = None,
    limit: float | None = None,
    card: str | None = None,
) -> float:
    """Writes the bundle folder; the manifest comes last, and only when the graphs agree with PyTorch.
    @param calibration int16 HU as the network takes it: slices to quantise with and to check on; without, synthetic
    ones are checked
    @param limit of the difference of a probability; default: that of the precision
    @returns the largest difference of a probability
    @raises ExportRefused, ValueError when 8 bits are wanted without calibration slices
    """
    if precision.quantised and calibration is None:
        raise ValueError("static quantisation needs calibration slices: name data with --data")
    out.mkdir(parents=True, exist_ok=True)
    (out / "manifest.json").unlink(missing_ok=True)
    cnn = cnn.eval().float().cpu().to(memory_format=torch.contiguous_format)
    sequence = sequence.eval().float().cpu()
    explanation = explanation_of(cnn, sequence)
    if explanation.why:
        print(f"{out}: {explanation.why}", flush=True)
    write_graphs(out, cnn, sequence, precision, calibration, explanation)
    difference = checked(out, cnn, sequence, calibration, precision.limit if limit is None else limit)
    outputs = golden_outputs(cnn, sequence, explanation)
    measured = difference_from_golden(out, outputs)
    tolerance = TOLERANCE if precision == FP32 else max(TOLERANCE, round(1.5 * measured, 4))
    if measured > tolerance:
        raise ExportRefused(f"{out}: golden values differ by {measured:.2g}, more than {tolerance:.2g}")
    (out / "golden.json").write_text(json.dumps(golden_file(outputs, tolerance)))
    (out / "MODEL_CARD.md").write_text((card or model_card(version, report)) + told(explanation))
    report = report | {"explanation": explanation, "preprocessing": cnn.preprocessing, "neighbours": cnn.neighbours}
    report = report | {"precision": asdict(precision) | {"largestProbabilityDifference": float(f"{difference:.3g}")}}
    (out / "manifest.json").write_text(json.dumps(manifest(out, version, report), indent=2) + "\n")
    return difference


def told(explanation: Explanation) -> str:
    """What the model card says of heat maps that explain less than the decision that is shown."""
    return f"\n## Heat maps\n\n{explanation.why}\n" if explanation.why else ""


def write_graphs(
    out: Path,
    cnn: SliceNet,
    sequence: SequenceModel | CnnAlone,
    precision: Precision,
    calibration: np.ndarray | None,
    explanation: Explanation,
) -> None:
    export_cnn(cnn, out / "cnn.onnx", explanation.inner)
    export_sequence(cnn, sequence, out / "sequence.onnx")
    export_gradient(cnn, sequence, out / "sequence_grad.onnx", explanation)
    (out / "explain.onnx").unlink(missing_ok=True)
    if explanation.inner:
        export_explain(cnn, out / "explain.onnx")
    if precision.quantised:
        quantise(out / "cnn.onnx", calibration)
    if precision.weights == "fp16":
        for graph in out.glob("*.onnx"):
            store_weights_as_fp16(graph)


def checked(
    out: Path, cnn: SliceNet, sequence: SequenceModel | CnnAlone, slices: np.ndarray | None, limit: float
) -> float:
    """@returns the largest difference of a probability @raises ExportRefused"""
    difference = largest_probability_difference(
        out, cnn, sequence, slices_for(cnn, head_like()) if slices is None else slices
    )
    print(f"{out}: largest |Δp| {difference:.2g}, limit {limit:.2g}", flush=True)
    if not difference <= limit:
        raise ExportRefused(
            f"{out}: a probability differs from PyTorch's by {difference:.2g}, more than {limit:.2g}; "
            "no manifest was written"
        )
    return difference
