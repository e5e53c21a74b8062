"""The three stages of one experiment in a run folder. Every outcome says what made it (facts.py); it is used again for
exactly that, and anything else is refused.

cnn.pt → features/ → selector.npz → sequence.pt → held-out.npz, figures.json (judged.py)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..bundle.exportable import export_trial
from ..models.networks import CnnAlone, SequenceModel, SliceNet
from ..models.sequences import SEQUENCES, sequence_of
from ..models.start_weights import start
from ..provenance import Made, Network, load_network, read_network, save_network, weights_digest
from .configuration import Experiment
from .device import to_best_device
from .facts import Cnn, Data, cnn_made, selector_made, sequence_made, stage_of, varied
from .features import sample, scans_on_disk
from .policies import Variation
from .select_features import select
from .train_cnn import kept_stage
from .train_sequence import Scans, train_sequence


def train_cnn(experiment: Experiment, data: Data, run: Path, mobilenet: Path) -> Cnn:
    """Stage 1 → `cnn.pt`. @raises MadeOtherwise when the folder holds another experiment's"""
    torch.manual_seed(experiment.seed)
    net, path = SliceNet(experiment.backbone, experiment.neighbours), run / "cnn.pt"
    made = cnn_made(experiment, data)
    if not path.exists():
        refuse_what_cannot_be_exported(experiment)
        start(net, experiment.backbone, experiment.start, mobilenet)
        for number, (stage, seed) in enumerate(experiment.stages()):
            kept_stage(
                net,
                stage,
                data.train,
                data.phantoms,
                seed,
                f"{run.name}: cnn, stage {number + 1}",
                run / f"stage-{number}.pt",
                cnn_made(experiment, data, number + 1),
            )
        save_network(net.state_dict(), made, path)
    return saved_cnn(experiment, data, run)


def refuse_what_cannot_be_exported(experiment: Experiment) -> None:
    """Prints what heat maps will not explain. @raises ValueError: hours of training would end in no bundle"""
    plan = experiment.sequence if experiment.selector else None
    trial = export_trial(experiment.backbone, experiment.neighbours, experiment.selector, plan)
    if trial.why:
        print(f"heat maps: {trial.why}", flush=True)


def saved_cnn(experiment: Experiment, data: Data, run: Path) -> Cnn:
    """@raises FileNotFoundError when stage 1 has not run, MadeOtherwise, ValueError when it knows a held-out patient"""
    return loaded_cnn(read_network(present(run / "cnn.pt", "train-cnn"), cnn_made(experiment, data)), data, run)


def loaded_cnn(network: Network, data: Data, run: Path) -> Cnn:
    data.refuse_leak(network.made.patients, str(run / "cnn.pt"))
    net = slice_net(network)
    net.load_state_dict(network.state)
    to_best_device(net)
    return Cnn(net.eval(), network.made, weights_digest(network.state))


def slice_net(network: Network) -> SliceNet:
    """Of the shape that its file says."""
    facts = network.made.facts
    return SliceNet(facts["backbone"], facts.get("neighbours", 0))


def present(path: Path, command: str) -> Path:
    if path.exists():
        return path
    raise FileNotFoundError(f"{path} is missing: run {command} first")


def training_scans(experiment: Experiment, cnn: Cnn, data: Data, run: Path) -> Scans:
    """What the sequence model learns from: the slices as they are, or varied copies of them, on which the CNN is less
    sure of itself."""
    seed, folder = experiment.seed + 200, run / "features"
    if not varied(experiment):
        return scans_on_disk(cnn, data.train, folder / "train", None, seed)
    plan, stage = experiment.sequence, stage_of(experiment)
    variation, scans = Variation(stage.augmentation, stage.windows_first), Scans([], [], [])
    for copy in range(plan.augmented_copies):
        scans = scans + scans_on_disk(cnn, data.train, folder / f"train-{copy}", variation, seed + copy)
    if data.phantoms is not None:
        phantoms = data.phantoms.first(plan.phantom_studies)
        scans = scans + scans_on_disk(cnn, phantoms, folder / "phantoms", variation, seed + plan.augmented_copies)
    return scans


def select_features(
    experiment: Experiment, cnn: Cnn, scans: Scans, data: Data, run: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Stage 2 → `selector.npz`: centre and projection."""
    path, plan, made = run / "selector.npz", experiment.selector, selector_made(experiment, cnn, data)
    if not path.exists():
        fitted = sample(scans, plan.fitted_on, experiment.seed)
        head = cnn.net.head.weight.detach().cpu().numpy()
        centre, projection = select(plan.kind, plan.count, fitted, head, plan.per_class)
        run.mkdir(parents=True, exist_ok=True)
        np.savez(path, centre=centre, projection=projection, made=made.text)
    stored = read_arrays(path, made)
    return stored["centre"], stored["projection"]


def read_arrays(path: Path, made: Made) -> dict[str, np.ndarray]:
    """@raises MadeOtherwise"""
    with np.load(path) as stored:
        made.accept(str(stored["made"]) if "made" in stored.files else None, path)
        return {key: stored[key] for key in stored.files if key != "made"}


def fit_sequence(experiment: Experiment, cnn: Cnn, scans: Scans, data: Data, run: Path) -> SequenceModel:
    """Stage 3 → `sequence.pt`."""
    path, made = run / "sequence.pt", sequence_made(experiment, cnn, data)
    if not path.exists():
        net = new_sequence(experiment, cnn, *select_features(experiment, cnn, scans, data, run))
        name, checkpoint = f"{run.name}: sequence", run / "sequence-checkpoint.pt"
        train_sequence(net, scans, experiment.sequence, experiment.seed + 300, name, checkpoint, made)
        save_network(net.state_dict(), made, path)
    return loaded_sequence(read_network(path, made), cnn, data, path)


def new_sequence(experiment: Experiment, cnn: Cnn, centre: np.ndarray, projection: np.ndarray) -> SequenceModel:
    plan, features = experiment.sequence, cnn.net.backbone.features
    torch.manual_seed(experiment.seed + 250)
    net = SEQUENCES[plan.kind](features, projection.shape[1], plan)
    net.centre.copy_(torch.from_numpy(centre))
    net.projection.copy_(torch.from_numpy(projection))
    return net


def saved_sequence(experiment: Experiment, cnn: Cnn, data: Data, path: Path) -> SequenceModel | CnnAlone:
    """None without a selector. @raises FileNotFoundError when stage 3 has not run, MadeOtherwise"""
    if experiment.selector is None:
        return CnnAlone()
    present(path, "train-sequence")
    return loaded_sequence(read_network(path, sequence_made(experiment, cnn, data)), cnn, data, path)


def loaded_sequence(network: Network, cnn: Cnn, data: Data, path: Path) -> SequenceModel:
    data.refuse_leak(network.made.patients, str(path))
    net = sequence_of(network.state, cnn.net.backbone.features)
    to_best_device(net)
    return net.eval()


def read_cnn(run: Path) -> Network:
    """Of whatever made it, if it says so. @raises FileNotFoundError, MadeOtherwise"""
    path = present(run / "cnn.pt", "train-cnn")
    network = load_network(path)
    return read_network(path, network.made or Made({}))
