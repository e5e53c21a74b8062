"""Networks of a fold from their files of weights, and what they say of its held-out studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..data.fold_dicom import uid
from ..data.neighbours import slices_of
from ..data.studies import Studies
from ..measure.metrics import sigmoid
from ..models.networks import CnnAlone, SequenceModel, SliceNet
from ..models.sequences import sequence_of
from ..provenance import Network, load_network, weights_digest
from .configuration import Experiment, experiment_of
from .facts import experiment_of_facts
from .pipeline import slice_net
from .train_cnn import run
from .train_sequence import run_sequence

DEFAULT_BACKBONE = "slim_resnext"


def load_networks(
    backbone: str | None, cnn_path: Path, sequence_path: Path | None
) -> tuple[SliceNet, SequenceModel | CnnAlone]:
    """@param backbone of a file that does not say it itself; None: the default bundle's
    @raises FileNotFoundError, ValueError for an unknown backbone, or another than the file's
    """
    network = load_network(cnn_path)
    known_backbone = network.made.facts["backbone"] if network.made else backbone or DEFAULT_BACKBONE
    if backbone not in (None, known_backbone):
        raise ValueError(f"{cnn_path} was made with backbone {known_backbone}, now {backbone}")
    cnn = (slice_net(network) if network.made else SliceNet(known_backbone)).eval()
    cnn.load_state_dict(network.state)
    if sequence_path is None:
        return cnn, CnnAlone()
    sequence = load_network(sequence_path)
    refuse_strangers(network, sequence, cnn_path, sequence_path)
    return cnn, sequence_of(sequence.state, cnn.backbone.features).eval()


def refuse_strangers(cnn: Network, sequence: Network, cnn_path: Path, sequence_path: Path) -> None:
    """@raises ValueError when the sequence model learned from another CNN"""
    if sequence.made is not None and sequence.made.facts["cnn_weights"] != weights_digest(cnn.state):
        raise ValueError(f"{sequence_path} was made with another CNN than {cnn_path}")


def refuse_known(held: Studies, *paths: Path | None) -> None:
    """@raises ValueError when a network, where its file says so, learned from a held-out patient"""
    for path in paths:
        made = load_network(path).made if path is not None else None
        both = held.people() & set(made.patients) if made else set()
        if both:
            raise ValueError(
                f"{len(both)} held-out patients were learned from by {path}: {', '.join(sorted(both)[:3])}"
            )


def experiment_of_networks(
    name: str, backbone: str | None, sequence: SequenceModel | CnnAlone, paths: list[Path | None], seed: int
) -> Experiment:
    """What a manifest needs to know: what the files say of themselves, else what their weights show."""
    made = [load_network(path).made for path in paths if path is not None]
    if made[-1] is not None:
        return experiment_of_facts(made[-1].facts, name, "0.0.0")
    backbone = made[0].facts["backbone"] if made[0] else backbone or DEFAULT_BACKBONE
    plan = {"name": name, "backbone": backbone, "seed": seed, "selector": shown_selector(sequence)}
    return experiment_of(plan, name)


def shown_selector(sequence: SequenceModel | CnnAlone) -> dict | None:
    """PCA is what the default bundle selects with."""
    if isinstance(sequence, CnnAlone):
        return None
    if sequence.selected == 0:
        return {"kind": "predictions-only", "count": 0}
    return {"kind": "pca", "count": sequence.selected}


def predict(cnn: SliceNet, sequence: SequenceModel | CnnAlone, test: Studies) -> dict[str, np.ndarray]:
    """`cnn` and `sequence` logits [N, 6], `labels` [N, 6], `patient` [N], `uid` [N]: the SOP Instance UIDs that
    fold-dicom gives."""
    features, logits = run(cnn, slices_of(test, np.arange(len(test.labels)), cnn.neighbours))
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
