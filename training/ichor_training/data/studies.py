"""The one form of all training data: slices in Hounsfield units, grouped by study, with labels and patients.

Small data live in one `.npz`. Large data are a folder: `hu.npy` stays on disk and is read where it is needed,
`slices.npz` holds the rest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import CLASSES

SIDE = 512
"""Rows and columns that slices are kept at unless asked otherwise: a scanner's, so that training sees the pixels that
production sees. The network's preprocessing resizes to 256."""

DIGESTED = 2_000
"""Slices that the digest of data reads: more would take minutes on a whole challenge."""


class Rows:
    """Some rows of an array on disk; only what is asked for is read."""

    dtype = np.dtype(np.int16)

    def __init__(self, stored: np.ndarray, rows: np.ndarray) -> None:
        self.stored, self.rows = stored, rows

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.stored.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen) -> np.ndarray:
        """A copy in memory; rows as of an array."""
        return np.asarray(self.stored[self.rows[chosen]])

    def where(self, chosen: np.ndarray) -> Rows:
        return Rows(self.stored, self.rows[chosen])


@dataclass
class Studies:
    """Slices of many studies, each study's slices adjacent and in spatial order, skull base first."""

    hu: np.ndarray | Rows
    """int16 [slices, side, side], Hounsfield units."""
    labels: np.ndarray
    """float32 [slices, 6], in the order of CLASSES."""
    study: np.ndarray
    """int [slices], index of the study."""
    patient: np.ndarray
    """str [slices]; splits are by patient, never by slice."""
    source: str

    def __post_init__(self) -> None:
        assert self.hu.shape[1] == self.hu.shape[2] and self.hu.dtype == np.int16
        assert self.labels.shape == (len(self.hu), len(CLASSES))

    @property
    def side(self) -> int:
        """Rows and columns of every slice."""
        return self.hu.shape[1]

    def save(self, path: Path) -> None:
        """@param path ends with .npz, or is a folder"""
        path.parent.mkdir(parents=True, exist_ok=True)
        rest = {"labels": self.labels, "study": self.study, "patient": self.patient, "source": self.source}
        if path.suffix == ".npz":
            np.savez(path, hu=self.hu[:], **rest)
            return
        path.mkdir(exist_ok=True)
        np.save(path / "hu.npy", self.hu[:])
        np.savez(path / "slices.npz", **rest)

    @staticmethod
    def load(path: Path) -> Studies:
        """@raises FileNotFoundError when there are no studies"""
        with np.load(path if path.suffix == ".npz" else path / "slices.npz") as stored:
            labels, study, patient, source = stored["labels"], stored["study"], stored["patient"], str(stored["source"])
            hu = (
                stored["hu"]
                if path.suffix == ".npz"
                else Rows(np.load(path / "hu.npy", mmap_mode="r"), np.arange(len(labels)))
            )
        return Studies(hu, labels, study, patient, source)

    def people(self) -> set[str]:
        """Patients, with the name of their data."""
        return {f"{self.source}: {patient}" for patient in np.unique(self.patient)}

    def facts(self) -> dict[str, object]:
        """What tells these data from others. Of more than DIGESTED slices as many are looked at, evenly spread."""
        digest, count = hashlib.sha256(), len(self.labels)
        rows = np.unique(np.linspace(0, count - 1, min(count, DIGESTED)).astype(int)) if count else np.arange(0)
        for part in (self.labels, self.study.astype(np.int64), np.char.encode(self.patient.astype(str), "utf-8")):
            digest.update(np.ascontiguousarray(part).tobytes())
        for start in range(0, len(rows), 64):
            digest.update(np.ascontiguousarray(self.hu[rows[start : start + 64]]).tobytes())
        found = {"source": self.source, "patients": len(self.people()), "slices": count, "side": self.side}
        return found | {"sha256": digest.hexdigest()}

    def where(self, chosen: np.ndarray) -> Studies:
        """The slices where `chosen` (bool [slices]) holds."""
        hu = self.hu.where(chosen) if isinstance(self.hu, Rows) else self.hu[chosen]
        return Studies(hu, self.labels[chosen], self.study[chosen], self.patient[chosen], self.source)

    def first(self, count: int | None) -> Studies:
        """The first so many studies; None: all."""
        return self if count is None else self.where(np.isin(self.study, np.unique(self.study)[:count]))

    def ranges(self) -> list[np.ndarray]:
        """Slice indices of each study, studies in the order of their slices: joined again, they are the rows as they
        stand."""
        names, first, inverse = np.unique(self.study, return_index=True, return_inverse=True)
        rows = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse, minlength=len(names)))[:-1])
        return [rows[index] for index in np.argsort(first)]


def patient_folds(studies: Studies, folds: int, seed: int) -> dict[str, int]:
    """Patient → fold; positive and negative patients are spread evenly."""
    rng = np.random.default_rng(seed)
    patients, inverse = np.unique(studies.patient, return_inverse=True)
    positive = np.zeros(len(patients), bool)
    np.logical_or.at(positive, inverse, studies.labels[:, -1] > 0)
    order: list[str] = []
    for wanted in (True, False):
        group = [str(patient) for patient in patients[positive == wanted]]
        rng.shuffle(group)
        order += group
    return {patient: index % folds for index, patient in enumerate(order)}


def last_scans(studies: Studies, count: int) -> np.ndarray:
    """bool [slices]: the slices of the last so many studies."""
    return np.isin(np.arange(len(studies.labels)), np.concatenate(studies.ranges()[-count:]))


def held_out(studies: Studies, folds: int, fold: int, seed: int) -> np.ndarray:
    """bool [slices]: the slices of the patients of one fold."""
    of_patient = patient_folds(studies, folds, seed)
    return np.array([of_patient[str(patient)] == fold for patient in studies.patient])
