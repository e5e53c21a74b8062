"""Small studies for tests: heads with and without a bright spot, made here."""

import numpy as np

from ichor_training.data.studies import Studies

SIDE = 192
"""Enough for a spot; whole heads would take the tests minutes."""


def head(rng: np.random.Generator, bleed: bool, side: int = SIDE) -> np.ndarray:
    """int16 [side, side]."""
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius = np.hypot(rows / 0.8, columns / 0.7)
    hu = np.where(radius < 0.9, 32.0, np.where(radius < 1.0, 900.0, -1000.0))
    if bleed:
        spot = np.hypot(rows - rng.uniform(-0.3, 0.3), columns - rng.uniform(-0.3, 0.3)) < 0.2
        hu = np.where(spot, 72.0, hu)
    return (hu + rng.normal(0, 4, hu.shape)).astype(np.int16)


def small_studies(
    patients: int = 10, slices: int = 4, seed: int = 0, source: str = "phantoms", side: int = SIDE
) -> Studies:
    """Every second patient has a bleed in the second half of the slices."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((patients, slices, 6), np.float32)
    labels[::2, slices // 2 :, [1, 5]] = 1
    labels = labels.reshape(-1, 6)
    hu = np.stack([head(rng, bool(row[5]), side) for row in labels])
    patient = np.repeat([f"patient {index:02d}" for index in range(patients)], slices)
    return Studies(hu, labels, np.arange(len(labels)) // slices, patient, source)
