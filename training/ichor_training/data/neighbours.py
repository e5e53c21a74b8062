"""Slices amid their neighbours (2.5D); beyond an end of the scan its last slice stands again."""

from __future__ import annotations

import numpy as np

from .studies import Studies


def amid_neighbours(scan: np.ndarray, count: int) -> np.ndarray:
    """[S, H, W] of one scan → [S, 2 count + 1, H, W]: so many slices below, the slice itself, as many above."""
    places = np.arange(len(scan))[:, None] + np.arange(-count, count + 1)
    return scan[np.clip(places, 0, len(scan) - 1)]


def slices_of(studies: Studies, rows: np.ndarray, count: int) -> np.ndarray:
    """int16 HU of some rows as a network takes them: [N, H, W], with neighbours [N, K, H, W]."""
    if count == 0:
        return studies.hu[rows]
    first, last = ends_of(studies)
    places = rows[:, None] + np.arange(-count, count + 1)
    return studies.hu[np.clip(places, first[rows][:, None], last[rows][:, None])]


def ends_of(studies: Studies) -> tuple[np.ndarray, np.ndarray]:
    """Of every slice, the first and the last row of its study."""
    change = np.flatnonzero(np.diff(studies.study)) + 1
    starts, stops = np.concatenate([[0], change]), np.concatenate([change, [len(studies.study)]])
    lengths = stops - starts
    return np.repeat(starts, lengths), np.repeat(stops - 1, lengths)
