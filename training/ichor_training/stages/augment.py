"""Augmentation in Hounsfield units, before windowing: what scanners, positioning and reconstruction change."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(hu: Tensor, side: int) -> Tensor:
    """float32 HU [N, H, W] → [N, side, side]: pose, calibration, noise, contrast, kernel, lost bone detail, cut-out."""
    return cut_out(bone_lost(kernel(contrast(noise(pose(hu, side))))))


def pose(hu: Tensor, side: int) -> Tensor:
    """Rotation, field of view, gantry tilt (rows stretched by 1 / cos), left-right flip, shift; outside is air."""
    count = len(hu)
    turn, scale = torch.randn(count) * 0.17, 1 + torch.randn(count) * 0.1
    stretch = 1 / torch.cos(torch.randn(count) * 0.2)
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = torch.cos(turn) / scale * flip, -torch.sin(turn) / scale
    matrix[:, 1, 0], matrix[:, 1, 1] = torch.sin(turn) / scale * flip, torch.cos(turn) / scale
    matrix[:, 1, :2] /= stretch[:, None]
    matrix[:, :, 2] = torch.randn(count, 2) * 0.05
    grid = F.affine_grid(matrix, (count, 1, side, side), align_corners=False)
    return (F.grid_sample(hu.unsqueeze(1) + 1024, grid, align_corners=False, mode="bilinear") - 1024).squeeze(1)


def noise(hu: Tensor) -> Tensor:
    """Calibration error and quantum noise."""
    count = len(hu)
    scaled = hu * (1 + torch.randn(count, 1, 1) * 0.04) + torch.randn(count, 1, 1) * 3
    return scaled + torch.randn_like(hu) * torch.rand(count, 1, 1) * 5


def contrast(hu: Tensor) -> Tensor:
    """A gamma inside the brain range, −20 to 100 HU."""
    gamma = torch.exp(torch.randn(len(hu), 1, 1) * 0.15)
    brain = ((hu.clamp(-20, 100) + 20) / 120) ** gamma * 120 - 20
    return torch.where((hu > -20) & (hu < 100), brain, hu)


def kernel(hu: Tensor) -> Tensor:
    """Smoother or sharper reconstruction."""
    smooth = F.avg_pool2d(hu.unsqueeze(1), 3, 1, 1).squeeze(1)
    return hu + (smooth - hu) * (torch.rand(len(hu), 1, 1) * 1.6 - 0.6)


def bone_lost(hu: Tensor) -> Tensor:
    """At times only the brain window survives, as in a slice whose bone image is missing: flat bone and flat air."""
    lost = torch.rand(len(hu), 1, 1) < 0.05
    flat = torch.where(hu >= 98, 400.0, torch.where(hu <= -18, -200.0, hu))
    return torch.where(lost, flat, hu)


def cut_out(hu: Tensor) -> Tensor:
    side = hu.shape[-1]
    for index in range(len(hu)):
        if torch.rand(1) < 0.3:
            height, width = (int(v) for v in torch.randint(20, min(70, side), (2,)))
            row, column = int(torch.randint(0, side - height, (1,))), int(torch.randint(0, side - width, (1,)))
            hu[index, row : row + height, column : column + width] = torch.randn(1) * 30
    return hu
