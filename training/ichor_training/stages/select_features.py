"""Selection of CNN features for the sequence model (paper, section 3.3): every selector is a centre and a
projection."""

from __future__ import annotations

import numpy as np


def select(kind: str, count: int, features: np.ndarray, head_weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """@param features [slices, F] of the training slices
    @param head_weight [6, F] of the CNN's linear head
    @returns centre [F] and projection [F, count], float32
    @raises ValueError for an unknown kind, or more features than there are
    """
    width = features.shape[1]
    if count > width:
        raise ValueError(f"selector {kind} cannot choose {count} of {width} features")
    if kind == "predictions-only":
        return np.zeros(width, np.float32), np.zeros((width, 0), np.float32)
    if kind == "pca":
        return principal_components(features, count)
    scores = {
        "largest-standard-deviation": features.std(0),
        "largest-weights": np.abs(head_weight).max(0),
        "smallest-weights": -np.abs(head_weight).max(0),
    }
    if kind not in scores:
        raise ValueError(f"selector {kind!r} is none of pca, predictions-only, {', '.join(scores)}")
    chosen = np.argsort(-scores[kind], kind="stable")[:count]
    projection = np.zeros((width, count), np.float32)
    projection[chosen, np.arange(count)] = 1
    return np.zeros(width, np.float32), projection


def principal_components(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Centred, not whitened."""
    centre = features.mean(0, dtype=np.float64)
    covariance = np.cov((features - centre).T)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values)[:count]
    return centre.astype(np.float32), np.ascontiguousarray(vectors[:, order]).astype(np.float32)
