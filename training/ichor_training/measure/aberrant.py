"""One aberrant slice in a study without hemorrhage: does it flag the study? The CNN alone against the sequence model.

Held-out studies without hemorrhage get adjacent slices that look positive: the CNN outputs of the most positive slice
of another
held-out patient and of its neighbours, or a bright artefact painted into a slice. Scan level is the maximum over
slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.studies import Studies
from ..models.networks import SequenceNet, SliceNet
from ..stages.train_cnn import run
from ..stages.train_sequence import run_sequence
from .metrics import balanced_threshold, sigmoid

ANY = 5
COUNTS = [0, 1, 2, 3, 5]
"""Adjacent slices that look positive."""
PLACES = [0.35, 0.5, 0.65]
"""Where in the study, as a share of its slices."""
PATCH_HU, PATCH_RADIUS = 75.0, 0.06
"""An artefact as bright as fresh blood; the radius as a share of the image's side, about 14 mm."""


@dataclass(frozen=True)
class Scan:
    hu: np.ndarray
    features: np.ndarray
    logits: np.ndarray
    positive: bool


def scans_of(cnn: SliceNet, studies: Studies) -> list[Scan]:
    return [
        Scan(studies.hu[rows], *run(cnn, studies.hu[rows]), bool(studies.labels[rows][:, ANY].any()))
        for rows in studies.ranges()
    ]


def scores(sequence: SequenceNet, features: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
    """Scan-level logits of any hemorrhage: CNN alone, and sequence."""
    return float(logits[:, ANY].max()), float(run_sequence(sequence, features, logits)[:, ANY].max())


def transplanted(scan: Scan, donor: Scan, count: int, place: float) -> tuple[np.ndarray, np.ndarray]:
    """Features and logits with so many adjacent slices of the donor, its most positive one in their middle."""
    features, logits = scan.features.copy(), scan.logits.copy()
    best, at = int(donor.logits[:, ANY].argmax()), int(place * len(logits))
    for step in range(-((count - 1) // 2), count // 2 + 1):
        source, target = np.clip(best + step, 0, len(donor.logits) - 1), at + step
        if count and 0 <= target < len(logits):
            features[target], logits[target] = donor.features[source], donor.logits[source]
    return features, logits


def painted(cnn: SliceNet, scan: Scan, place: float) -> tuple[np.ndarray, np.ndarray]:
    """With a bright disc in the middle of one slice."""
    features, logits, at = scan.features.copy(), scan.logits.copy(), int(place * len(scan.logits))
    hu = scan.hu[at].astype(np.float32)
    rows, columns = np.mgrid[: hu.shape[0], : hu.shape[1]] / hu.shape[0]
    hu[np.hypot(rows - 0.5, columns - 0.42) < PATCH_RADIUS] = PATCH_HU
    features[at], logits[at] = (one[0] for one in run(cnn, hu.astype(np.int16)[None]))
    return features, logits


def measure_fold(cnn: SliceNet, sequence: SequenceNet, held: Studies, phantoms: Studies) -> dict[str, list]:
    """Scan-level logits [CNN, sequence]: of the held-out studies with their truth, and, by kind of negative study, per
    variant."""
    scans = scans_of(cnn, held)
    donor = max((one for one in scans if one.positive), key=lambda one: one.logits[:, ANY].max())
    kinds = {
        held.source: [one for one in scans if not one.positive],
        "phantoms": [one for one in scans_of(cnn, phantoms) if not one.positive],
    }
    measured: dict[str, list] = {
        "truth": [one.positive for one in scans],
        "plain": [scores(sequence, one.features, one.logits) for one in scans],
    }
    for kind, negatives in kinds.items():
        for count in COUNTS:
            measured[f"{kind}/{count}"] = [
                scores(sequence, *transplanted(one, donor, count, place))
                for one in negatives
                for place in (PLACES if count else PLACES[:1])
            ]
        measured[f"{kind}/patch"] = [scores(sequence, *painted(cnn, one, PLACES[1])) for one in negatives]
    return measured


def judged(folds: list[dict[str, list]], temperature: float, threshold: float) -> dict:
    """@param temperature, threshold of the bundle for any hemorrhage; the CNN alone gets a threshold chosen by the same
    rule on the same patients"""
    truth = np.concatenate([one["truth"] for one in folds]).astype(float)
    plain = np.concatenate([one["plain"] for one in folds])
    limits = np.array([balanced_threshold(truth, sigmoid(plain[:, 0])), threshold])
    rates = {}
    for name in (key for key in folds[0] if "/" in key):
        logits = np.concatenate([one[name] for one in folds])
        flagged = np.stack([sigmoid(logits[:, 0]), sigmoid(logits[:, 1] / temperature)], 1) >= limits
        rates[name] = {
            "cnn": round(float(flagged[:, 0].mean()), 4),
            "sequence": round(float(flagged[:, 1].mean()), 4),
            "cases": len(logits),
        }
    return {"thresholds": {"cnn": round(float(limits[0]), 4), "sequence": threshold}, "flagged": rates}
