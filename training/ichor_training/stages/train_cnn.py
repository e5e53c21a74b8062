"""Stage 1: the CNN on single slices (paper, section 3.2), BCE over six classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..data.studies import Studies
from ..models.networks import SIDE, SliceNet
from .checkpoints import restore_stage, save_stage, save_whole
from .device import device_of, mixed_precision, to_best_device
from .policies import policy
from .side_by_side import progress

STEPS_PER_CHECKPOINT = 200


@dataclass(frozen=True)
class Stage:
    """One training stage. `real` and `phantom` are slices per batch; `steps`, or `epochs` over the real (else the
    phantom) slices."""

    learning_rate: float
    real: int
    phantom: int
    steps: int = 0
    epochs: float = 0
    side: int = SIDE
    weight_decay: float = 0.05
    label_smoothing: float = 0.02
    augmentation: str = "scanner"
    sampling: str = "bleeds-first"
    """`bleeds-first`: slices with blood more often, rare subtypes most; `uniform`: every slice once before any comes
    again."""
    schedule: str = "one-cycle"
    """`one-cycle` or `constant`."""
    averaged: bool = True
    """Whether the weights become their exponential moving average at the end."""
    mixed: bool = True
    """Whether forward and backward run in bf16. Depthwise convolutions are faster in fp32 on a CPU."""

    def step_count(self, real: Studies | None, phantoms: Studies | None) -> int:
        if self.steps:
            return self.steps
        studies, size = (real, self.real) if self.real else (phantoms, self.phantom)
        return max(1, round(self.epochs * len(studies.hu) / size))


def train_stage(
    net: SliceNet,
    stage: Stage,
    real: Studies | None,
    phantoms: Studies | None,
    seed: int,
    name: str,
    checkpoint: Path | None = None,
) -> None:
    """Trains in place. With a checkpoint a stage that was stopped goes on, and ends as if it had not been."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    device = to_best_device(net)
    sources = [
        Source(s, n, stage.sampling)
        for s, n in ((real, stage.real), (phantoms, stage.phantom))
        if s is not None and n > 0
    ]
    steps = stage.step_count(real, phantoms)
    optimiser = torch.optim.AdamW(net.parameters(), lr=stage.learning_rate, weight_decay=stage.weight_decay)
    schedule = schedule_of(stage, optimiser, steps)
    average = {key: value.detach().clone().float() for key, value in net.state_dict().items()}
    first = restore_stage(checkpoint, net, optimiser, schedule, average, rng, sources)
    net.train()
    bar = progress(range(first, steps), name, steps, first)
    for step in bar:
        hu, labels = batch(sources, rng)
        channels, labels = augmented(net, hu.to(device), stage.augmentation, stage.side), labels.to(device)
        with mixed_precision(device, stage.mixed):
            logits = net.classify(channels)[1]
        loss = F.binary_cross_entropy_with_logits(
            logits.float(), labels * (1 - 2 * stage.label_smoothing) + stage.label_smoothing
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if stage.averaged:
            blend(average, net, min(0.995, (step + 1) / (step + 10)))
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
        if (step + 1) % STEPS_PER_CHECKPOINT == 0:
            save_stage(checkpoint, step + 1, net, optimiser, schedule, average, rng, sources)
    if stage.averaged:
        net.load_state_dict({key: value.to(net.state_dict()[key].dtype) for key, value in average.items()})
    net.eval()


def kept_stage(
    net: SliceNet, stage: Stage, real: Studies | None, phantoms: Studies | None, seed: int, name: str, finished: Path
) -> None:
    """The stage, unless `finished` holds its outcome already; one that was stopped goes on from its last checkpoint."""
    if not finished.exists():
        train_stage(net, stage, real, phantoms, seed, name, finished.with_name(f"{finished.stem}-checkpoint.pt"))
        save_whole(net.state_dict(), finished)
    net.load_state_dict(torch.load(finished, map_location="cpu", weights_only=True))


def schedule_of(stage: Stage, optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """@raises ValueError for an unknown schedule"""
    if stage.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0)
    if stage.schedule == "one-cycle":
        return torch.optim.lr_scheduler.OneCycleLR(optimiser, stage.learning_rate, total_steps=steps + 1)
    raise ValueError(f"schedule {stage.schedule!r} is none of one-cycle, constant")


class Source:
    """Draws slices of one data set."""

    def __init__(self, studies: Studies, count: int, sampling: str) -> None:
        """@raises ValueError for an unknown way of sampling"""
        if sampling not in ("bleeds-first", "uniform"):
            raise ValueError(f"sampling {sampling!r} is none of bleeds-first, uniform")
        self.studies, self.count = studies, count
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


def batch(sources: list[Source], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    hu, labels = [], []
    for source in sources:
        chosen = source.draw(rng)
        hu.append(torch.from_numpy(source.studies.hu[chosen].astype(np.float32)))
        labels.append(torch.from_numpy(source.studies.labels[chosen]))
    return torch.cat(hu), torch.cat(labels)


def augmented(net: SliceNet, hu: torch.Tensor, augmentation: str, side: int) -> torch.Tensor:
    """float32 HU [N, H, W] → the network's channels [N, 3, side, side]: the policy around windowing, then
    normalisation."""
    chosen, full = policy(augmentation), net.preprocessing
    with torch.device(hu.device):
        moved = chosen.on_hu(hu, side)
        windows = chosen.on_channels(((moved.unsqueeze(1) - full.low) / full.width).clamp(0, 1))
    return ((windows - full.mean) / full.deviation).contiguous(memory_format=torch.channels_last)


def blend(average: dict[str, torch.Tensor], net: nn.Module, decay: float) -> None:
    for key, value in net.state_dict().items():
        average[key].mul_(decay).add_(value.detach().float(), alpha=1 - decay)


@torch.no_grad()
def run(
    net: SliceNet, hu: np.ndarray, augmented_slices: bool = False, size: int = 32, augmentation: str = "scanner"
) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, F] and logits [N, 6] of int16 HU [N, H, W]; `augmented_slices` varies pose and noise as in
    training."""
    net.eval()
    features = np.empty((len(hu), net.backbone.features), np.float32)
    logits = np.empty((len(hu), net.head.out_features), np.float32)
    device = device_of(net)
    for start in range(0, len(hu), size):
        part = torch.from_numpy(hu[start : start + size].astype(np.float32)).to(device)
        prepared = (
            augmented(net, part, augmentation, SIDE)
            if augmented_slices
            else net.preprocessing(part).contiguous(memory_format=torch.channels_last)
        )
        with mixed_precision(device, enabled=augmented_slices):
            found = [one.float().cpu().numpy() for one in net.classify(prepared)[:2]]
        features[start : start + size], logits[start : start + size] = found
    return features, logits
