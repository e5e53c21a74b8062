"""Where networks run: CUDA when there is one, else the CPU; bf16 and channels_last on both."""
from __future__ import annotations

import torch
from torch import nn


def device_of(net: nn.Module) -> torch.device:
    return next(net.parameters()).device


def to_best_device(net: nn.Module) -> torch.device:
    """Moves the network. @returns the device"""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net.to(device=device, memory_format=torch.channels_last)
    return device


def mixed_precision(device: torch.device, enabled: bool = True) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
