"""Stage 1: the CNN on single slices (paper, section 3.2), BCE over six classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..data.studies import Studies
from ..models.networks import SIDE, SliceNet
from ..provenance import Made, read_network, save_network
from .checkpoints import restore_stage, save_stage
from .configuration import Stage
from .device import device_of, mixed_precision, to_best_device
from .loader import Source, batches, workers_for
from .policies import Variation, alike, policy, resized
from .side_by_side import progress

STEPS_PER_CHECKPOINT = 200


def step_count(stage: Stage, real: Studies | None, phantoms: Studies | None) -> int:
    if stage.steps:
        return stage.steps
    studies, size = (real, stage.real) if stage.real else (phantoms, stage.phantom)
    return max(1, round(stage.epochs * len(studies.hu) / size))


def train_stage(
    net: SliceNet,
    stage: Stage,
    real: Studies | None,
    phantoms: Studies | None,
    seed: int,
    name: str,
    checkpoint: Path | None = None,
    made: Made | None = None,
    workers: int | None = None,
) -> None:
    """Trains in place. @param workers that read ahead; None: as many as the data need
    @param made what makes it, for the checkpoint; one that was made otherwise is refused
    With a checkpoint a stage that was stopped goes on, and ends as if it had not been."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    device = to_best_device(net)
    sources = [
        Source(s, n, stage.sampling, net.neighbours)
        for s, n in ((real, stage.real), (phantoms, stage.phantom))
        if s is not None and n > 0
    ]
    steps = step_count(stage, real, phantoms)
    optimiser = torch.optim.AdamW(net.parameters(), lr=first_rate(stage), weight_decay=stage.weight_decay)
    schedule = schedule_of(stage, optimiser, steps)
    average = {key: value.detach().clone().float() for key, value in net.state_dict().items()}
    first = restore_stage(checkpoint, net, optimiser, schedule, average, rng, sources, made)
    variation = Variation(stage.augmentation, stage.windows_first)
    net.train()
    bar = progress(range(first, steps), name, steps, first)
    ahead = batches(sources, rng, steps - first, workers_for(sources) if workers is None else workers)
    for step, ((hu, labels), drawn) in zip(bar, ahead, strict=True):
        channels, labels = augmented(net, hu.to(device), variation, stage.side), labels.to(device)
        with mixed_precision(device, stage.mixed):
            logits = net.classify(channels)[1]
        loss = F.binary_cross_entropy_with_logits(
            logits.float(), labels * (1 - 2 * stage.label_smoothing) + stage.label_smoothing
        )
        optimiser.zero_grad()
        loss.backward()
        if stage.clip is not None:
            nn.utils.clip_grad_norm_(net.parameters(), stage.clip)
        optimiser.step()
        schedule.step()
        if stage.averaged:
            blend(average, net, min(0.995, (step + 1) / (step + 10)))
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
        if (step + 1) % STEPS_PER_CHECKPOINT == 0:
            save_stage(checkpoint, step + 1, net, optimiser, schedule, average, drawn, made)
    if stage.averaged:
        net.load_state_dict({key: value.to(net.state_dict()[key].dtype) for key, value in average.items()})
    net.eval()


def kept_stage(
    net: SliceNet,
    stage: Stage,
    real: Studies | None,
    phantoms: Studies | None,
    seed: int,
    name: str,
    finished: Path,
    made: Made,
) -> None:
    """The stage, unless `finished` holds its outcome already; one that was stopped goes on from its last checkpoint.
    @raises MadeOtherwise when what is there was made by something else
    """
    if not finished.exists():
        checkpoint = finished.with_name(f"{finished.stem}-checkpoint.pt")
        train_stage(net, stage, real, phantoms, seed, name, checkpoint, made)
        save_network(net.state_dict(), made, finished)
    net.load_state_dict(read_network(finished, made).state)


def first_rate(stage: Stage) -> float:
    return stage.learning_rates[0] if stage.learning_rates else stage.learning_rate


def schedule_of(stage: Stage, optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    rates = stage.learning_rates
    if rates:
        return torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: rates[min(step * len(rates) // steps, len(rates) - 1)] / rates[0]
        )
    if stage.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0)
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, stage.learning_rate, total_steps=steps + 1)


def augmented(net: SliceNet, hu: torch.Tensor, variation: Variation, side: int) -> torch.Tensor:
    """float32 HU as the network takes it → its channels [N, 3 K, side, side]: varied, windowed, then normalised."""
    chosen, full = policy(variation.augmentation), net.preprocessing
    with torch.device(hu.device):
        if variation.windows_first:
            windows = chosen.on_windows(resized(full.windows(hu), side))
        else:
            windows = chosen.on_channels(full.windows(alike(chosen.on_hu, hu, side)))
    return ((windows - full.mean) / full.deviation).contiguous(memory_format=torch.channels_last)


def blend(average: dict[str, torch.Tensor], net: nn.Module, decay: float) -> None:
    for key, value in net.state_dict().items():
        average[key].mul_(decay).add_(value.detach().float(), alpha=1 - decay)


@torch.no_grad()
def run(
    net: SliceNet, hu: np.ndarray, variation: Variation | None = None, size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, F] and logits [N, 6] of int16 HU as the network takes it. @param variation None: as production
    @raises ValueError for slices without the neighbours that the network looks at
    """
    if net.neighbours and (hu.ndim != 4 or hu.shape[1] != 2 * net.neighbours + 1):
        raise ValueError(f"the network looks at {net.neighbours} neighbours on either side; the slices come without")
    net.eval()
    features = np.empty((len(hu), net.backbone.features), np.float32)
    logits = np.empty((len(hu), net.head.out_features), np.float32)
    device = device_of(net)
    for start in range(0, len(hu), size):
        part = torch.from_numpy(hu[start : start + size].astype(np.float32)).to(device)
        prepared = (
            net.preprocessing(part).contiguous(memory_format=torch.channels_last)
            if variation is None
            else augmented(net, part, variation, SIDE)
        )
        with mixed_precision(device, enabled=variation is not None):
            found = [one.float().cpu().numpy() for one in net.classify(prepared)[:2]]
        features[start : start + size], logits[start : start + size] = found
    return features, logits
