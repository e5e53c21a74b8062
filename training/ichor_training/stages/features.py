"""CNN outputs of whole data sets, kept on disk: the sequence model and every selector read them from there."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ..data.neighbours import slices_of
from ..data.studies import Studies
from ..provenance import Made
from .facts import Cnn
from .policies import Variation
from .side_by_side import progress
from .train_cnn import run
from .train_sequence import Scans

CHUNK = 512


def scans_on_disk(cnn: Cnn, studies: Studies, folder: Path, variation: Variation | None, seed: int) -> Scans:
    """Computed unless `folder` holds them already.
    @param variation every slice once, varied as in training, the seed says how; None: as it is
    @raises MadeOtherwise when the folder holds those of another network or of other studies
    """
    made = features_made(cnn, studies, variation, seed)
    if (folder / "logits.npy").exists():
        record = folder / "made.json"
        made.accept(record.read_text() if record.exists() else None, folder / "logits.npy")
    else:
        compute(cnn, studies, folder, variation, seed, made)
    features, logits = np.load(folder / "features.npy", mmap_mode="r"), np.load(folder / "logits.npy")
    spans = [slice(rows[0], rows[-1] + 1) for rows in studies.ranges()]
    return Scans([features[s] for s in spans], [logits[s] for s in spans], [studies.labels[s] for s in spans])


def features_made(cnn: Cnn, studies: Studies, variation: Variation | None, seed: int) -> Made:
    how = {"variation": asdict(variation), "seed": seed} if variation else {"variation": None}
    return Made({"outcome": "features", **cnn.facts(), "of": studies.facts(), **how}, tuple(sorted(studies.people())))


def compute(cnn: Cnn, studies: Studies, folder: Path, variation: Variation | None, seed: int, made: Made) -> None:
    """Features as they come, logits at the end: their file says that all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    count, width = len(studies.hu), cnn.net.backbone.features
    features = np.lib.format.open_memmap(folder / "features.npy", mode="w+", dtype=np.float32, shape=(count, width))
    logits = np.empty((count, cnn.net.head.out_features), np.float32)
    name = f"{folder.parent.parent.name}: features {folder.name}"
    for start in progress(range(0, count, CHUNK), name, -(-count // CHUNK)):
        rows = np.arange(start, min(start + CHUNK, count))
        features[rows], logits[rows] = run(cnn.net, slices_of(studies, rows, cnn.net.neighbours), variation)
    features.flush()
    (folder / "made.json").write_text(made.text + "\n")
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
