"""Whether a network can become a bundle, found out before it is trained: its graph, and that behind its heat maps."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import torch

from ..models.explain import export_explain
from ..models.graphs import export_cnn
from ..models.networks import SliceNet


@cache
def export_fault(backbone: str) -> str | None:
    """What stands against it, in a sentence; None when nothing does. Weights do not matter: random ones are tried."""
    state = torch.get_rng_state()
    try:
        net = SliceNet(backbone).eval()
        with tempfile.TemporaryDirectory() as folder:
            for what, export in (("exported as a graph", export_cnn), ("explained", export_explain)):
                fault = tried(net, Path(folder) / "graph.onnx", export)
                if fault:
                    return f"backbone {backbone} cannot be {what}: {fault}"
    finally:
        torch.set_rng_state(state)
    return None


def tried(net: SliceNet, path: Path, export) -> str | None:
    try:
        export(net, path)
    except Exception as error:  # whatever torch or onnx make of an operation that they do not know is the reason
        return " ".join(str(error).split())[:300] or type(error).__name__
    return None
