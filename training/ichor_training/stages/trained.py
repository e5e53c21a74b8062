"""What a run folder holds, as its weights say: export's view of a finished run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..data.studies import Studies
from ..models.networks import CnnAlone, SequenceModel
from ..provenance import Made, load_network, read_network
from .configuration import Experiment
from .facts import Cnn, Data, experiment_of_facts
from .pipeline import loaded_cnn, loaded_sequence, present


@dataclass(frozen=True)
class Trained:
    experiment: Experiment
    """As the weights say it was."""
    data: Data
    cnn: Cnn
    sequence: SequenceModel | CnnAlone


def read_run(run: Path, real: Studies, phantoms: Studies | None, file: Experiment) -> Trained:
    """@param file the experiment's file: its name and version, and whether the CNN alone is wanted
    @raises FileNotFoundError, MadeOtherwise when the data are not those it was trained on, or the stages of two runs
    """
    cnn_path, sequence_path = present(run / "cnn.pt", "train-cnn"), run / "sequence.pt"
    cnn = load_network(cnn_path)
    facts = accepted(cnn_path if file.selector is None else present(sequence_path, "train-sequence"), {})
    experiment = experiment_of_facts(facts, file.name, file.version)
    data = Data(experiment, real, phantoms)
    cnn_facts = {"data": data.real_facts} | ({"phantoms": data.phantom_facts} if uses_phantoms(experiment) else {})
    accepted(cnn_path, cnn_facts)
    trained = loaded_cnn(cnn, data, run)
    if file.selector is None:
        return Trained(replace(experiment, selector=None, sequence=None), data, trained, CnnAlone())
    accepted(sequence_path, trained.facts())
    return Trained(
        experiment, data, trained, loaded_sequence(load_network(sequence_path), trained, data, sequence_path)
    )


def uses_phantoms(experiment: Experiment) -> bool:
    return any(stage.phantom for stage, _ in experiment.stages())


def accepted(path: Path, now: dict) -> dict:
    """The facts of a network, which must be these where they are named. @raises MadeOtherwise"""
    found = load_network(path).made
    made = read_network(path, Made({**found.facts, **now}) if found else Made(now)).made
    return made.facts
