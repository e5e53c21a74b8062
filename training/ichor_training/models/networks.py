"""The networks: preprocessing inside the graph, the CNN on a slice, the sequence model (paper, sections 3.2 to 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import CLASSES
from .backbones import make_backbone

WINDOWS = [("brain", 40.0, 80.0), ("subdural", 80.0, 200.0), ("soft tissue", 40.0, 380.0)]
"""Name, centre and width in HU, as channels in that order."""
MEAN = [0.1738, 0.1433, 0.1970]
STANDARD_DEVIATION = [0.3161, 0.2850, 0.3111]
SIDE = 256


class Preprocessing(nn.Module):
    """int16 HU [N, H, W] → float32 [N, 3, 256, 256]: windows, then bilinear resize (half-pixel centres, no antialias),
    then normalise."""

    def __init__(self) -> None:
        super().__init__()
        low = torch.tensor([centre - width / 2 for _, centre, width in WINDOWS])
        width = torch.tensor([width for _, _, width in WINDOWS])
        self.register_buffer("low", low.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("width", width.view(1, 3, 1, 1), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(STANDARD_DEVIATION).view(1, 3, 1, 1), persistent=False)

    def windows(self, hu: Tensor) -> Tensor:
        """HU [N, H, W] → [N, 3, H, W], 0 to 1."""
        return ((hu.float().unsqueeze(1) - self.low) / self.width).clamp(0, 1)

    def forward(self, hu: Tensor) -> Tensor:
        channels = F.interpolate(self.windows(hu), size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        return (channels - self.mean) / self.deviation


class SliceNet(nn.Module):
    """Backbone, global average pooling, linear head.

    forward: int16 HU [N, H, W] → features [N, F], logits [N, 6], cams [N, 6, h, w], activations [N, F, h, w].
    A cam is the head's weight applied at every place, before ReLU and without bias.
    """

    def __init__(self, backbone: str) -> None:
        """@raises ValueError for an unknown backbone"""
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
    With no selected feature only the probabilities go in; `predictions_at_head` says whether they join the LSTM's
    output.
    """

    def __init__(
        self, features: int, selected: int = 120, hidden: int = 256, layers: int = 3, predictions_at_head: bool = True
    ) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("projection", torch.zeros(features, selected))
        classes = len(CLASSES)
        self.predictions_at_head = predictions_at_head
        self.lstm = nn.LSTM(
            selected + classes, hidden, num_layers=layers, dropout=0.3 if layers > 1 else 0.0, bidirectional=True
        )
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(2 * hidden + (classes if predictions_at_head else 0), classes)

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
        return self.decide(self.lstm_input(features, probabilities), probabilities)

    def lstm_input(self, features: Tensor, probabilities: Tensor) -> Tensor:
        if self.selected == 0:
            return probabilities
        return torch.cat([(features - self.centre) @ self.projection, probabilities], -1)

    def decide(self, lstm_input: Tensor, probabilities: Tensor) -> Tensor:
        hidden, _ = self.lstm(lstm_input)
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
