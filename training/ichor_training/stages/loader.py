"""Batches of slices, read ahead by threads where the data lie on disk. Which slices come when is drawn here, one batch
after the other: workers change the time that it takes and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from ..data.neighbours import slices_of
from ..data.studies import Rows, Studies
from .policies import alike, resize

WORKERS_ON_DISK = 4
AHEAD = 2
"""Batches that wait for each worker."""


class Source:
    """Draws slices of one data set."""

    def __init__(self, studies: Studies, count: int, sampling: str, neighbours: int = 0) -> None:
        self.studies, self.count, self.neighbours = studies, count, neighbours
        self.weight = sampling_weights(studies) if sampling == "bleeds-first" else None
        self.queue = np.empty(0, np.int64)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of the next batch."""
        if self.weight is not None:
            return rng.choice(len(self.weight), self.count, p=self.weight)
        while len(self.queue) < self.count:
            self.queue = np.concatenate([self.queue, rng.permutation(len(self.studies.labels))])
        drawn, self.queue = self.queue[: self.count], self.queue[self.count :]
        return drawn


def sampling_weights(studies: Studies) -> np.ndarray:
    """Slices with blood three times as often; rare subtypes more."""
    frequency = np.maximum(studies.labels[:, :5].mean(0), 0.01)
    rare = (studies.labels[:, :5] * np.sqrt(frequency.max() / frequency)).max(1)
    weight = np.where(studies.labels[:, 5] > 0, 3.0 * np.maximum(1, rare / 2), 1.0)
    return weight / weight.sum()


@dataclass(frozen=True)
class Drawn:
    """Where the drawing stood after a batch: what a checkpoint needs to go on from it."""

    numpy: dict
    queues: list[np.ndarray]

    @staticmethod
    def of(rng: np.random.Generator, sources: list[Source]) -> Drawn:
        return Drawn(rng.bit_generator.state, [source.queue for source in sources])


Batch = tuple[torch.Tensor, torch.Tensor]
"""float32 HU [N, H, W], with neighbours [N, K, H, W], and labels [N, 6]."""


def workers_for(sources: list[Source]) -> int:
    """None for data in memory."""
    return WORKERS_ON_DISK if any(isinstance(source.studies.hu, Rows) for source in sources) else 0


def batches(sources: list[Source], rng: np.random.Generator, count: int, workers: int) -> Iterator[tuple[Batch, Drawn]]:
    """So many batches, the same for any number of workers, each with where the drawing stood after it."""
    if workers == 0:
        for _ in range(count):
            rows = [source.draw(rng) for source in sources]
            yield read(sources, rows), Drawn.of(rng, sources)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            waiting, begun = deque(), 0
            for _ in range(count):
                while begun < count and len(waiting) < workers * AHEAD:
                    rows = [source.draw(rng) for source in sources]
                    waiting.append((pool.submit(read, sources, rows), Drawn.of(rng, sources)))
                    begun += 1
                reading, drawn = waiting.popleft()
                yield reading.result(), drawn
        finally:
            pool.shutdown(cancel_futures=True)


def read(sources: list[Source], rows: list[np.ndarray]) -> Batch:
    """Slices of different data at the largest of their sides."""
    side = max(one.studies.side for one in sources)
    hu = [
        alike(resize, torch.from_numpy(slices_of(one.studies, chosen, one.neighbours).astype(np.float32)), side)
        for one, chosen in zip(sources, rows, strict=True)
    ]
    labels = [torch.from_numpy(one.studies.labels[chosen]) for one, chosen in zip(sources, rows, strict=True)]
    return torch.cat(hu), torch.cat(labels)
