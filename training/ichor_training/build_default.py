"""Builds models/default from scratch: pre-training on phantoms, fine-tuning on CT-ICH and phantoms, sequence model, thresholds.

Every step keeps its outcome under the run folder and is skipped when that is there: an interrupted build goes on.
"""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import yaml

from . import CLASSES
from .ct_ich import import_ct_ich
from .dicom_folders import import_phantoms
from .metrics import auc, balanced_threshold, bootstrap_interval, maximum_per_group, sigmoid, temperature, threshold_for_sensitivity
from .models import SequenceNet, SliceNet
from .select_features import select
from .studies import Studies, patient_folds
from .train_cnn import Stage, run, train_stage
from .train_sequence import Scans, run_sequence, train_sequence

FOLDS = 5
FEWEST_POSITIVE_PATIENTS = 3
"""Fewer held-out patients with a class than this say nothing about its threshold: it keeps the default."""
DEFAULT_THRESHOLDS = {"balanced": 0.5, "high-sensitivity": 0.3}


def build(experiment: Path, ct_ich: Path, phantoms: Path, runs: Path) -> tuple[SliceNet, SequenceNet, dict]:
    """@returns the networks and a report (folds, temperatures, thresholds, metrics)"""
    plan = yaml.safe_load(experiment.read_text())
    runs.mkdir(parents=True, exist_ok=True)
    real = kept(runs / "ct-ich.npz", lambda: import_ct_ich(ct_ich))
    synthetic = kept(runs / "phantoms.npz", lambda: import_phantoms(phantoms))
    pretrained = pretrain(plan, synthetic, runs)
    cnn = fine_tune(plan, real, synthetic, pretrained, runs / "final-cnn.pt", "final cnn")
    sequence = fit_sequence(plan, cnn, real, synthetic, runs / "final-sequence.pt", "final sequence")
    folds = patient_folds(real, FOLDS, plan["seed"])
    report = judge([cross_validate(plan, fold, folds, real, synthetic, pretrained, runs) for fold in plan["folds"]])
    report |= {"experiment": plan, "counts": {"real": counts(real), "synthetic": counts(synthetic)}}
    return cnn, sequence, report


def counts(studies: Studies) -> dict[str, int]:
    return {"patients": len(np.unique(studies.patient)), "slices": len(studies.hu)}


def kept(path: Path, make) -> Studies:
    if not path.exists():
        make().save(path)
    return Studies.load(path)


def stage_of(plan: dict) -> Stage:
    return Stage(**plan)


def pretrain(plan: dict, synthetic: Studies, runs: Path) -> dict:
    path = runs / "pretrained.pt"
    if not path.exists():
        torch.manual_seed(plan["seed"])
        net = SliceNet(plan["backbone"])
        for number, stage in enumerate(plan["pretrain"]):
            train_stage(net, stage_of(stage), None, synthetic, plan["seed"] + number, f"pre-training {number + 1}")
        torch.save(net.state_dict(), path)
    return torch.load(path)


def fine_tune(plan: dict, real: Studies, synthetic: Studies, pretrained: dict, path: Path, name: str) -> SliceNet:
    net = SliceNet(plan["backbone"])
    net.load_state_dict(pretrained)
    if not path.exists():
        for number, stage in enumerate(plan["fine_tune"]):
            train_stage(net, stage_of(stage), real, synthetic, plan["seed"] + 100 + number, f"{name} {number + 1}")
        torch.save(net.state_dict(), path)
    net.load_state_dict(torch.load(path))
    return net.eval()


def fit_sequence(plan: dict, cnn: SliceNet, real: Studies, synthetic: Studies, path: Path, name: str) -> SequenceNet:
    """The sequence model sees augmented slices: on the plain ones the CNN that trained on them is over-confident."""
    selector, settings = plan["selector"], plan["sequence"]
    if not path.exists():
        torch.manual_seed(plan["seed"] + 200)
        copies = [scans_of(cnn, real, augmented=True) for _ in range(settings["augmented_copies"])]
        scans = scans_of(cnn, synthetic.first(settings["phantom_studies"]), augmented=True)
        for copy in copies:
            scans = scans + copy
        torch.manual_seed(plan["seed"] + 260)
    net = SequenceNet(cnn.backbone.features, selector["count"])
    if not path.exists():
        centre, projection = select(selector["kind"], selector["count"], np.concatenate(scans.features), cnn.head.weight.detach().numpy())
        net.centre.copy_(torch.from_numpy(centre))
        net.projection.copy_(torch.from_numpy(projection))
        train_sequence(net, scans, settings["epochs"], settings["learning_rate"], plan["seed"] + 300, name)
        torch.save(net.state_dict(), path)
    net.load_state_dict(torch.load(path))
    return net.eval()


def scans_of(cnn: SliceNet, studies: Studies, augmented: bool) -> Scans:
    features, logits = run(cnn, studies.hu, augmented)
    ranges = studies.ranges()
    return Scans([features[r] for r in ranges], [logits[r] for r in ranges], [studies.labels[r] for r in ranges])


def cross_validate(plan, fold, folds, real, synthetic, pretrained, runs) -> dict:
    """CNN and sequence logits of the fold's patients, by models that never saw them."""
    path = runs / f"fold-{fold}.npz"
    if not path.exists():
        held = np.array([folds[p] == fold for p in real.patient])
        cnn = fine_tune(plan, real.where(~held), synthetic, pretrained, runs / f"fold-{fold}-cnn.pt", f"fold {fold} cnn")
        sequence = fit_sequence(plan, cnn, real.where(~held), synthetic, runs / f"fold-{fold}-sequence.pt", f"fold {fold} sequence")
        test = real.where(held)
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
