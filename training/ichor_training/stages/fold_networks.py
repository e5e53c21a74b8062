"""Networks of a fold from their files of weights, and what they say of its held-out studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..data.fold_dicom import uid
from ..data.studies import Studies
from ..measure.metrics import sigmoid
from ..models.networks import CnnAlone, SequenceNet, SliceNet
from .experiment import Experiment, experiment_of
from .train_cnn import run
from .train_sequence import run_sequence


def load_networks(backbone: str, cnn_path: Path, sequence_path: Path | None) -> tuple[SliceNet, SequenceNet | CnnAlone]:
    """@raises FileNotFoundError, ValueError for an unknown backbone"""
    cnn = SliceNet(backbone).eval()
    cnn.load_state_dict(torch.load(cnn_path, map_location="cpu", weights_only=True))
    return cnn, CnnAlone() if sequence_path is None else load_sequence(cnn, sequence_path)


def load_sequence(cnn: SliceNet, path: Path) -> SequenceNet:
    """Its sizes are read from the weights."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    layers = sum(key.startswith("lstm.weight_ih") and not key.endswith("reverse") for key in state)
    hidden, selected = state["lstm.weight_hh_l0"].shape[1], state["projection"].shape[1]
    net = SequenceNet(
        cnn.backbone.features, selected, hidden, layers, predictions_at_head=state["head.weight"].shape[1] > 2 * hidden
    )
    net.load_state_dict(state)
    return net.eval()


def experiment_of_networks(name: str, backbone: str, seed: int, sequence: SequenceNet | CnnAlone) -> Experiment:
    """What a manifest needs to know of networks that were trained elsewhere; PCA is what the default bundle selects
    with."""
    selector = None if isinstance(sequence, CnnAlone) else {"kind": "pca", "count": sequence.selected}
    return experiment_of({"name": name, "backbone": backbone, "seed": seed, "selector": selector}, name)


def predict(cnn: SliceNet, sequence: SequenceNet | CnnAlone, test: Studies) -> dict[str, np.ndarray]:
    """`cnn` and `sequence` logits [N, 6], `labels` [N, 6], `patient` [N], `uid` [N]: the SOP Instance UIDs that
    fold-dicom gives."""
    features, logits = run(cnn, test.hu)
    joint = np.concatenate([run_sequence(sequence, features[rows], logits[rows]) for rows in test.ranges()])
    uids = [
        uid(test.patient[row], int(test.study[row]), number)
        for rows in test.ranges()
        for number, row in enumerate(rows)
    ]
    return {"cnn": logits, "sequence": joint, "labels": test.labels, "patient": test.patient, "uid": np.array(uids)}


def probabilities(outcome: dict[str, np.ndarray]) -> list[dict]:
    """One entry per slice."""

    def rounded(logits):
        return [round(float(value), 6) for value in sigmoid(logits)]

    slices = zip(outcome["uid"], outcome["cnn"], outcome["sequence"], strict=True)
    return [{"sopInstanceUid": str(one), "cnn": rounded(cnn), "sequence": rounded(joint)} for one, cnn, joint in slices]
