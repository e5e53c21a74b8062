"""A submission to the RSNA 2019 challenge from a run's networks, on the series that import-rsna kept without labels.

Uncalibrated, as the paper submits. `ichor predict --kaggle` gives one through production, calibrated and with its
refusals.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from .. import CLASSES
from ..data.neighbours import slices_of
from ..data.studies import Studies
from ..measure.metrics import sigmoid
from ..models.networks import CnnAlone, SequenceModel, SliceNet
from .train_cnn import run
from .train_sequence import run_sequence


def instance_scores(cnn: SliceNet, sequence: SequenceModel | CnnAlone, folder: Path) -> dict[str, np.ndarray]:
    """SOP Instance UID → six probabilities of the sequence model.
    @param folder as import-rsna writes it: `slices.npz` names the instances
    @raises FileNotFoundError without it, ValueError where it names none
    """
    studies = Studies.load(folder)
    with np.load(folder / "slices.npz") as stored:
        if "instance" not in stored.files:
            raise ValueError(f"{folder} names no instances: import it anew")
        instances = stored["instance"]
    scores = {}
    for rows in studies.ranges():
        features, logits = run(cnn, slices_of(studies, rows, cnn.neighbours))
        joint = sigmoid(run_sequence(sequence, features, logits))
        scores |= dict(zip(instances[rows].tolist(), joint, strict=True))
    return scores


def write_submission(scores: dict[str, np.ndarray], sample: Path, out: Path) -> tuple[int, int]:
    """Exactly the rows of the sample, in their order; a row without a score keeps the sample's value.
    @returns rows with a score, and rows without
    @raises ValueError naming a row that is not the challenge's
    """
    scored = rows = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with sample.open(newline="") as given, out.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["ID", "Label"])
        for row in csv.DictReader(given):
            instance, _, name = row.get("ID", "").rpartition("_")
            if name not in CLASSES or "Label" not in row:
                raise ValueError(f"{sample}: the row {','.join(map(str, row.values()))} is not ID_<instance>_<class>,…")
            own = scores.get(instance)
            table.writerow([row["ID"], row["Label"] if own is None else f"{own[CLASSES.index(name)]:.12f}"])
            scored, rows = scored + (own is not None), rows + 1
    return scored, rows - scored
