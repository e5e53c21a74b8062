"""What the network knows, as a measurable domain: how far a study's CNN features lie from those of the heads it learned
from.

A study is described by the mean and the standard deviation of its slices' features. Every kind of known data is one
Gaussian of these
descriptions, of low rank plus a diagonal (probabilistic PCA; Tipping, Bishop, J. R. Statist. Soc. B 1999, 61(3), 611);
the distance is
a Mahalanobis distance in which the subspace and what lies outside it weigh the same, to the nearest kind (Lee et al.,
NeurIPS 2018).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..models.sequence_gradient import OPSET

RANK = 4
PARTS = 6
"""Descriptions per study: the whole and five parts, as studies differ in what they cover."""
SMALLEST_PART = 0.6
LEAST_DEVIATION = 0.1
"""A feature is taken to vary by at least this share of its usual size, and of the median feature's variation."""


class Domain(nn.Module):
    """forward: features [S, F] of one study, S ≥ 1 → distance [1], about 1 for a study like those known."""

    def __init__(self, kinds: int, features: int, rank: int = RANK) -> None:
        super().__init__()
        wide = 2 * features
        for name, shape in (
            ("centre", (kinds, wide)),
            ("scale", (kinds, wide)),
            ("basis", (kinds, wide, rank)),
            ("variance", (kinds, rank)),
            ("rest", (kinds,)),
        ):
            self.register_buffer(name, torch.ones(shape))

    def forward(self, features: Tensor) -> Tensor:
        mean = features.mean(0)
        deviation = (features - mean).square().mean(0).sqrt()
        x = (torch.cat([mean, deviation]).unsqueeze(0) - self.centre) / self.scale
        inside = torch.matmul(x.unsqueeze(1), self.basis)
        outside = x - torch.matmul(inside, self.basis.transpose(1, 2)).squeeze(1)
        rank = (inside.squeeze(1).square() / self.variance).mean(1)
        return ((rank + outside.square().sum(1) / self.rest) / 2).sqrt().min(0, keepdim=True).values


def fit_domain(kinds: list[list[np.ndarray]], seed: int, rank: int = RANK) -> Domain:
    """@param kinds per kind of known data its studies, each features [S, F]
    @raises ValueError for a kind with fewer studies than would tell a spread
    """
    rng = np.random.default_rng(seed)
    domain = Domain(len(kinds), kinds[0][0].shape[1], rank)
    for kind, studies in enumerate(kinds):
        known = np.stack([describe(part) for study in studies for part in parts(study, rng)]).astype(np.float64)
        if len(known) <= rank + 1:
            raise ValueError(f"{len(studies)} studies are too few to say what such studies look like")
        centre, scale = known.mean(0), spread(known)
        standard = (known - centre) / scale
        _, singular, axes = np.linalg.svd(standard, full_matrices=False)
        energy = singular**2 / (len(known) - 1)
        rest = max(float(energy[rank:].sum()), 1e-6)
        for name, value in (
            ("centre", centre),
            ("scale", scale),
            ("basis", axes[:rank].T),
            ("variance", energy[:rank] + rest / standard.shape[1]),
            ("rest", rest),
        ):
            getattr(domain, name)[kind] = torch.from_numpy(np.asarray(value, np.float32))
    return domain.eval()


def describe(features: np.ndarray) -> np.ndarray:
    """[S, F] → [2 F]."""
    return np.concatenate([features.mean(0), features.std(0)])


def parts(study: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """The whole study, and runs of adjacent slices."""
    cut = [study]
    for _ in range(PARTS - 1):
        kept = int(rng.integers(int(np.ceil(SMALLEST_PART * len(study))), len(study) + 1))
        start = int(rng.integers(0, len(study) - kept + 1))
        cut.append(study[start : start + kept])
    return cut


def spread(known: np.ndarray) -> np.ndarray:
    scale = np.sqrt(known.var(0) + (LEAST_DEVIATION**2) * (known**2).mean(0))
    return np.maximum(scale, max(LEAST_DEVIATION * float(np.median(scale)), 1e-6))


@torch.no_grad()
def distance(domain: Domain, features: np.ndarray) -> float:
    """@param features [S, F] of one study"""
    return float(domain(torch.from_numpy(np.array(features, np.float32)))[0])


def export_domain(domain: Domain, path: Path) -> None:
    example = torch.zeros(5, domain.centre.shape[1] // 2)
    torch.onnx.export(
        domain,
        (example,),
        str(path),
        input_names=["features"],
        output_names=["distance"],
        dynamic_axes={"features": {0: "S"}},
        opset_version=OPSET,
        dynamo=False,
    )
