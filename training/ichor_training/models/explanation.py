"""What a bundle's heat maps can explain, found out by trying: the decision that is shown, or less, and why."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from .explain import export_explain
from .networks import CnnAlone, SequenceNet, SliceNet


@dataclass(frozen=True)
class Explanation:
    joint: bool
    """Whether maps are of the sequence model's decision; else Grad-CAM of the CNN."""
    inner: bool
    """Whether maps are of an inner layer; else of the last."""
    why: str
    """What stands against more, in sentences; empty when nothing does."""

    @property
    def grad_cam(self) -> str:
        """As the manifest says it."""
        return "sequence" if self.joint else "cnn"


def explanation_of(cnn: SliceNet, sequence: nn.Module) -> Explanation:
    """@param sequence a sequence model or CnnAlone"""
    joint, reasons = isinstance(sequence, SequenceNet), []
    if not joint and not isinstance(sequence, CnnAlone):
        reasons.append(
            f"The gradient of {type(sequence).__name__} is not derived as a graph: heat maps are Grad-CAM of the CNN "
            "alone, whose decision on a slice may differ from the one shown."
        )
    with tempfile.TemporaryDirectory() as folder:
        fault = fault_of(lambda: export_explain(cnn, Path(folder) / "explain.onnx"))
    if fault is not None:
        reasons.append(f"The CNN's inner layers cannot be explained ({fault}): heat maps are those of its last layer.")
    return Explanation(joint, fault is None, " ".join(reasons))


def fault_of(attempt) -> str | None:
    """What stands against it, in short; None when it succeeds."""
    try:
        attempt()
    except Exception as error:  # whatever torch or onnx make of an operation that they do not know is the reason
        return " ".join(str(error).split())[:300] or type(error).__name__
    return None
