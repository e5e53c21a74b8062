"""The threshold of the out-of-domain detector and what it catches, from heads that the networks of the folds never saw,
and from outliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..data.studies import Studies, held_out
from ..models.networks import SliceNet
from ..provenance import Made, kept_json
from ..stages.policies import Variation
from ..stages.train_cnn import run
from .domain import Domain, distance, fit_domain
from .outliers import KINDS

PHANTOMS_FITTED, PHANTOMS_HELD = 60, 12
FIT_STRIDE = 2
"""Every second slice tells how a study looks."""
OUTLIER_HEADS, OUTLIER_STRIDE = 2, 3
"""Per fold and source so many heads are spoilt; of each every third slice tells enough."""
REFUSED_AT_MOST = 0.01
MARGIN = 1.25
"""The threshold is this much above the distance that all but 1 % of the held-out heads keep."""


def fit(cnn: SliceNet, real: Studies, phantoms: Studies, seed: int) -> Domain:
    """The domain of a network, from what it was trained on, varied: on the plain slices a network that trained on them
    is too sure."""
    torch.manual_seed(seed)
    return fit_domain(
        [features_of(cnn, one, FIT_STRIDE, varied=True) for one in (real, phantoms.first(PHANTOMS_FITTED))], seed
    )


def features_of(cnn: SliceNet, studies: Studies, stride: int = 1, varied: bool = False) -> list[np.ndarray]:
    """Per study [S, F]."""
    return [run(cnn, studies.hu[rows[::stride]], Variation() if varied else None)[0] for rows in studies.ranges()]


@dataclass(frozen=True)
class Distances:
    """Of studies that a fold's network never saw, by source, and of outliers, by kind."""

    heads: dict[str, list[float]]
    outliers: dict[str, list[float]]


def measure_fold(cnn: SliceNet, real: Studies, phantoms: Studies, folds: int, fold: int, seed: int) -> Distances:
    held = held_out(real, folds, fold, seed)
    domain = fit(cnn, real.where(~held), phantoms, seed + fold)
    first = PHANTOMS_FITTED + fold * PHANTOMS_HELD
    others = phantoms.where(np.isin(phantoms.study, np.unique(phantoms.study)[first : first + PHANTOMS_HELD]))
    heads = {
        studies.source: [distance(domain, one) for one in features_of(cnn, studies)]
        for studies in (real.where(held), others)
    }
    return Distances(heads, outlier_distances(cnn, domain, [real.where(held), others], seed + fold))


def outlier_distances(cnn: SliceNet, domain: Domain, sources: list[Studies], seed: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    heads = [studies.hu[rows] for studies in sources for rows in studies.ranges()[:OUTLIER_HEADS]]
    return {
        name: [distance(domain, run(cnn, spoilt(rng, head)[::OUTLIER_STRIDE])[0]) for head in heads]
        for name, spoilt in tqdm(KINDS.items(), desc="outliers", mininterval=20)
    }


def kept_fold(path: Path, made: Made, measure: Callable[[], Distances]) -> Distances:
    """From the file, or measured and kept there. @raises MadeOtherwise"""
    return Distances(**kept_json(path, made, lambda: asdict(measure())))


def judged(folds: list[Distances]) -> dict:
    """The manifest's `outOfDomain`: threshold, where it comes from, and the table of who would be refused."""

    def pooled(part):
        return {
            name: [value for one in folds for value in getattr(one, part).get(name, [])]
            for name in getattr(folds[0], part)
        }

    heads, outliers = pooled("heads"), pooled("outliers")
    every = [value for values in heads.values() for value in values]
    threshold = round(MARGIN * float(np.quantile(every, 1 - REFUSED_AT_MOST)), 4)
    studies = ", ".join(f"{len(values)} of {name}" for name, values in heads.items())
    return {
        "threshold": threshold,
        "source": f"{MARGIN} times the distance that {1 - REFUSED_AT_MOST:.0%} of the held-out heads keep "
        f"({studies}; {len(folds)} folds)",
        "heads": [row(name, values, threshold) for name, values in heads.items()],
        "outliers": [row(name, values, threshold) for name, values in outliers.items()],
    }


def row(name: str, distances: list[float], threshold: float) -> dict:
    smallest, middle, largest = (round(float(value), 3) for value in np.quantile(distances, [0, 0.5, 1]))
    return {
        "name": name,
        "studies": len(distances),
        "refused": int((np.array(distances) > threshold).sum()),
        "smallest": smallest,
        "median": middle,
        "largest": largest,
    }
