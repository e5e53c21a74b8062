"""The networks: preprocessing inside the graph, the CNN on a slice, the sequence model (paper, sections 3.2 to 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import CLASSES
from .backbones import first_convolution, make_backbone

WINDOWS = [("brain", 40.0, 80.0), ("subdural", 80.0, 200.0), ("soft tissue", 40.0, 380.0)]
"""Name, centre and width in HU, as channels in that order."""
MEAN = [0.1738, 0.1433, 0.1970]
STANDARD_DEVIATION = [0.3161, 0.2850, 0.3111]
SIDE = 256


class Preprocessing(nn.Module):
    """int16 HU [N, H, W] → float32 [N, 3, 256, 256]: windows, then bilinear resize (half-pixel centres, no antialias),
    then normalisation. HU [N, K, H, W], a slice amid its neighbours, → [N, 3 K, 256, 256], slice after slice."""

    def __init__(self, windows=WINDOWS, mean=MEAN, deviation=STANDARD_DEVIATION, neighbours: int = 0) -> None:
        super().__init__()
        seen, count = 2 * neighbours + 1, len(windows)
        low = torch.tensor([centre - width / 2 for _, centre, width in windows])
        width = torch.tensor([float(width) for _, _, width in windows])
        self.register_buffer("low", low.view(count, 1, 1), persistent=False)
        self.register_buffer("width", width.view(count, 1, 1), persistent=False)
        self.register_buffer("mean", torch.tensor(mean * seen).view(1, seen * count, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation * seen).view(1, seen * count, 1, 1), persistent=False)
        self.named = windows

    def windows(self, hu: Tensor) -> Tensor:
        """HU [N, H, W] → [N, 3, H, W], [N, K, H, W] → [N, 3 K, H, W], 0 to 1."""
        windowed = ((hu.float().unsqueeze(-3) - self.low) / self.width).clamp(0, 1)
        return windowed.flatten(1, 2) if hu.dim() == 4 else windowed

    def forward(self, hu: Tensor) -> Tensor:
        channels = F.interpolate(self.windows(hu), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        return (channels - self.mean) / self.deviation


class SliceNet(nn.Module):
    """Backbone, global average pooling, linear head.

    forward: int16 HU [N, H, W] → features [N, F], logits [N, 6], cams [N, 6, h, w], activations [N, F, h, w].
    With neighbours (2.5D) HU is [N, K, H, W]: so many slices below, the slice itself, as many above.
    A cam is the head's weight applied at every place, before ReLU and without bias.
    """

    def __init__(self, backbone: str, neighbours: int = 0, preprocessing: Preprocessing | None = None) -> None:
        """@raises ValueError for an unknown backbone"""
        super().__init__()
        self.neighbours = neighbours
        self.preprocessing = preprocessing or Preprocessing(neighbours=neighbours)
        self.backbone = make_backbone(backbone, self.preprocessing.mean.shape[1])
        self.head = nn.Linear(self.backbone.features, len(CLASSES))

    def forward(self, hu: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.classify(self.preprocessing(hu))

    def classify(self, channels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.judged(self.backbone(channels))

    def judged(self, activations: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is said of a slice with these last activations."""
        features = activations.mean((2, 3))
        cams = F.conv2d(activations, self.head.weight[:, :, None, None])
        return features, self.head(features), cams, activations


def inputs_of(module: nn.Module) -> int:
    """How many channels a backbone, or its first layers, take."""
    return first_convolution(module).in_channels


class SequenceModel(nn.Module):
    """Selected features and CNN probabilities of every slice → logits of every slice.

    forward: features [S, F], logits [S, 6] → logits [S, 6]; slices in spatial order, any number of them.
    With no selected feature only the probabilities go in. A sequence model says in `decide` what it makes of them.
    """

    def __init__(self, features: int, selected: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("projection", torch.zeros(features, selected))

    @property
    def selected(self) -> int:
        return self.projection.shape[1]

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        if self.selected == 0:
            logits = kept_as_input(features, logits)
        return self.batched(features.unsqueeze(1), logits.unsqueeze(1)).squeeze(1)

    def batched(self, features: Tensor, logits: Tensor) -> Tensor:
        """[S, B, F] and [S, B, 6] → [S, B, 6]; all studies of the batch have S slices."""
        probabilities = torch.sigmoid(logits)
        return self.decide(self.inputs(features, probabilities), probabilities)

    def inputs(self, features: Tensor, probabilities: Tensor) -> Tensor:
        """What goes in, [S, B, selected + 6]."""
        if self.selected == 0:
            return probabilities
        return torch.cat([(features - self.centre) @ self.projection, probabilities], -1)

    def decide(self, inputs: Tensor, probabilities: Tensor) -> Tensor:
        """[S, B, selected + 6] and [S, B, 6] → logits [S, B, 6]."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it decides")


class SequenceNet(SequenceModel):
    """3-layer bidirectional LSTM → with the CNN probabilities → linear.
    `predictions_at_head` says whether they join the LSTM's output."""

    def __init__(
        self, features: int, selected: int = 120, hidden: int = 256, layers: int = 3, predictions_at_head: bool = True
    ) -> None:
        super().__init__(features, selected)
        classes = len(CLASSES)
        self.predictions_at_head = predictions_at_head
        self.lstm = nn.LSTM(
            selected + classes, hidden, num_layers=layers, dropout=0.3 if layers > 1 else 0.0, bidirectional=True
        )
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(2 * hidden + (classes if predictions_at_head else 0), classes)

    def decide(self, inputs: Tensor, probabilities: Tensor) -> Tensor:
        hidden, _ = self.lstm(inputs)
        return self.head(self.dropout(torch.cat([hidden, probabilities], -1) if self.predictions_at_head else hidden))


class CnnAlone(nn.Module):
    """In the place of a sequence model where a bundle has none: every slice's own logits stand (Table 2, rows without
    LSTM)."""

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        return kept_as_input(features, logits)


def kept_as_input(features: Tensor, logits: Tensor) -> Tensor:
    """The logits as they are: an exported graph loses inputs that nothing reads, and every bundle has the same
    inputs."""
    return logits + 0.0 * features.sum()
