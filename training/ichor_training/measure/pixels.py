"""What it costs to keep slices smaller than production sees them: the same slices judged twice, as they are kept and at
another side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..data.dicom_slices import resized
from ..data.studies import Studies
from .metrics import sigmoid

FORMERLY = 320
"""The side that slices were kept at until version 0.3."""
MOST = 2_000
"""Slices that are judged: whole studies, evenly spread."""

Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""int16 HU [S, H, W] of one study → logits [S, 6] of the CNN and of the sequence model."""


@dataclass(frozen=True)
class Difference:
    """Of a probability of one slice, over all classes."""

    kept: int
    other: int
    slices: int
    cnn_largest: float
    cnn_mean: float
    sequence_largest: float
    sequence_mean: float


def difference(judge: Judge, studies: Studies, other: int = FORMERLY) -> Difference:
    """@param other the side that the slices are brought to for the second look"""
    found = [both(judge, studies.hu[rows], other) for rows in spread(studies.ranges())]
    cnn, sequence = (np.concatenate([one[index] for one in found]) for index in (0, 1))
    return Difference(
        studies.side,
        other,
        len(cnn),
        *(round(float(figure), 5) for one in (cnn, sequence) for figure in (one.max(), one.mean())),
    )


def spread(ranges: list[np.ndarray]) -> list[np.ndarray]:
    """Studies of at most MOST slices in all, evenly spread."""
    step = max(1, -(-sum(len(rows) for rows in ranges) // MOST))
    return ranges[::step]


def both(judge: Judge, hu: np.ndarray, other: int) -> list[np.ndarray]:
    """Of the CNN and of the sequence model: absolute differences of probabilities [S, 6]."""
    again = np.stack([resized(one, other) for one in hu])
    return [np.abs(sigmoid(one) - sigmoid(two)) for one, two in zip(judge(hu), judge(again), strict=True)]


def section(found: Difference) -> str:
    """Of the model card."""
    kept, other = (f"{side} × {side}" for side in (found.kept, found.other))
    cnn = f"up to {found.cnn_largest:.3f} (mean {found.cnn_mean:.4f}) by the CNN alone"
    sequence = f"up to {found.sequence_largest:.3f} (mean {found.sequence_mean:.4f}) with the sequence model"
    return (
        "A scanner's slice has 512 × 512 pixels as a rule, and so has what production gives the network. The same "
        f"slices at {kept} and brought to {other}, as slices for training were kept until version 0.3: the probability "
        f"of a class on a slice differs by {cnn}, {sequence}; {found.slices} slices."
    )
