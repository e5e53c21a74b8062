"""What makes each outcome of a run folder, as facts that its file holds; and the way back to an experiment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.studies import Studies, held_out, last_scans
from ..models.networks import SliceNet
from ..models.start_weights import existing
from ..provenance import Made, file_digest, load_network
from .configuration import Experiment, Stage, experiment_of


class Data:
    """The studies of an experiment, split by patient. @raises ValueError when a patient is on both sides"""

    def __init__(self, experiment: Experiment, real: Studies, phantoms: Studies | None) -> None:
        test, train = split(experiment, real)
        self.train, self.test, self.phantoms = real.where(train), real.where(test), phantoms
        self.real_facts, self.phantom_facts = real.facts(), phantoms.facts() if phantoms is not None else None
        self.refuse_leak(tuple(self.train.people()), "the training data")

    def refuse_leak(self, learned_from: tuple[str, ...], what: str) -> None:
        """@raises ValueError when a held-out patient was learned from"""
        both = sorted(self.test.people() & set(learned_from))
        if both:
            some = ", ".join(both[:3]) + (" …" if len(both) > 3 else "")
            raise ValueError(f"{len(both)} held-out patients were learned from by {what}: {some}")


def split(experiment: Experiment, real: Studies) -> tuple[np.ndarray, np.ndarray]:
    """bool [slices] twice: held out, and trained on."""
    if experiment.held_out_scans is not None:
        test = last_scans(real, experiment.held_out_scans)
        return test, np.isin(real.patient, np.unique(real.patient[test]), invert=True)
    if experiment.held_out is None:
        return np.zeros(len(real.labels), bool), np.ones(len(real.labels), bool)
    test = held_out(real, experiment.folds, experiment.held_out, experiment.seed)
    return test, ~test


@dataclass(frozen=True)
class Cnn:
    """A trained CNN, what made it, and the digest of its weights."""

    net: SliceNet
    made: Made
    weights: str

    def facts(self) -> dict[str, Any]:
        return {"cnn": self.made.facts, "cnn_weights": self.weights}


def cnn_made(experiment: Experiment, data: Data, stages: int | None = None) -> Made:
    """@param stages made after so many stages; None: after all
    @raises ValueError when the start weights know a held-out patient, or nobody knows whom they know
    """
    start, known = start_facts(experiment.start)
    data.refuse_leak(known, f"the start weights {experiment.start}")
    early = experiment.pretrain[:stages]
    late = experiment.fine_tune[: None if stages is None else max(0, stages - len(experiment.pretrain))]
    uses_phantoms = any(stage.phantom for stage in (*early, *late))
    facts = {
        "outcome": "cnn",
        "backbone": experiment.backbone,
        "neighbours": experiment.neighbours,
        "seed": experiment.seed,
        "start": start,
        "pretrain": [asdict(stage) for stage in early],
        "fine_tune": [asdict(stage) for stage in late],
        "folds": experiment.folds,
        "held_out": experiment.held_out,
        "held_out_scans": experiment.held_out_scans,
        "data": data.real_facts,
        "phantoms": data.phantom_facts if uses_phantoms else None,
    }
    people = set(known) | (data.train.people() if any(stage.real for stage in (*early, *late)) else set())
    people |= data.phantoms.people() if uses_phantoms else set()
    return Made(facts, tuple(sorted(people)))


def start_facts(start: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the start weights are, and whom they were learned from."""
    if start in ("random", "imagenet"):
        return {"weights": start}, ()
    path = existing(Path(start))
    network = load_network(path)
    if network.made is None and any(name.startswith("backbone.") for name in network.state):
        raise ValueError(f"start weights {path} are a trained network that does not say whom it was learned from")
    return {"weights": path.name, "sha256": file_digest(path)}, network.made.patients if network.made else ()


def varied(experiment: Experiment) -> bool:
    return experiment.sequence is not None and experiment.sequence.augmented_copies > 0


def scans_made(experiment: Experiment, cnn: Cnn, data: Data) -> Made:
    """What the sequence model and its selector learn from."""
    phantoms = data.phantom_facts if varied(experiment) and data.phantoms is not None else None
    facts = {
        "copies": experiment.sequence.augmented_copies if experiment.sequence else 0,
        "phantom_studies": experiment.sequence.phantom_studies if phantoms else None,
        "sequence_phantoms": phantoms,
    }
    people = set(cnn.made.patients) | data.train.people() | (data.phantoms.people() if phantoms else set())
    return Made(cnn.facts() | facts, tuple(sorted(people)))


def selector_made(experiment: Experiment, cnn: Cnn, data: Data) -> Made:
    scans = scans_made(experiment, cnn, data)
    return Made({"outcome": "selector", **scans.facts, "selector": asdict(experiment.selector)}, scans.patients)


def sequence_made(experiment: Experiment, cnn: Cnn, data: Data) -> Made:
    made = selector_made(experiment, cnn, data)
    return Made(made.facts | {"outcome": "sequence", "sequence": asdict(experiment.sequence)}, made.patients)


def judged_made(experiment: Experiment, cnn: Cnn, data: Data) -> Made:
    """Of what is said of the held-out patients."""
    if experiment.selector is None or experiment.sequence is None:
        return Made(cnn.facts() | {"outcome": "cnn alone, held out"}, cnn.made.patients)
    made = sequence_made(experiment, cnn, data)
    return Made(made.facts | {"outcome": "sequence, held out"}, made.patients)


def experiment_of_facts(facts: dict[str, Any], name: str, version: str) -> Experiment:
    """The experiment that made a network. @param facts of a CNN or a sequence model"""
    cnn = facts.get("cnn", facts)
    plan = {
        key: cnn[key] for key in ("backbone", "seed", "pretrain", "fine_tune", "folds", "held_out", "held_out_scans")
    }
    parts = {key: facts.get(key) for key in ("selector", "sequence")}
    more = {"neighbours": cnn.get("neighbours", 0), "start": cnn["start"]["weights"], "name": name, "version": version}
    return experiment_of({**plan, **parts, **more}, name)


def stage_of(experiment: Experiment) -> Stage:
    """The last stage of the CNN: the sequence model learns from slices varied as in it."""
    return experiment.stages()[-1][0]
