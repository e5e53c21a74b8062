"""What the networks of a run say of its held-out patients, and figures of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..measure.metrics import auc, challenge_loss, maximum_per_group
from ..models.networks import CnnAlone, SequenceModel
from .configuration import Experiment
from .facts import Cnn, Data, judged_made
from .features import scans_on_disk
from .pipeline import present, read_arrays
from .train_sequence import run_sequence


def judge(
    experiment: Experiment, cnn: Cnn, sequence: SequenceModel | CnnAlone, data: Data, features: Path, run: Path
) -> dict:
    """Held-out patients: logits → `held-out.npz`, figures → `figures.json`. Empty when nobody was held out."""
    if len(data.test.labels) == 0:
        return {}
    made = judged_made(experiment, cnn, data)
    outcome = held_out_logits(cnn, sequence, data, features / "held-out", experiment.seed)
    figures = {name: figures_of(outcome["labels"], outcome[name], outcome["patient"]) for name in ("cnn", "sequence")}
    figures |= {"patients": len(np.unique(outcome["patient"])), "slices": len(outcome["labels"])}
    run.mkdir(parents=True, exist_ok=True)
    np.savez(run / "held-out.npz", **outcome, made=made.text)
    (run / "figures.json").write_text(json.dumps(figures | {"made": made.digest}, indent=2) + "\n")
    return figures


def held_out_logits(
    cnn: Cnn, sequence: SequenceModel | CnnAlone, data: Data, folder: Path, seed: int
) -> dict[str, np.ndarray]:
    """`cnn` and `sequence` logits [N, 6], `labels` [N, 6], `patient` [N]."""
    scans = scans_on_disk(cnn, data.test, folder, None, seed)
    joint = [run_sequence(sequence, *one) for one in zip(scans.features, scans.logits, strict=True)]
    return {
        "cnn": np.concatenate(scans.logits),
        "sequence": np.concatenate(joint),
        "labels": np.concatenate(scans.labels),
        "patient": data.test.patient,
    }


def saved_outcome(experiment: Experiment, cnn: Cnn, data: Data, run: Path) -> dict[str, np.ndarray] | None:
    """What `judge` kept; None when nobody was held out. @raises MadeOtherwise"""
    if len(data.test.labels) == 0:
        return None
    return read_arrays(present(run / "held-out.npz", "train-sequence"), judged_made(experiment, cnn, data))


def figures_of(labels: np.ndarray, logits: np.ndarray, patient: np.ndarray) -> dict[str, float | None]:
    """AUC of any hemorrhage, None where there is only one kind; the loss over all classes."""
    truth = maximum_per_group(labels[:, -1], patient)
    return {
        "challengeLogLoss": round(challenge_loss(labels, logits), 5),
        "anySliceAuc": rounded(auc(labels[:, -1], logits[:, -1])),
        "anyPatientAuc": rounded(auc(truth, maximum_per_group(logits[:, -1], patient))),
    }


def rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
