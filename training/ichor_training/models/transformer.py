"""A small transformer over the slices of a study: the example of a sequence model other than the LSTM."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import CLASSES
from .networks import SequenceModel


class Attention(nn.Module):
    """Every slice looks at every other. [S, B, hidden] → the same."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.into = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self.split(one) for one in self.into(x).chunk(3, -1))
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        seen = torch.softmax(scores, -1) @ value
        return self.out(seen.permute(2, 0, 1, 3).flatten(2))

    def split(self, x: Tensor) -> Tensor:
        """[S, B, hidden] → [B, heads, S, hidden / heads]."""
        return x.unflatten(-1, (self.heads, -1)).permute(1, 2, 0, 3)


class Block(nn.Module):
    """Place among the neighbours (a convolution along the slices), attention, two linear layers; each is added."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.place = nn.Conv1d(hidden, hidden, 3, padding=1, groups=hidden)
        self.attention, self.narrow = Attention(hidden, heads), nn.Linear(2 * hidden, hidden)
        self.wide = nn.Linear(hidden, 2 * hidden)
        self.before_attention, self.before_wide = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.place(x.permute(1, 2, 0)).permute(2, 0, 1)
        x = x + self.dropout(self.attention(self.before_attention(x)))
        return x + self.dropout(self.narrow(F.gelu(self.wide(self.before_wide(x)))))


class SequenceTransformer(SequenceModel):
    """Transformer encoder (Vaswani et al. 2017, normalised first) → with the CNN probabilities → linear."""

    def __init__(
        self, features: int, selected: int, hidden: int, layers: int, heads: int, predictions_at_head: bool = True
    ) -> None:
        """@param hidden a multiple of `heads`"""
        super().__init__(features, selected)
        classes = len(CLASSES)
        self.register_buffer("heads", torch.tensor(heads))
        self.predictions_at_head = predictions_at_head
        self.entry = nn.Linear(selected + classes, hidden)
        self.blocks = nn.ModuleList(Block(hidden, heads) for _ in range(layers))
        self.normal = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden + (classes if predictions_at_head else 0), classes)

    def decide(self, inputs: Tensor, probabilities: Tensor) -> Tensor:
        x = self.entry(inputs)
        for block in self.blocks:
            x = block(x)
        x = self.normal(x)
        return self.head(torch.cat([x, probabilities], -1) if self.predictions_at_head else x)
