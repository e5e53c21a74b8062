"""Stage 3: the sequence model over the slices of a study (paper, section 3.4), BCE over slices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..models.networks import CnnAlone, SequenceModel
from ..provenance import Made
from .checkpoints import restore_stage, save_stage
from .configuration import SequencePlan
from .device import device_of, to_best_device
from .loader import Drawn
from .side_by_side import progress


@dataclass(frozen=True)
class Scans:
    """CNN outputs of whole studies: per study features [S, F], logits [S, 6], labels [S, 6]."""

    features: list[np.ndarray]
    logits: list[np.ndarray]
    labels: list[np.ndarray]

    def __add__(self, other: Scans) -> Scans:
        return Scans(self.features + other.features, self.logits + other.logits, self.labels + other.labels)


def train_sequence(
    net: SequenceModel,
    scans: Scans,
    plan: SequencePlan,
    seed: int,
    name: str,
    checkpoint: Path | None = None,
    made: Made | None = None,
) -> None:
    """Trains in place. Studies are padded to batches; a part of a scan is shown at times, as partial studies occur.
    With a checkpoint, training that was stopped goes on from its last whole epoch.
    @param made what makes it, for the checkpoint; one that was made otherwise is refused
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    count, device, batch = len(scans.features), to_best_device(net), plan.batch
    steps = plan.epochs * int(np.ceil(count / batch))
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    if plan.schedule == "one-cycle":
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=steps + 1)
    else:
        rate = torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0)
    first = restore_stage(checkpoint, net, optimiser, rate, {}, rng, [], made)
    net.train()
    for epoch in progress(range(first, plan.epochs), name, plan.epochs, first):
        order = rng.permutation(count)
        for start in range(0, count, batch):
            features, logits, labels, mask = (
                one.to(device) for one in padded(scans, order[start : start + batch], rng, plan.partial)
            )
            loss = F.binary_cross_entropy_with_logits(net.batched(features, logits), labels, reduction="none")
            loss = (loss * mask).sum() / (mask.sum() * labels.shape[-1])
            optimiser.zero_grad()
            loss.backward()
            if plan.clip is not None:
                nn.utils.clip_grad_norm_(net.parameters(), plan.clip)
            optimiser.step()
            rate.step()
        save_stage(checkpoint, epoch + 1, net, optimiser, rate, {}, Drawn.of(rng, []), made)
    net.eval()


def padded(scans: Scans, chosen: np.ndarray, rng: np.random.Generator, partial: bool) -> tuple[torch.Tensor, ...]:
    """[S, B, …]; shorter scans are padded by repeating their last slice, which the mask leaves out of the loss."""
    cut = [crop(len(scans.features[i]), rng) if partial else (0, len(scans.features[i])) for i in chosen]
    longest = max(stop - start for start, stop in cut)
    rows = [np.minimum(np.arange(longest) + start, stop - 1) for start, stop in cut]

    def stack(parts):
        return torch.from_numpy(np.stack([parts[i][r] for i, r in zip(chosen, rows, strict=True)], 1))

    mask = np.stack([np.arange(longest) < stop - start for start, stop in cut], 1).astype(np.float32)[..., None]
    return stack(scans.features), stack(scans.logits), stack(scans.labels), torch.from_numpy(mask)


def crop(length: int, rng: np.random.Generator) -> tuple[int, int]:
    if length < 16 or rng.random() < 0.6:
        return 0, length
    kept = int(rng.integers(12, length + 1))
    start = int(rng.integers(0, length - kept + 1))
    return start, start + kept


@torch.no_grad()
def run_sequence(net: SequenceModel | CnnAlone, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Logits [S, 6] of one scan."""
    net.eval()
    if isinstance(net, CnnAlone):
        return logits
    device = device_of(net)
    return net(torch.from_numpy(np.array(features)).to(device), torch.from_numpy(logits).to(device)).cpu().numpy()
