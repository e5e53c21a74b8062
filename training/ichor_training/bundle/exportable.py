"""Whether networks can become a bundle, found out before they are trained: with random weights."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

from .. import CLASSES
from ..models.explanation import Explanation, explanation_of, fault_of
from ..models.graphs import export_cnn, export_sequence
from ..models.networks import CnnAlone, SequenceModel, SliceNet
from ..models.sequences import SEQUENCES
from ..stages.configuration import Selector, SequencePlan
from .golden import session

LENGTHS = (1, 2, 9)
"""Numbers of slices: an exported graph must not have learned one by heart."""
LARGEST_DIFFERENCE = 1e-3


@cache
def export_trial(backbone: str, neighbours: int, selector: Selector | None, plan: SequencePlan | None) -> Explanation:
    """What their heat maps will explain. @raises ValueError saying why they cannot become a bundle"""
    with torch.random.fork_rng(), tempfile.TemporaryDirectory() as folder:
        path, cnn = Path(folder) / "graph.onnx", SliceNet(backbone, neighbours).eval()
        fault = fault_of(lambda: export_cnn(cnn, path, inner=False))
        if fault:
            raise ValueError(f"backbone {backbone} cannot be exported as a graph: {fault}")
        sequence = CnnAlone()
        if selector is not None and plan is not None:
            sequence = SEQUENCES[plan.kind](cnn.backbone.features, selector.count, plan).eval()
            fault = fault_of(lambda: export_and_compare(cnn, sequence, path))
            if fault:
                raise ValueError(f"the sequence model {plan.kind} cannot be exported as a graph: {fault}")
        return explanation_of(cnn, sequence)


@torch.no_grad()
def export_and_compare(cnn: SliceNet, sequence: SequenceModel, path: Path) -> None:
    """@raises ValueError when the graph gives something else for scans of another length"""
    export_sequence(cnn, sequence, path)
    graph = session(path)
    for slices in LENGTHS:
        scan = torch.rand(slices, cnn.backbone.features), torch.randn(slices, len(CLASSES))
        feeds = dict(zip(("features", "logits"), (one.numpy() for one in scan), strict=True))
        difference = float(np.abs(graph.run(["sequence_logits"], feeds)[0] - sequence(*scan).numpy()).max())
        if not difference <= LARGEST_DIFFERENCE:
            raise ValueError(f"for {slices} slices the graph differs by {difference:.2g} from PyTorch")
