"""Stage 1: the CNN on single slices (paper, section 3.2), BCE over six classes."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from .augment import augment
from .models import SIDE, SliceNet
from .studies import Studies


@dataclass(frozen=True)
class Stage:
    """One training stage. `real` and `phantom` are slices per batch."""

    steps: int
    learning_rate: float
    real: int
    phantom: int
    side: int = SIDE
    weight_decay: float = 0.05
    label_smoothing: float = 0.02


def train_stage(net: SliceNet, stage: Stage, real: Studies | None, phantoms: Studies | None, seed: int, name: str) -> None:
    """Trains in place; at the end the weights are their exponential moving average."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sources = [(s, n, sampling(s)) for s, n in ((real, stage.real), (phantoms, stage.phantom)) if s is not None and n > 0]
    optimiser = torch.optim.AdamW(net.parameters(), lr=stage.learning_rate, weight_decay=stage.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, stage.learning_rate, total_steps=stage.steps + 1)
    average = {key: value.detach().clone().float() for key, value in net.state_dict().items()}
    net.to(memory_format=torch.channels_last).train()
    bar = tqdm(range(stage.steps), desc=name, mininterval=20)
    for step in bar:
        hu, labels = batch(sources, rng, stage.side)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net.classify(channels(net, hu, stage.side))[1]
        loss = F.binary_cross_entropy_with_logits(logits.float(), labels * (1 - 2 * stage.label_smoothing) + stage.label_smoothing)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        blend(average, net, min(0.995, (step + 1) / (step + 10)))
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
    net.load_state_dict({key: value.to(net.state_dict()[key].dtype) for key, value in average.items()})
    net.eval()


def channels(net: SliceNet, hu: torch.Tensor, side: int) -> torch.Tensor:
    """Preprocessing at the training side: windows and normalisation; the augmentation has resized already."""
    full = net.preprocessing
    windows = ((hu.unsqueeze(1) - full.low) / full.width).clamp(0, 1)
    return ((windows - full.mean) / full.deviation).contiguous(memory_format=torch.channels_last)


def sampling(studies: Studies) -> np.ndarray:
    """Slices with blood three times as often; rare subtypes more."""
    frequency = np.maximum(studies.labels[:, :5].mean(0), 0.01)
    rare = (studies.labels[:, :5] * np.sqrt(frequency.max() / frequency)).max(1)
    weight = np.where(studies.labels[:, 5] > 0, 3.0 * np.maximum(1, rare / 2), 1.0)
    return weight / weight.sum()


def batch(sources: list[tuple[Studies, int, np.ndarray]], rng: np.random.Generator, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    hu, labels = [], []
    for studies, count, weight in sources:
        chosen = rng.choice(len(weight), count, p=weight)
        hu.append(torch.from_numpy(studies.hu[chosen].astype(np.float32)))
        labels.append(torch.from_numpy(studies.labels[chosen]))
    return augment(torch.cat(hu), side), torch.cat(labels)


def blend(average: dict[str, torch.Tensor], net: nn.Module, decay: float) -> None:
    for key, value in net.state_dict().items():
        average[key].mul_(decay).add_(value.detach().float(), alpha=1 - decay)


@torch.no_grad()
def run(net: SliceNet, hu: np.ndarray, augmented: bool = False, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, F] and logits [N, 6] of int16 HU [N, H, W]; `augmented` varies pose and noise as in training."""
    net.eval()
    features, logits = [], []
    for start in range(0, len(hu), size):
        part = torch.from_numpy(hu[start : start + size].astype(np.float32))
        prepared = channels(net, augment(part, SIDE), SIDE) if augmented else net.preprocessing(part).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=augmented):
            f, l, _, _ = net.classify(prepared)
        features.append(f.float().numpy())
        logits.append(l.float().numpy())
    return np.concatenate(features), np.concatenate(logits)
