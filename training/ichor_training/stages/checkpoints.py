"""The state of a training stage on disk, random generators included, so that a stopped stage goes on as if it had not
been."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..provenance import Made, save_whole
from .loader import Drawn


def save_stage(
    path: Path | None,
    step: int,
    net: nn.Module,
    optimiser,
    schedule,
    average: dict,
    drawn: Drawn,
    made: Made | None = None,
) -> None:
    if path is None:
        return
    state = {
        "made": made.text if made else None,
        "step": step,
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "average": average,
        "numpy": drawn.numpy,
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "queues": [torch.from_numpy(queue) for queue in drawn.queues],
    }
    save_whole(state, path)


def restore_stage(
    path: Path | None,
    net: nn.Module,
    optimiser,
    schedule,
    average: dict,
    rng: np.random.Generator,
    sources: list,
    made: Made | None = None,
) -> int:
    """@returns the step to go on with; 0 without a checkpoint
    @raises MadeOtherwise when the checkpoint was made by something else
    """
    if path is None or not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    if made is not None:
        made.accept(state.get("made"), path)
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    for key, value in state["average"].items():
        average[key].copy_(value)
    rng.bit_generator.state = state["numpy"]
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    for source, queue in zip(sources, state["queues"], strict=True):
        source.queue = queue.numpy()
    return state["step"]
