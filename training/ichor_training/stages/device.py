"""Where networks run: CUDA when there is one, else the CPU; channels_last on both, bf16 where the hardware computes in
it."""

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


BF16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16")
"""As torch names what a processor can do. Without one of them bf16 is emulated: ten times slower than float32 (measured
with AVX2)."""


def computes_in_bf16(device: torch.device) -> bool:
    capabilities = torch.cpu.get_capabilities()
    return device.type != "cpu" or any(capabilities.get(name, False) for name in BF16_INSTRUCTIONS)


def mixed_precision(device: torch.device, enabled: bool = True) -> torch.autocast:
    """@param enabled whether bf16 is wanted; float32 stays where the processor has no instructions for it"""
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled and computes_in_bf16(device))
