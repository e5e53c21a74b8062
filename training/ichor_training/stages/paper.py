"""What `paper: true` puts in the place of what an experiment does not name: the paper's side of docs/paper.md."""

from __future__ import annotations

from typing import Any

STAGE = {
    "real": 32,
    "phantom": 0,
    "epochs": 3,
    "learning_rates": [1e-5, 1e-5, 1e-6],
    "augmentation": "paper",
    "windows_first": True,
    "sampling": "uniform",
    "schedule": "constant",
    "weight_decay": 0,
    "label_smoothing": 0,
    "clip": None,
    "averaged": False,
}
SELECTOR = {"kind": "pca", "count": 120, "fitted_on": 30_000}
SEQUENCE = {
    "epochs": 4,
    "learning_rate": 3e-5,
    "batch": 1,
    "partial": False,
    "schedule": "constant",
    "weight_decay": 0,
    "clip": None,
}
EXPERIMENT = {"backbone": "resnext101_32x8d", "fine_tune": [{}], "selector": {}, "sequence": {}}
VALIDATION_SCANS = 744


def with_the_papers_values(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan as it is, unless it says `paper: true`."""
    if plan.get("paper") is not True:
        return dict(plan)
    whole = {**EXPERIMENT, **plan}
    if not {"folds", "held_out", "held_out_scans"} & set(plan):
        whole["held_out_scans"] = VALIDATION_SCANS
    given = whole["fine_tune"]
    whole["fine_tune"] = [stage(one) for one in (given if isinstance(given, list) else [given])]
    if isinstance(whole["selector"], dict):
        whole["selector"] = selector(whole["selector"])
    if isinstance(whole["sequence"], dict) and whole["selector"] is not None:
        whole["sequence"] = {**SEQUENCE, **whole["sequence"]}
    elif "sequence" not in plan:
        whole["sequence"] = None
    return whole


def stage(given: Any) -> Any:
    """Steps stand in the place of epochs, one learning rate in the place of one per epoch."""
    if not isinstance(given, dict):
        return given
    left = set(STAGE) - ({"epochs", "learning_rates"} if "steps" in given else set())
    left -= {"learning_rates"} if {"learning_rate", "epochs"} & set(given) else set()
    return {**{name: value for name, value in STAGE.items() if name in left}, **given}


def selector(given: dict[str, Any]) -> dict[str, Any]:
    """By weight: as many features for every class."""
    by_weight = str(given.get("kind", "")).endswith("-weights")
    return {**SELECTOR, **({"per_class": True} if by_weight else {}), **given}
