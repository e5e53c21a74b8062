"""EfficientNet (Tan, Le 2019), its Lite variants, and MobileNetV2 (Sandler et al. 2018), with TensorFlow's padding, so
that published weights fit."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BLOCKS = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
"""EfficientNet-B0: repeats, kernel, stride, expansion, output channels."""
MOBILE_BLOCKS = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (3, 3, 2, 6, 32),
    (4, 3, 2, 6, 64),
    (3, 3, 1, 6, 96),
    (3, 3, 2, 6, 160),
    (1, 3, 1, 6, 320),
]


def convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int, bias: bool) -> list[nn.Module]:
    """TensorFlow's SAME padding for inputs of even size: with stride 2 there is one row and column more at the end."""
    if stride == 1:
        return [nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=bias)]
    before, after = (kernel - 2) // 2, (kernel - 1) // 2
    return [
        nn.ZeroPad2d((before, after, before, after)),
        nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=bias),
    ]


def normalised(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int, activation: nn.Module | None
) -> nn.Sequential:
    layers = [*convolution(inputs, outputs, kernel, stride, groups, bias=False), nn.BatchNorm2d(outputs, eps=1e-3)]
    return nn.Sequential(*layers, *([activation] if activation else []))


def biased(
    inputs: int, outputs: int, kernel: int, stride: int, groups: int, activation: nn.Module | None
) -> nn.Sequential:
    """Without batch normalisation, which the available MobileNetV2 weights have folded in."""
    return nn.Sequential(
        *convolution(inputs, outputs, kernel, stride, groups, bias=True), *([activation] if activation else [])
    )


class Squeeze(nn.Module):
    """Squeeze and excitation: channels weighted by what the whole map holds."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Conv2d(channels, reduced, 1), nn.SiLU(), nn.Conv2d(reduced, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weigh(x.mean((2, 3), keepdim=True))


class Inverted(nn.Module):
    """Expand, depthwise convolution, project; with a shortcut where shapes allow it."""

    def __init__(
        self,
        layer,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        expansion: int,
        activation: nn.Module,
        squeeze: bool,
    ) -> None:
        super().__init__()
        wide = inputs * expansion
        layers = [layer(inputs, wide, 1, 1, 1, activation)] if expansion > 1 else []
        layers += [layer(wide, wide, kernel, stride, wide, activation)]
        layers += [Squeeze(wide, max(1, inputs // 4))] if squeeze else []
        self.layers = nn.Sequential(*layers, layer(wide, outputs, 1, 1, 1, None))
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class Mobile(nn.Module):
    """[N, 3, side, side] → activations [N, features, side / 32, side / 32]; side is a multiple of 32."""

    def __init__(
        self,
        layer,
        blocks: list[tuple[int, ...]],
        stem: int,
        features: int,
        activation: nn.Module,
        squeeze: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [layer(3, stem, 3, 2, 1, activation)]
        channels = stem
        for repeats, kernel, stride, expansion, outputs in blocks:
            for index in range(repeats):
                layers.append(
                    Inverted(
                        layer, channels, outputs, kernel, stride if index == 0 else 1, expansion, activation, squeeze
                    )
                )
                channels = outputs
        self.layers = nn.Sequential(*layers, layer(channels, features, 1, 1, 1, activation))
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def rounded(channels: float) -> int:
    """To a multiple of 8, never more than a tenth below."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def efficientnet(width: float, depth: float, lite: bool = False) -> Mobile:
    """Lite: no squeeze, ReLU6, and the ends of the network are not scaled."""
    last = len(BLOCKS) - 1
    scaled = [
        (
            repeats if lite and index in (0, last) else math.ceil(repeats * depth),
            kernel,
            stride,
            expansion,
            rounded(outputs * width),
        )
        for index, (repeats, kernel, stride, expansion, outputs) in enumerate(BLOCKS)
    ]
    stem, features = (32, 1280) if lite else (rounded(32 * width), rounded(1280 * width))
    return Mobile(normalised, scaled, stem, features, nn.ReLU6() if lite else nn.SiLU(), squeeze=not lite)


def mobilenet_v2() -> Mobile:
    net = Mobile(biased, MOBILE_BLOCKS, 32, 1280, nn.ReLU6())
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            torch.nn.init.zeros_(module.bias)
    return net
