"""Augmentation policies by name. What they do to Hounsfield units comes before windowing, what they do to channels
after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .augment import augment


@dataclass(frozen=True)
class Policy:
    """Random numbers come from torch's global generator, on the default device of the moment."""

    on_hu: Callable[[Tensor, int], Tensor]
    """float32 HU [N, H, W] and a side → [N, side, side]."""
    on_channels: Callable[[Tensor], Tensor]
    """What follows, after windowing: float32 [N, 3, side, side], 0 to 1 → the same."""
    on_windows: Callable[[Tensor], Tensor] | None
    """All of it where windows and resize came first: [N, 3, side, side] → the same; None: it needs Hounsfield units."""


@dataclass(frozen=True)
class Variation:
    """How slices are varied before they are learned from."""

    augmentation: str = "scanner"
    windows_first: bool = False


def alike(change: Callable[[Tensor, int], Tensor], hu: Tensor, side: int) -> Tensor:
    """Of a slice amid its neighbours, [N, K, H, W], all are changed in the same way; [N, H, W] as it is."""
    if hu.dim() == 3:
        return change(hu, side)
    planes = list(hu.unbind(1))
    changed = []
    for plane in planes[:-1]:
        with torch.random.fork_rng():
            changed.append(change(plane, side))
    return torch.stack([*changed, change(planes[-1], side)], 1)


def unchanged(channels: Tensor) -> Tensor:
    return channels


def resize(hu: Tensor, side: int) -> Tensor:
    """Without any change but that of the side."""
    return resized(hu.unsqueeze(1), side).squeeze(1)


def resized(images: Tensor, side: int) -> Tensor:
    """[N, C, H, W] → [N, C, side, side]."""
    return F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False)


def flip_shift_scale_rotate(hu: Tensor, side: int) -> Tensor:
    """The paper's geometry on Hounsfield units; outside is air."""
    return (moved(hu.unsqueeze(1) + 1024, side) - 1024).squeeze(1)


def moved(images: Tensor, side: int) -> Tensor:
    """The paper's geometry (section 3.2): left-right flip of half the slices; shift to 1/16, scale to 10 %, turn to 45°
    of half of them. The paper names the operations, not their limits; these are the defaults of the library that it
    used. @param images [N, C, H, W] @returns [N, C, side, side], 0 outside
    """
    count = len(images)
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    chosen = (torch.rand(count) < 0.5).float()

    def uniform(limit: float, *shape: int) -> Tensor:
        return (torch.rand(count, *shape) * 2 - 1) * limit

    turn, scale = uniform(torch.pi / 4) * chosen, 1 + uniform(0.1) * chosen
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = torch.cos(turn) / scale * flip, -torch.sin(turn) / scale
    matrix[:, 1, 0], matrix[:, 1, 1] = torch.sin(turn) / scale * flip, torch.cos(turn) / scale
    matrix[:, :, 2] = uniform(1 / 8, 2) * chosen[:, None]  # the grid is 2 wide
    grid = F.affine_grid(matrix, (count, 1, side, side), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False, mode="bilinear")


def brightness_contrast(channels: Tensor) -> Tensor:
    """The paper's: half of the slices get up to 20 % more or less of both, in the windowed image."""
    count = len(channels)
    chosen = (torch.rand(count) < 0.5).float()[:, None, None, None]

    def draw() -> Tensor:
        return (torch.rand(count)[:, None, None, None] * 2 - 1) * 0.2 * chosen

    return (channels * (1 + draw()) + draw()).clamp(0, 1)


def papers_windows(channels: Tensor) -> Tensor:
    return brightness_contrast(moved(channels, channels.shape[-1]))


POLICIES = {
    "scanner": Policy(augment, unchanged, None),
    "paper": Policy(flip_shift_scale_rotate, brightness_contrast, papers_windows),
    "none": Policy(resize, unchanged, unchanged),
}


def policy(name: str) -> Policy:
    """@raises ValueError for an unknown name"""
    if name not in POLICIES:
        raise ValueError(f"augmentation {name!r} is none of {', '.join(POLICIES)}")
    return POLICIES[name]
