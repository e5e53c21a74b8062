"""One experiment is one YAML: backbone and start weights, training stages, selector, sequence model, split. The schema
is below, as dataclasses."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from .train_cnn import Stage
from .train_sequence import SequencePlan


@dataclass(frozen=True)
class Selector:
    kind: str = "pca"
    """`pca`, `largest-standard-deviation`, `largest-weights`, `smallest-weights` or `predictions-only`."""
    count: int = 120


@dataclass(frozen=True)
class Experiment:
    backbone: str
    seed: int
    name: str = ""
    version: str = "0.0.0"
    start: str = "random"
    """`random`, `imagenet`, or a file of weights."""
    pretrain: list[Stage] = field(default_factory=list)
    """On phantoms alone."""
    fine_tune: list[Stage] = field(default_factory=list)
    """On real slices, and phantoms where a stage says so."""
    selector: Selector | None = field(default_factory=Selector)
    """None: the CNN alone, no sequence model."""
    sequence: SequencePlan | None = None
    folds: int = 5
    held_out: int | None = 0
    """The fold that is not trained on; None: everything is."""

    def stages(self) -> list[tuple[Stage, int]]:
        """Every stage in order, with its seed."""
        early = [(stage, self.seed + number) for number, stage in enumerate(self.pretrain)]
        return early + [(stage, self.seed + 100 + number) for number, stage in enumerate(self.fine_tune)]

    def plain(self) -> dict[str, Any]:
        """As reports and manifests hold it."""
        return {**asdict(self), "selector": asdict(self.selector) if self.selector else {"kind": "none", "count": 0}}


def read_experiment(path: Path, **changed: Any) -> Experiment:
    """@raises ValueError naming a key that there is not"""
    return experiment_of({**yaml.safe_load(path.read_text()), **changed}, str(path))


def experiment_of(plan: dict[str, Any], where: str) -> Experiment:
    """`folds: [0]`, as in default.yaml, is five folds of which the first is held out here; a single stage may stand
    without a list."""
    plan = dict(plan)
    if isinstance(plan.get("folds"), list):
        plan["held_out"] = plan.pop("folds")[0]
    for key in ("pretrain", "fine_tune"):
        given = plan.get(key) or []
        plan[key] = [made(Stage, one, f"{where}: {key}") for one in (given if isinstance(given, list) else [given])]
    if "selector" in plan:
        plan["selector"] = made(Selector, plan["selector"], f"{where}: selector") if plan["selector"] else None
    if plan.get("sequence"):
        plan["sequence"] = made(SequencePlan, plan["sequence"], f"{where}: sequence")
    return made(Experiment, plan, where)


def made(kind: type, values: dict[str, Any], where: str):
    known = {one.name for one in fields(kind)}
    wrong = sorted(set(values) - known)
    if wrong:
        raise ValueError(f"{where} does not know {', '.join(wrong)}; it takes {', '.join(sorted(known))}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error
