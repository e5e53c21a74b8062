"""Sequence models by name: a new one is a SequenceModel, an entry here, and a YAML that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .networks import SequenceModel, SequenceNet
from .transformer import SequenceTransformer

SEQUENCES: dict[str, Callable[[int, int, Any], SequenceModel]] = {
    "bilstm": lambda features, selected, plan: SequenceNet(
        features, selected, plan.hidden, plan.layers, plan.predictions_at_head
    ),
    "transformer": lambda features, selected, plan: SequenceTransformer(
        features, selected, plan.hidden, plan.layers, plan.heads, plan.predictions_at_head
    ),
}
"""From features of the CNN, selected features and the experiment's `sequence`."""


def sequence_of(state: dict[str, torch.Tensor], features: int) -> SequenceModel:
    """A saved sequence model; its kind and sizes are read from the weights."""
    net = (lstm_of if "lstm.weight_hh_l0" in state else transformer_of)(state, features)
    net.load_state_dict(state)
    return net


def lstm_of(state: dict[str, torch.Tensor], features: int) -> SequenceNet:
    layers = sum(key.startswith("lstm.weight_ih") and not key.endswith("reverse") for key in state)
    hidden = state["lstm.weight_hh_l0"].shape[1]
    at_head = state["head.weight"].shape[1] > 2 * hidden
    return SequenceNet(features, state["projection"].shape[1], hidden, layers, at_head)


def transformer_of(state: dict[str, torch.Tensor], features: int) -> SequenceTransformer:
    layers = sum(key.endswith("attention.into.weight") for key in state)
    hidden, heads = state["entry.weight"].shape[0], int(state["heads"])
    at_head = state["head.weight"].shape[1] > hidden
    return SequenceTransformer(features, state["projection"].shape[1], hidden, layers, heads, at_head)
