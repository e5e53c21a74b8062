"""CNN outputs of whole data sets, kept on disk: the sequence model and every selector read them from there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..data.studies import Studies
from ..models.networks import SliceNet
from .side_by_side import progress
from .train_cnn import run
from .train_sequence import Scans

CHUNK = 512


def scans_on_disk(
    cnn: SliceNet, studies: Studies, folder: Path, augmented: bool, seed: int, augmentation: str = "scanner"
) -> Scans:
    """Computed unless `folder` holds them already. `augmented`: every slice once, varied as in training; the seed says
    how."""
    if not (folder / "logits.npy").exists():
        compute(cnn, studies, folder, augmented, seed, augmentation)
    features, logits = np.load(folder / "features.npy", mmap_mode="r"), np.load(folder / "logits.npy")
    spans = [slice(rows[0], rows[-1] + 1) for rows in studies.ranges()]
    return Scans([features[s] for s in spans], [logits[s] for s in spans], [studies.labels[s] for s in spans])


def compute(cnn: SliceNet, studies: Studies, folder: Path, augmented: bool, seed: int, augmentation: str) -> None:
    """Features as they come, logits at the end: their file says that all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    count = len(studies.hu)
    features = np.lib.format.open_memmap(
        folder / "features.npy", mode="w+", dtype=np.float32, shape=(count, cnn.backbone.features)
    )
    logits = np.empty((count, cnn.head.out_features), np.float32)
    for start in progress(
        range(0, count, CHUNK), f"{folder.parent.parent.name}: features {folder.name}", -(-count // CHUNK)
    ):
        rows = slice(start, min(start + CHUNK, count))
        features[rows], logits[rows] = run(cnn, studies.hu[rows], augmented, augmentation=augmentation)
    features.flush()
    temporary = folder / "part.npy"
    np.save(temporary, logits)
    temporary.replace(folder / "logits.npy")


def sample(scans: Scans, most: int, seed: int) -> np.ndarray:
    """Features of at most so many slices, drawn from all: what a selector is fitted on."""
    lengths = np.array([len(one) for one in scans.logits])
    chosen = np.sort(np.random.default_rng(seed).permutation(lengths.sum())[:most])
    ends = np.cumsum(lengths)
    owner = np.searchsorted(ends, chosen, side="right")
    parts = [scans.features[scan][chosen[owner == scan] - (ends[scan] - lengths[scan])] for scan in np.unique(owner)]
    return np.concatenate(parts)
