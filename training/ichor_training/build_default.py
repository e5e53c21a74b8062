"""Builds models/default from scratch: pre-training on phantoms, fine-tuning on CT-ICH and phantoms, sequence model, thresholds.

Every step keeps its outcome under the run folder and is skipped when that is there: an interrupted build goes on, within a step too.
The networks of the folds and the final ones need nothing of each other but the pre-trained CNN: they train side by side.
"""
from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import torch
import yaml

from . import CLASSES
from .checkpoints import save_whole
from .ct_ich import import_ct_ich
from .device import to_best_device
from .dicom_folders import import_phantoms
from .metrics import auc, balanced_threshold, bootstrap_interval, maximum_per_group, sigmoid, temperature, threshold_for_sensitivity
from .models import SequenceNet, SliceNet
from .select_features import select
from .side_by_side import side_by_side
from .studies import Studies, held_out
from .train_cnn import Stage, kept_stage, run
from .train_sequence import Scans, run_sequence, train_sequence

FOLDS = 5
FEWEST_POSITIVE_PATIENTS = 3
"""Fewer held-out patients with a class than this say nothing about its threshold: it keeps the default."""
DEFAULT_THRESHOLDS = {"balanced": 0.5, "high-sensitivity": 0.3}
FINAL = "final"


def build(experiment: Path, ct_ich: Path, phantoms: Path, runs: Path, processes: int = 1) -> tuple[SliceNet, SequenceNet, dict]:
    """@returns the networks and a report (folds, temperatures, thresholds, metrics)"""
    plan = yaml.safe_load(experiment.read_text())
    runs.mkdir(parents=True, exist_ok=True)
    real = kept(runs / "ct-ich.npz", lambda: import_ct_ich(ct_ich))
    synthetic = kept(runs / "phantoms.npz", lambda: import_phantoms(phantoms))
    pretrain(plan, synthetic, runs)
    names = [FINAL, *(f"fold-{fold}" for fold in plan["folds"])]
    side_by_side(partial(train, plan, runs), [name for name in names if not (runs / f"{name}-sequence.pt").exists()], processes)
    report = judge([cross_validate(plan, fold, real, synthetic, runs) for fold in plan["folds"]])
    report |= {"experiment": plan, "counts": {"real": counts(real), "synthetic": counts(synthetic)}}
    return *networks(plan, FINAL, real, synthetic, runs), report


def train(plan: dict, runs: Path, name: str) -> None:
    """What can run in a process of its own: reads its data from the run folder, leaves its networks there."""
    real, synthetic = Studies.load(runs / "ct-ich.npz"), Studies.load(runs / "phantoms.npz")
    networks(plan, name, real, synthetic, runs)


def networks(plan: dict, name: str, real: Studies, synthetic: Studies, runs: Path) -> tuple[SliceNet, SequenceNet]:
    """CNN and sequence model of everybody (`final`), or of everybody but a fold's patients (`fold-2`)."""
    seen = real if name == FINAL else real.where(~held_out(real, FOLDS, int(name.removeprefix("fold-")), plan["seed"]))
    cnn = fine_tune(plan, seen, synthetic, runs, name)
    return cnn, fit_sequence(plan, cnn, seen, synthetic, runs, name)


def counts(studies: Studies) -> dict[str, int]:
    return {"patients": len(np.unique(studies.patient)), "slices": len(studies.hu)}


def kept(path: Path, make) -> Studies:
    if not path.exists():
        make().save(path)
    return Studies.load(path)


def pretrain(plan: dict, synthetic: Studies, runs: Path) -> None:
    path = runs / "pretrained.pt"
    if not path.exists():
        torch.manual_seed(plan["seed"])
        net = SliceNet(plan["backbone"])
        for number, stage in enumerate(plan["pretrain"]):
            kept_stage(net, Stage(**stage), None, synthetic, plan["seed"] + number, f"pre-training {number + 1}", runs / f"pretrained-stage-{number}.pt")
        save_whole(net.state_dict(), path)


def fine_tune(plan: dict, real: Studies, synthetic: Studies, runs: Path, name: str) -> SliceNet:
    net, path = SliceNet(plan["backbone"]), runs / f"{name}-cnn.pt"
    if not path.exists():
        net.load_state_dict(state(runs / "pretrained.pt"))
        for number, stage in enumerate(plan["fine_tune"]):
            kept_stage(net, Stage(**stage), real, synthetic, plan["seed"] + 100 + number, f"{name} cnn {number + 1}", runs / f"{name}-stage-{number}.pt")
        save_whole(net.state_dict(), path)
    net.load_state_dict(state(path))
    to_best_device(net)
    return net.eval()


def state(path: Path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=True)


def fit_sequence(plan: dict, cnn: SliceNet, real: Studies, synthetic: Studies, runs: Path, name: str) -> SequenceNet:
    """The sequence model sees augmented slices: on the plain ones the CNN that trained on them is over-confident."""
    selector, settings, path = plan["selector"], plan["sequence"], runs / f"{name}-sequence.pt"
    if not path.exists():
        torch.manual_seed(plan["seed"] + 200)
        copies = [scans_of(cnn, real, augmented=True) for _ in range(settings["augmented_copies"])]
        scans = scans_of(cnn, synthetic.first(settings["phantom_studies"]), augmented=True)
        for copy in copies:
            scans = scans + copy
        torch.manual_seed(plan["seed"] + 260)
    net = SequenceNet(cnn.backbone.features, selector["count"])
    if not path.exists():
        centre, projection = select(selector["kind"], selector["count"], np.concatenate(scans.features), cnn.head.weight.detach().cpu().numpy())
        net.centre.copy_(torch.from_numpy(centre))
        net.projection.copy_(torch.from_numpy(projection))
        train_sequence(net, scans, settings["epochs"], settings["learning_rate"], plan["seed"] + 300, f"{name} sequence")
        save_whole(net.state_dict(), path)
    net.load_state_dict(state(path))
    to_best_device(net)
    return net.eval()


def scans_of(cnn: SliceNet, studies: Studies, augmented: bool) -> Scans:
    features, logits = run(cnn, studies.hu, augmented)
    ranges = studies.ranges()
    return Scans([features[r] for r in ranges], [logits[r] for r in ranges], [studies.labels[r] for r in ranges])


def cross_validate(plan: dict, fold: int, real: Studies, synthetic: Studies, runs: Path) -> dict:
    """CNN and sequence logits of the fold's patients, by models that never saw them."""
    path = runs / f"fold-{fold}.npz"
    if not path.exists():
        cnn, sequence = networks(plan, f"fold-{fold}", real, synthetic, runs)
        test = real.where(held_out(real, FOLDS, fold, plan["seed"]))
        scans = scans_of(cnn, test, augmented=False)
        joint = [run_sequence(sequence, f, l) for f, l in zip(scans.features, scans.logits)]
        np.savez(path, cnn=np.concatenate(scans.logits), sequence=np.concatenate(joint), labels=np.concatenate(scans.labels), patient=test.patient)
    with np.load(path) as stored:
        outcome = {key: stored[key] for key in stored.files}
    print(f"fold {fold}", json.dumps(figures(outcome)), flush=True)
    return outcome


def figures(outcome: dict) -> dict:
    """AUC of any hemorrhage per slice and per patient (maximum over slices), CNN alone and sequence."""
    truth, groups = outcome["labels"][:, 5], outcome["patient"]
    scan = maximum_per_group(truth, groups)
    return {
        name: {"slice": round(auc(truth, outcome[name][:, 5]), 4), "patient": round(auc(scan, maximum_per_group(outcome[name][:, 5], groups)), 4)}
        for name in ("cnn", "sequence")
    }


def judge(held_out: list[dict]) -> dict:
    """Calibration, thresholds and metrics from the pooled out-of-fold predictions of the sequence model.

    The folds' own figures stand beside the pooled ones: logits of different networks are not quite comparable.
    """
    pooled = {key: np.concatenate([one[key] for one in held_out]) for key in held_out[0]}
    labels, groups = pooled["labels"], pooled["patient"]
    scan_truth = maximum_per_group(labels, groups)
    enough = [int((scan_truth[:, c] > 0.5).sum()) >= FEWEST_POSITIVE_PATIENTS for c in range(len(CLASSES))]
    temperatures = temperatures_of(labels, pooled["sequence"], enough)
    probability = sigmoid(pooled["sequence"] / np.array(temperatures))
    scan_score = maximum_per_group(probability, groups)
    told = [known and tells(scan_truth[among], scan_score[among], c) for c, (known, among) in enumerate(zip(enough, among_of(scan_truth)))]
    thresholds = thresholds_of(scan_truth, scan_score, told)
    positive = scan_truth[:, 5] > 0.5
    flagged = {name: scan_score[:, 5] >= thresholds[name]["any"] for name in DEFAULT_THRESHOLDS}
    report = {
        "temperature": temperatures,
        "thresholds": thresholds,
        "defaultThresholds": [name for name, known in zip(CLASSES, told) if not known],
        "patients": len(positive),
        "positivePatients": int(positive.sum()),
        "slices": len(labels),
        "any": figures(pooled),
        "anyByFold": [figures(one) for one in held_out],
        "anySequencePatientInterval": [round(v, 4) for v in bootstrap_interval(scan_truth[:, 5], scan_score[:, 5], np.arange(len(positive)))],
        "anySequenceSliceInterval": [round(v, 4) for v in bootstrap_interval(labels[:, 5], probability[:, 5], groups)],
        "sensitivityBalanced": round(float(flagged["balanced"][positive].mean()), 4),
        "specificityBalanced": round(float((~flagged["balanced"][~positive]).mean()), 4),
        "sensitivityHighSensitivity": round(float(flagged["high-sensitivity"][positive].mean()), 4),
        "specificityHighSensitivity": round(float((~flagged["high-sensitivity"][~positive]).mean()), 4),
        "sliceAucByClass": {name: known_auc(labels[:, c], probability[:, c]) for c, name in enumerate(CLASSES)},
        "positivePatientsByClass": {name: int((scan_truth[:, c] > 0.5).sum()) for c, name in enumerate(CLASSES)},
    }
    print("pooled", json.dumps(report), flush=True)
    return report


def temperatures_of(labels: np.ndarray, logits: np.ndarray, enough: list[bool]) -> list[float]:
    """One per class; classes with too few positive patients share the one fitted to all classes together."""
    shared = temperature(labels.ravel(), logits.ravel())
    return [round(temperature(labels[:, c], logits[:, c]) if known else shared, 4) for c, known in enumerate(enough)]


def among_of(scan_truth: np.ndarray) -> list[np.ndarray]:
    """Per class the patients that its threshold is chosen among: for `any` all; for a kind those with a hemorrhage, because it is named only there."""
    bleeding = scan_truth[:, -1] > 0.5
    return [bleeding] * (len(CLASSES) - 1) + [np.ones(len(bleeding), bool)]


def tells(scan_truth: np.ndarray, scan_score: np.ndarray, c: int) -> bool:
    """Whether the score of a class is better than chance: the 95 % interval of its AUC over patients lies above one half."""
    return bootstrap_interval(scan_truth[:, c], scan_score[:, c], np.arange(len(scan_truth)))[0] > 0.5


def thresholds_of(scan_truth: np.ndarray, scan_score: np.ndarray, told: list[bool]) -> dict[str, dict[str, float]]:
    """Per set and class: the scan score from which a class counts as present; the default for a class that the score does not tell."""
    sets: dict[str, dict[str, float]] = {name: {} for name in DEFAULT_THRESHOLDS}
    for c, (name, among) in enumerate(zip(CLASSES, among_of(scan_truth))):
        found = dict(DEFAULT_THRESHOLDS)
        if told[c]:
            balanced = balanced_threshold(scan_truth[among, c], scan_score[among, c])
            sensitive = threshold_for_sensitivity(scan_truth[:, c], scan_score[:, c], 0.97)
            found = {"balanced": balanced, "high-sensitivity": min(balanced, sensitive)}
        for kind, value in found.items():
            sets[kind][name] = round(value, 4)
    return sets


def known_auc(truth: np.ndarray, score: np.ndarray) -> float | None:
    """None where no held-out patient has the class."""
    value = auc(truth, score)
    return None if np.isnan(value) else round(value, 4)
