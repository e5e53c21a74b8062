"""The three stages of one experiment in a run folder. Every stage keeps its outcome there and is skipped when that is
there.

cnn.pt → features/ → selector.npz → sequence.pt → figures.json
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from ..data.studies import Studies, held_out
from ..measure.metrics import auc, challenge_loss, maximum_per_group
from ..models.networks import CnnAlone, SequenceNet, SliceNet
from ..models.start_weights import start
from .checkpoints import save_whole
from .device import to_best_device
from .experiment import Experiment
from .features import sample, scans_on_disk
from .select_features import select
from .train_cnn import kept_stage
from .train_sequence import Scans, run_sequence, train_sequence

SELECTOR_SLICES = 32_000
"""As many as the paper fitted its PCA on."""


class Data:
    """The studies of an experiment, split by patient."""

    def __init__(self, experiment: Experiment, real: Studies, phantoms: Studies | None) -> None:
        held = np.zeros(len(real.labels), bool)
        if experiment.held_out is not None:
            held = held_out(real, experiment.folds, experiment.held_out, experiment.seed)
        self.train, self.test, self.phantoms = real.where(~held), real.where(held), phantoms


def train_cnn(experiment: Experiment, data: Data, run: Path, mobilenet: Path) -> SliceNet:
    """Stage 1 → `cnn.pt`."""
    torch.manual_seed(experiment.seed)
    net = SliceNet(experiment.backbone)
    path = run / "cnn.pt"
    if not path.exists():
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
            )
        save_whole(net.state_dict(), path)
    return saved_cnn(experiment, run)


def saved_cnn(experiment: Experiment, run: Path) -> SliceNet:
    """@raises FileNotFoundError when stage 1 has not run"""
    path = run / "cnn.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run train-cnn first")
    net = SliceNet(experiment.backbone)
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    to_best_device(net)
    return net.eval()


def training_scans(experiment: Experiment, cnn: SliceNet, data: Data, run: Path) -> Scans:
    """What the sequence model learns from: the slices as they are, or varied copies of them, on which the CNN is less
    sure of itself."""
    seed, copies = experiment.seed + 200, experiment.sequence.augmented_copies if experiment.sequence else 0
    if copies == 0:
        return scans_on_disk(cnn, data.train, run / "features" / "train", False, seed)
    augmentation = experiment.stages()[-1][0].augmentation
    scans = Scans([], [], [])
    for copy in range(copies):
        scans = scans + scans_on_disk(
            cnn, data.train, run / "features" / f"train-{copy}", True, seed + copy, augmentation
        )
    if data.phantoms is not None:
        scans = scans + scans_on_disk(
            cnn,
            data.phantoms.first(experiment.sequence.phantom_studies),
            run / "features" / "phantoms",
            True,
            seed + copies,
            augmentation,
        )
    return scans


def select_features(experiment: Experiment, cnn: SliceNet, scans: Scans, run: Path) -> tuple[np.ndarray, np.ndarray]:
    """Stage 2 → `selector.npz`: centre and projection."""
    path = run / "selector.npz"
    if not path.exists():
        fitted = sample(scans, SELECTOR_SLICES, experiment.seed)
        head = cnn.head.weight.detach().cpu().numpy()
        centre, projection = select(experiment.selector.kind, experiment.selector.count, fitted, head)
        run.mkdir(parents=True, exist_ok=True)
        np.savez(path, centre=centre, projection=projection)
    with np.load(path) as stored:
        return stored["centre"], stored["projection"]


def fit_sequence(experiment: Experiment, cnn: SliceNet, scans: Scans, run: Path) -> SequenceNet:
    """Stage 3 → `sequence.pt`."""
    plan, path = experiment.sequence, run / "sequence.pt"
    if not path.exists():
        net = new_sequence(experiment, cnn, *select_features(experiment, cnn, scans, run))
        train_sequence(
            net,
            scans,
            plan.epochs,
            plan.learning_rate,
            experiment.seed + 300,
            f"{run.name}: sequence",
            batch=plan.batch,
            partial=plan.partial,
            weight_decay=plan.weight_decay,
            schedule=plan.schedule,
            checkpoint=run / "sequence-checkpoint.pt",
        )
        save_whole(net.state_dict(), path)
    return saved_sequence(experiment, cnn, path)


def new_sequence(experiment: Experiment, cnn: SliceNet, centre: np.ndarray, projection: np.ndarray) -> SequenceNet:
    plan = experiment.sequence
    torch.manual_seed(experiment.seed + 250)
    net = SequenceNet(cnn.backbone.features, projection.shape[1], plan.hidden, plan.layers, plan.predictions_at_head)
    net.centre.copy_(torch.from_numpy(centre))
    net.projection.copy_(torch.from_numpy(projection))
    return net


def saved_sequence(experiment: Experiment, cnn: SliceNet, path: Path) -> SequenceNet | CnnAlone:
    """Without a selector there is no sequence model. @raises FileNotFoundError when stage 3 has not run"""
    if experiment.selector is None:
        return CnnAlone()
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run train-sequence first")
    state, plan = torch.load(path, map_location="cpu", weights_only=True), experiment.sequence
    net = SequenceNet(
        cnn.backbone.features, state["projection"].shape[1], plan.hidden, plan.layers, plan.predictions_at_head
    )
    net.load_state_dict(state)
    to_best_device(net)
    return net.eval()


def judge(
    experiment: Experiment, cnn: SliceNet, sequence: SequenceNet | CnnAlone, data: Data, features: Path, run: Path
) -> dict:
    """Held-out patients: logits → `held-out.npz`, figures → `figures.json`. Empty when nobody was held out."""
    if len(data.test.labels) == 0:
        return {}
    outcome = held_out_logits(cnn, sequence, data.test, features / "held-out", experiment.seed)
    figures = {name: figures_of(outcome["labels"], outcome[name], outcome["patient"]) for name in ("cnn", "sequence")}
    figures |= {"patients": len(np.unique(outcome["patient"])), "slices": len(outcome["labels"])}
    run.mkdir(parents=True, exist_ok=True)
    np.savez(run / "held-out.npz", **outcome)
    (run / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    return figures


def held_out_logits(
    cnn: SliceNet, sequence: SequenceNet | CnnAlone, test: Studies, folder: Path, seed: int
) -> dict[str, np.ndarray]:
    """`cnn` and `sequence` logits [N, 6], `labels` [N, 6], `patient` [N]."""
    scans = scans_on_disk(cnn, test, folder, False, seed)
    joint = [run_sequence(sequence, *one) for one in zip(scans.features, scans.logits, strict=True)]
    return {
        "cnn": np.concatenate(scans.logits),
        "sequence": np.concatenate(joint),
        "labels": np.concatenate(scans.labels),
        "patient": test.patient,
    }


def saved_outcome(run: Path) -> dict[str, np.ndarray] | None:
    """What `judge` kept; None when nobody was held out."""
    path = run / "held-out.npz"
    if not path.exists():
        return None
    with np.load(path) as stored:
        return {key: stored[key] for key in stored.files}


def figures_of(labels: np.ndarray, logits: np.ndarray, patient: np.ndarray) -> dict[str, float | None]:
    """AUC of any hemorrhage, None where there is only one kind; the loss over all classes."""

    def rounded(value):
        return None if np.isnan(value) else round(value, 4)

    truth = maximum_per_group(labels[:, -1], patient)
    return {
        "challengeLogLoss": round(challenge_loss(labels, logits), 5),
        "anySliceAuc": rounded(auc(labels[:, -1], logits[:, -1])),
        "anyPatientAuc": rounded(auc(truth, maximum_per_group(logits[:, -1], patient))),
    }
