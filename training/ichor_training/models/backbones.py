"""CNN backbones by name. Every one is [N, 3, side, side] → activations [N, features, side / 32, side / 32], so 8 × 8 at
256²."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .gelu import GeluNet
from .mobile import efficientnet, mobilenet_v2


class Bottleneck(nn.Module):
    """ResNeXt block (Xie et al. 2017): 1 × 1, grouped 3 × 3, 1 × 1, with a shortcut."""

    def __init__(self, inputs: int, width: int, outputs: int, groups: int, stride: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))
        self.spatial = nn.Sequential(
            nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(width), nn.ReLU(True)
        )
        self.expand = nn.Sequential(nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        same = inputs == outputs and stride == 1
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )
        nn.init.zeros_(self.expand[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.expand(self.spatial(self.reduce(x))) + self.shortcut(x))


class ResNeXt(nn.Module):
    """[N, 3, 256, 256] → activations [N, features, 8, 8]."""

    def __init__(self, stem: int, blocks: list[int], widths: list[int], outputs: list[int], groups: list[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, stem, 7, 2, 3, bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(True),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = stem
        for stage, count in enumerate(blocks):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(Bottleneck(channels, widths[stage], outputs[stage], groups[stage], stride))
                channels = outputs[stage]
        self.layers = nn.Sequential(*layers)
        self.features = channels

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


WIDE = [256, 512, 1024, 2048]

BACKBONES: dict[str, Callable[[], nn.Module]] = {
    "resnext101_32x8d": lambda: ResNeXt(64, [3, 4, 23, 3], [256, 512, 1024, 2048], WIDE, [32] * 4),
    "resnext50_32x4d": lambda: ResNeXt(64, [3, 4, 6, 3], [128, 256, 512, 1024], WIDE, [32] * 4),
    "slim_resnext": lambda: ResNeXt(32, [2, 2, 2, 2], [64, 128, 256, 512], [128, 256, 512, 1024], [4, 8, 16, 32]),
    "tiny_resnext": lambda: ResNeXt(8, [1, 1, 1, 1], [16, 32, 64, 128], [32, 64, 128, 256], [4, 4, 8, 8]),
    "efficientnet_b4": lambda: efficientnet(width=1.4, depth=1.8),
    "efficientnet_lite0": lambda: efficientnet(width=1.0, depth=1.0, lite=True),
    "efficientnet_lite1": lambda: efficientnet(width=1.0, depth=1.1, lite=True),
    "efficientnet_lite2": lambda: efficientnet(width=1.1, depth=1.2, lite=True),
    "mobilenet_v2": lambda: mobilenet_v2(),
    "gelu_resnet": GeluNet,
}


class Ensemble(nn.Module):
    """Backbones beside one another, their activations joined by channel: with one linear head on all of them, the
    logits are the
    sum of what each backbone says, so that features, class activation maps and gradients mean what they mean for a
    single one.
    """

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.features = sum(member.features for member in members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([member(x) for member in self.members], 1)


def make_backbone(name: str, channels: int = 3) -> nn.Module:
    """A module with an attribute `features`, the number of its output channels. `a+b` is an ensemble of both.
    @raises ValueError for an unknown name
    """
    if "+" in name:
        return Ensemble([make_backbone(member, channels) for member in name.split("+")])
    if name not in BACKBONES:
        raise ValueError(f"backbone {name!r} is none of {', '.join(BACKBONES)}")
    backbone = BACKBONES[name]()
    if channels != 3:
        take_channels(backbone, channels)
    return backbone


def first_convolution(module: nn.Module) -> nn.Conv2d:
    return next(one for one in module.modules() if isinstance(one, nn.Conv2d))


def take_channels(backbone: nn.Module, channels: int) -> None:
    """The first convolution is made anew for so many input channels."""
    old = first_convolution(backbone)
    path = next(name for name, one in backbone.named_modules() if one is old)
    new = nn.Conv2d(channels, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None)
    parent, _, last = path.rpartition(".")
    setattr(backbone.get_submodule(parent), last, new)
