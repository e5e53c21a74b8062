"""One experiment is one YAML: backbone, start weights, stages, selector, sequence model, split. This is its schema."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..models.backbones import BACKBONES
from ..models.networks import SIDE
from ..models.sequences import SEQUENCES
from .paper import with_the_papers_values
from .policies import POLICIES
from .reading import limited, read
from .select_features import KINDS

SCHEDULES = ("one-cycle", "constant")


@dataclass(frozen=True)
class Stage:
    """One training stage of the CNN, of `steps`, or of `epochs` over the real (else the phantom) slices."""

    learning_rate: float | None = limited(None, above=0, most=1)
    learning_rates: tuple[float, ...] = limited((), above=0, most=1)
    """One per epoch, in the place of `learning_rate` and schedule."""
    real: int = limited(0, least=0)
    """Real slices per batch."""
    phantom: int = limited(0, least=0)
    """Phantom slices per batch."""
    steps: int = limited(0, least=0)
    epochs: float = limited(0, least=0)
    side: int = limited(SIDE, least=64, most=1024)
    weight_decay: float = limited(0.05, least=0, below=1)
    label_smoothing: float = limited(0.02, least=0, below=0.5)
    augmentation: str = limited("scanner", among=tuple(POLICIES))
    windows_first: bool = False
    """Windows at the resolution that slices are kept at, then resize, as production; else resize, then windows."""
    sampling: str = limited("bleeds-first", among=("bleeds-first", "uniform"))
    """`bleeds-first`: slices with blood more often, rare subtypes most; `uniform`: each once before any comes again."""
    schedule: str = limited("one-cycle", among=SCHEDULES)
    clip: float | None = limited(1.0, above=0)
    """Largest norm of the gradient; null: as it is."""
    averaged: bool = True
    """Whether the weights become their exponential moving average at the end."""
    mixed: bool = True
    """Whether forward and backward run in bf16. Depthwise convolutions are faster in fp32 on a CPU."""


@dataclass(frozen=True)
class Selector:
    kind: str = limited("pca", among=KINDS)
    count: int = limited(120, least=0)
    per_class: bool = False
    """By weight: as many features for each of the six classes; else by a feature's largest weight of any class."""
    fitted_on: int = limited(32_000, least=1)
    """At most so many slices."""


@dataclass(frozen=True)
class SequencePlan:
    epochs: int = limited(least=1)
    learning_rate: float = limited(above=0, most=1)
    augmented_copies: int = limited(0, least=0)
    """How many varied copies of the real slices are learned from; 0: the slices as they are."""
    phantom_studies: int | None = limited(None, least=0)
    """How many of the phantoms are learned from beside varied copies; null: all."""
    batch: int = limited(8, least=1)
    """Studies per step."""
    partial: bool = True
    """Whether a part of a study is shown at times."""
    weight_decay: float = limited(0.02, least=0, below=1)
    schedule: str = limited("one-cycle", among=SCHEDULES)
    clip: float | None = limited(1.0, above=0)
    predictions_at_head: bool = True
    hidden: int = limited(256, least=1)
    """Per direction of an LSTM; of a transformer in all."""
    layers: int = limited(3, least=1, most=8)
    kind: str = limited("bilstm", among=tuple(SEQUENCES))
    heads: int = limited(4, least=1)
    """Of a transformer's attention."""


@dataclass(frozen=True)
class Experiment:
    backbone: str
    seed: int = limited(least=0)
    neighbours: int = limited(0, least=0, most=5)
    """2.5D: so many slices on either side are input channels too."""
    name: str = ""
    version: str = "0.0.0"
    paper: bool = False
    """Whether what is not named has the paper's value: `paper.py`."""
    start: str = "random"
    """`random`, `imagenet`, or a file of weights."""
    pretrain: tuple[Stage, ...] = ()
    """On phantoms alone."""
    fine_tune: tuple[Stage, ...] = ()
    """On real slices, and phantoms where a stage says so."""
    selector: Selector | None = field(default_factory=Selector)
    """None: the CNN alone, no sequence model."""
    sequence: SequencePlan | None = None
    folds: int = limited(5, least=2)
    held_out: int | None = limited(0, least=0)
    """The fold that is not trained on; None: everything is."""
    held_out_scans: int | None = limited(None, least=1)
    """In the place of a fold: the last so many studies; other studies of their patients are not trained on either."""
    cross_validate: tuple[int, ...] = limited((), least=0)
    """The folds that `build` holds out, one after the other."""

    def stages(self) -> list[tuple[Stage, int]]:
        """Every stage in order, with its seed."""
        early = [(stage, self.seed + number) for number, stage in enumerate(self.pretrain)]
        return early + [(stage, self.seed + 100 + number) for number, stage in enumerate(self.fine_tune)]

    def plain(self) -> dict[str, Any]:
        """As reports and manifests hold it."""
        chosen = self.selector
        kind, count = (chosen.kind, chosen.count) if chosen else ("none", 0)
        return {**asdict(self), "selector": {"kind": kind, "count": count}}


def read_experiment(path: Path, **changed: Any) -> Experiment:
    """@raises ValueError naming everything that is wrong with it, FileNotFoundError"""
    return experiment_of({**read_yaml(path), **changed}, str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """@raises ValueError for what is no table of keys and values"""
    try:
        plan = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(plan, dict):
        raise ValueError(f"{path} is no table of keys and values")
    return plan


def experiment_of(plan: dict[str, Any], where: str) -> Experiment:
    """`folds: [0]`, as in default.yaml: five folds, those are cross-validated with, the first is held out."""
    plan, faults = with_the_papers_values(plan), []
    if isinstance(plan.get("folds"), list):
        plan["cross_validate"] = plan.pop("folds")
        plan["held_out"] = plan["cross_validate"][0] if plan["cross_validate"] else None
    experiment = read(Experiment, plan, where, faults)
    faults += inconsistencies(experiment, where) if experiment is not None else []
    if faults:
        raise ValueError("; ".join(faults))
    return experiment


def inconsistencies(experiment: Experiment, where: str) -> list[str]:
    """What no single value is wrong with."""
    faults = []
    if any(member not in BACKBONES for member in experiment.backbone.split("+")):
        faults.append(f"{where}: backbone is {experiment.backbone!r}, none of {', '.join(BACKBONES)}")
    for name, stages in (("pretrain", experiment.pretrain), ("fine_tune", experiment.fine_tune)):
        for index, stage in enumerate(stages):
            faults += [f"{where}: {name}[{index}] {fault}" for fault in stage_faults(stage)]
    if any(stage.real for stage in experiment.pretrain):
        faults.append(f"{where}: pretrain is on phantoms alone, but takes real slices")
    for fold in {experiment.held_out, *experiment.cross_validate} - {None}:
        if fold >= experiment.folds:
            faults.append(
                f"{where}: there is no fold {fold} of {experiment.folds}, they are 0 to {experiment.folds - 1}"
            )
    plan = experiment.sequence
    if plan is not None and plan.kind == "transformer" and plan.hidden % plan.heads:
        faults.append(f"{where}: sequence has hidden {plan.hidden}, which its {plan.heads} heads cannot share")
    return faults + selector_faults(experiment.selector, where)


def stage_faults(stage: Stage) -> list[str]:
    faults = []
    if bool(stage.steps) == bool(stage.epochs):
        faults.append("needs steps or epochs, one of them")
    if stage.real + stage.phantom == 0:
        faults.append("takes no slice: real and phantom are 0")
    if stage.side % 32:
        faults.append(f"has side {stage.side}, which 32 does not divide")
    if (stage.learning_rate is None) == (not stage.learning_rates):
        faults.append("needs learning_rate or learning_rates, one of them")
    if stage.learning_rates and stage.epochs != len(stage.learning_rates):
        faults.append(f"names learning_rates for {len(stage.learning_rates)} epochs and has {stage.epochs:g}")
    if stage.windows_first and POLICIES[stage.augmentation].on_windows is None:
        faults.append(f"wants windows_first, but the augmentation {stage.augmentation} changes Hounsfield units")
    return faults


def selector_faults(selector: Selector | None, where: str) -> list[str]:
    if selector is None:
        return []
    faults = []
    if (selector.kind == "predictions-only") != (selector.count == 0):
        faults.append(
            f"{where}: selector {selector.kind} with count {selector.count}; predictions-only has 0, others more"
        )
    if selector.per_class and not selector.kind.endswith("-weights"):
        faults.append(f"{where}: selector {selector.kind} has no choice per class")
    if selector.per_class and selector.count % 6:
        faults.append(
            f"{where}: selector per_class shares {selector.count} features among six classes, which 6 does not divide"
        )
    return faults
