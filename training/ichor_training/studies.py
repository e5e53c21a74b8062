"""The one form of all training data: slices in Hounsfield units, grouped by study, with labels and patients."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import CLASSES

SIDE = 320
"""Rows and columns that slices are kept at; the network's preprocessing resizes to 256."""


@dataclass
class Studies:
    """Slices of many studies, each study's slices adjacent and in spatial order, skull base first."""

    hu: np.ndarray
    """int16 [slices, SIDE, SIDE], Hounsfield units."""
    labels: np.ndarray
    """float32 [slices, 6], in the order of CLASSES."""
    study: np.ndarray
    """int [slices], index of the study."""
    patient: np.ndarray
    """str [slices]; splits are by patient, never by slice."""
    source: str

    def __post_init__(self) -> None:
        assert self.hu.shape[1:] == (SIDE, SIDE) and self.hu.dtype == np.int16
        assert self.labels.shape == (len(self.hu), len(CLASSES))

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, hu=self.hu, labels=self.labels, study=self.study, patient=self.patient, source=self.source)

    @staticmethod
    def load(path: Path) -> "Studies":
        with np.load(path) as stored:
            return Studies(stored["hu"], stored["labels"], stored["study"], stored["patient"], str(stored["source"]))

    def where(self, chosen: np.ndarray) -> "Studies":
        """The slices where `chosen` (bool [slices]) holds."""
        return Studies(self.hu[chosen], self.labels[chosen], self.study[chosen], self.patient[chosen], self.source)

    def ranges(self) -> list[np.ndarray]:
        """Slice indices of each study, studies in the order of their slices: joined again, they are the rows as they stand."""
        return [np.flatnonzero(self.study == study) for study in dict.fromkeys(self.study.tolist())]


def patient_folds(studies: Studies, folds: int, seed: int) -> dict[str, int]:
    """Patient → fold; positive and negative patients are spread evenly."""
    rng = np.random.default_rng(seed)
    positive = {p: studies.labels[studies.patient == p, -1].max() > 0 for p in np.unique(studies.patient)}
    order: list[str] = []
    for wanted in (True, False):
        group = sorted(p for p, flag in positive.items() if flag is wanted or flag == wanted)
        rng.shuffle(group)
        order += group
    return {patient: index % folds for index, patient in enumerate(order)}
