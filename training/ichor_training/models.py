"""The networks: preprocessing inside the graph, CNN backbones by name, the sequence model (paper, sections 3.2 to 3.4)."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import CLASSES

WINDOWS = [("brain", 40.0, 80.0), ("subdural", 80.0, 200.0), ("soft tissue", 40.0, 380.0)]
"""Name, centre and width in HU, as channels in that order."""
MEAN = [0.1738, 0.1433, 0.1970]
STANDARD_DEVIATION = [0.3161, 0.2850, 0.3111]
SIDE = 256


class Preprocessing(nn.Module):
    """int16 HU [N, H, W] → float32 [N, 3, 256, 256]: windows, then bilinear resize (half-pixel centres, no antialias), then normalise."""

    def __init__(self) -> None:
        super().__init__()
        low = torch.tensor([centre - width / 2 for _, centre, width in WINDOWS])
        width = torch.tensor([width for _, _, width in WINDOWS])
        self.register_buffer("low", low.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("width", width.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(STANDARD_DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, hu: Tensor) -> Tensor:
        channels = ((hu.float().unsqueeze(1) - self.low) / self.width).clamp(0, 1)
        channels = F.interpolate(channels, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        return (channels - self.mean) / self.deviation


class Bottleneck(nn.Module):
    """ResNeXt block (Xie et al. 2017): 1 × 1, grouped 3 × 3, 1 × 1, with a shortcut."""

    def __init__(self, inputs: int, width: int, outputs: int, groups: int, stride: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))
        self.spatial = nn.Sequential(nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))
        self.expand = nn.Sequential(nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        nn.init.zeros_(self.expand[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.expand(self.spatial(self.reduce(x))) + self.shortcut(x))


class ResNeXt(nn.Module):
    """[N, 3, 256, 256] → activations [N, features, 8, 8]."""

    def __init__(self, stem: int, blocks: list[int], widths: list[int], outputs: list[int], groups: list[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, stem, 7, 2, 3, bias=False), nn.BatchNorm2d(stem), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
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


def make_backbone(name: str) -> nn.Module:
    """@raises KeyError for an unknown name"""
    wide = [256, 512, 1024, 2048]
    return {
        "resnext101_32x8d": lambda: ResNeXt(64, [3, 4, 23, 3], [256, 512, 1024, 2048], wide, [32] * 4),
        "resnext50_32x4d": lambda: ResNeXt(64, [3, 4, 6, 3], [128, 256, 512, 1024], wide, [32] * 4),
        "slim_resnext": lambda: ResNeXt(32, [2, 2, 2, 2], [64, 128, 256, 512], [128, 256, 512, 1024], [4, 8, 16, 32]),
    }[name]()


class SliceNet(nn.Module):
    """Backbone, global average pooling, linear head.

    forward: int16 HU [N, H, W] → features [N, F], logits [N, 6], cams [N, 6, h, w], activations [N, F, h, w].
    A cam is the head's weight applied at every place, before ReLU and without bias.
    """

    def __init__(self, backbone: str) -> None:
        super().__init__()
        self.preprocessing = Preprocessing()
        self.backbone = make_backbone(backbone)
        self.head = nn.Linear(self.backbone.features, len(CLASSES))

    def forward(self, hu: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.classify(self.preprocessing(hu))

    def classify(self, channels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        activations = self.backbone(channels)
        features = activations.mean((2, 3))
        cams = F.conv2d(activations, self.head.weight[:, :, None, None])
        return features, self.head(features), cams, activations


class SequenceNet(nn.Module):
    """Selected features and CNN probabilities → 3-layer bidirectional LSTM → with the CNN probabilities → linear.

    forward: features [S, F], logits [S, 6] → logits [S, 6]; slices in spatial order.
    """

    def __init__(self, features: int, selected: int = 120, hidden: int = 256, layers: int = 3) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("projection", torch.zeros(features, selected))
        classes = len(CLASSES)
        self.lstm = nn.LSTM(selected + classes, hidden, num_layers=layers, dropout=0.3, bidirectional=True)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(2 * hidden + classes, classes)

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        return self.batched(features.unsqueeze(1), logits.unsqueeze(1)).squeeze(1)

    def batched(self, features: Tensor, logits: Tensor) -> Tensor:
        """[S, B, F] and [S, B, 6] → [S, B, 6]; all studies of the batch have S slices."""
        probabilities = torch.sigmoid(logits)
        selected = (features - self.centre) @ self.projection
        hidden, _ = self.lstm(torch.cat([selected, probabilities], -1))
        return self.head(self.dropout(torch.cat([hidden, probabilities], -1)))
