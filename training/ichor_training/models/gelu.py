"""A small residual network with GELU and group normalisation: a bundle needs neither ReLU nor batch normalisation."""

from __future__ import annotations

from torch import Tensor, nn

GROUPS = 8


def normalised(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(GROUPS, outputs)]


class GeluBlock(nn.Module):
    """Two convolutions with a shortcut (He et al. 2016), GELU in the place of ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*normalised(inputs, outputs, stride), nn.GELU(), *normalised(outputs, outputs, 1))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.act = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.body(x) + self.shortcut(x))


class GeluNet(nn.Module):
    """[N, 3, 256, 256] → activations [N, features, 8, 8]."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128, 256)) -> None:
        super().__init__()
        stages = zip(widths[:-1], widths[1:], strict=True)
        blocks = [block for one, two in stages for block in (GeluBlock(one, two, 2), GeluBlock(two, two, 1))]
        self.layers = nn.Sequential(*normalised(3, widths[0], 2), nn.GELU(), *blocks)
        self.features = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
