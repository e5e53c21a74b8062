"""Builds models/default from scratch: pre-training on phantoms, then for the cross-validation networks of everybody but
each fold's patients,
and networks of everybody; temperatures and thresholds come from the cross-validation.

    pretrained/  fold-0/ … fold-4/  final/: run folders as every experiment has them, see pipeline.py

The networks need nothing of each other but the pre-trained CNN: they train side by side. What is there is not done
again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from .. import CLASSES
from ..data.ct_ich import import_ct_ich
from ..data.dicom_folders import import_phantoms
from ..data.studies import Studies
from ..measure.metrics import (
    auc,
    balanced_threshold,
    bootstrap_interval,
    maximum_per_group,
    sigmoid,
    temperature,
    threshold_for_sensitivity,
)
from ..models.networks import SequenceNet, SliceNet
from . import judged, pipeline
from .checks import check
from .configuration import Experiment, read_experiment
from .side_by_side import side_by_side

FEWEST_POSITIVE_PATIENTS = 10
"""Fewer held-out patients with a class than this say nothing about its threshold and temperature: the former keeps the
default, the latter is that of
all classes together."""
HIGH_SENSITIVITY = 0.95
"""Of the high-sensitivity thresholds. On 29 positive patients 0.97 would be all of them: the one that looks least like
a hemorrhage would choose."""
DEFAULT_THRESHOLDS = {"balanced": 0.5, "high-sensitivity": 0.3}
REAL, SYNTHETIC = "ct-ich.npz", "phantoms.npz"


def build(
    path: Path, ct_ich: Path, phantoms: Path, runs: Path, mobilenet: Path, processes: int = 1
) -> tuple[SliceNet, SequenceNet, dict]:
    """@param path an experiment whose `folds` lists those to cross-validate with
    @returns the networks and a report (folds, temperatures, thresholds, metrics)
    """
    experiment = read_experiment(path)
    runs.mkdir(parents=True, exist_ok=True)
    real = kept(runs / REAL, lambda: import_ct_ich(ct_ich))
    synthetic = kept(runs / SYNTHETIC, lambda: import_phantoms(phantoms))
    check(experiment, str(path), real, synthetic, mobilenet)
    pretrained = replace(experiment, fine_tune=(), held_out=None)
    pipeline.train_cnn(pretrained, pipeline.Data(pretrained, real, synthetic), runs / "pretrained", mobilenet)
    fine_tuned = replace(experiment, pretrain=(), start=str(runs / "pretrained" / "cnn.pt"))
    folds = [replace(fine_tuned, held_out=fold) for fold in experiment.cross_validate]
    final = replace(fine_tuned, held_out=None)
    side_by_side(partial(train, runs, mobilenet), [*folds, final], processes)
    report = judge([outcome_of(part, runs, real, synthetic) for part in folds])
    plan = experiment.plain() | {"folds": list(experiment.cross_validate)}
    report |= {"experiment": plan, "counts": {"real": counts(real), "synthetic": counts(synthetic)}}
    data, folder = pipeline.Data(final, real, synthetic), folder_of(final, runs)
    cnn = pipeline.saved_cnn(final, data, folder)
    return cnn.net, pipeline.saved_sequence(final, cnn, data, folder / "sequence.pt"), report


def outcome_of(part: Experiment, runs: Path, real: Studies, synthetic: Studies) -> dict[str, np.ndarray]:
    data, folder = pipeline.Data(part, real, synthetic), folder_of(part, runs)
    return judged.saved_outcome(part, pipeline.saved_cnn(part, data, folder), data, folder)


def train(runs: Path, mobilenet: Path, part: Experiment) -> None:
    """All stages of one part, and what its networks say of the patients they never saw; in a process of its own."""
    data, folder = pipeline.Data(part, Studies.load(runs / REAL), Studies.load(runs / SYNTHETIC)), folder_of(part, runs)
    cnn = pipeline.train_cnn(part, data, folder, mobilenet)
    scans = pipeline.training_scans(part, cnn, data, folder)
    sequence = pipeline.fit_sequence(part, cnn, scans, data, folder)
    print(folder.name, json.dumps(judged.judge(part, cnn, sequence, data, folder / "features", folder)), flush=True)


def folder_of(part: Experiment, runs: Path) -> Path:
    return runs / ("final" if part.held_out is None else f"fold-{part.held_out}")


def counts(studies: Studies) -> dict[str, int]:
    return {"patients": len(np.unique(studies.patient)), "slices": len(studies.hu)}


def kept(path: Path, make) -> Studies:
    if not path.exists():
        make().save(path)
    return Studies.load(path)


def figures(outcome: dict) -> dict:
    """AUC of any hemorrhage per slice and per patient (maximum over slices), CNN alone and sequence."""
    truth, groups = outcome["labels"][:, 5], outcome["patient"]
    scan = maximum_per_group(truth, groups)
    return {
        name: {
            "slice": round(auc(truth, outcome[name][:, 5]), 4),
            "patient": round(auc(scan, maximum_per_group(outcome[name][:, 5], groups)), 4),
        }
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
    separable = [
        known and separates(scan_truth[among], scan_score[among], c)
        for c, (known, among) in enumerate(zip(enough, among_of(scan_truth), strict=True))
    ]
    thresholds = thresholds_of(scan_truth, scan_score, separable)
    positive = scan_truth[:, 5] > 0.5
    flagged = {name: scan_score[:, 5] >= thresholds[name]["any"] for name in DEFAULT_THRESHOLDS}
    report = {
        "temperature": temperatures,
        "thresholds": thresholds,
        "defaultThresholds": [name for name, known in zip(CLASSES, separable, strict=True) if not known],
        "patients": len(positive),
        "positivePatients": int(positive.sum()),
        "slices": len(labels),
        "any": figures(pooled),
        "anyByFold": [figures(one) for one in held_out],
        "anySequencePatientInterval": [
            round(v, 4) for v in bootstrap_interval(scan_truth[:, 5], scan_score[:, 5], np.arange(len(positive)))
        ],
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
    """Per class the patients that its threshold is chosen among: for `any` all; for a kind those with a hemorrhage,
    because it is named only there."""
    bleeding = scan_truth[:, -1] > 0.5
    return [bleeding] * (len(CLASSES) - 1) + [np.ones(len(bleeding), bool)]


def separates(scan_truth: np.ndarray, scan_score: np.ndarray, c: int) -> bool:
    """Whether the score of a class is better than chance: the 95 % interval of its AUC over patients lies above one
    half."""
    return bootstrap_interval(scan_truth[:, c], scan_score[:, c], np.arange(len(scan_truth)))[0] > 0.5


def thresholds_of(scan_truth: np.ndarray, scan_score: np.ndarray, separable: list[bool]) -> dict[str, dict[str, float]]:
    """Per set and class: the scan score from which a class counts as present; the default for a class that the score
    does not separate."""
    sets: dict[str, dict[str, float]] = {name: {} for name in DEFAULT_THRESHOLDS}
    for c, (name, among) in enumerate(zip(CLASSES, among_of(scan_truth), strict=True)):
        found = dict(DEFAULT_THRESHOLDS)
        if separable[c]:
            balanced = balanced_threshold(scan_truth[among, c], scan_score[among, c])
            sensitive = threshold_for_sensitivity(scan_truth[:, c], scan_score[:, c], HIGH_SENSITIVITY)
            found = {"balanced": balanced, "high-sensitivity": min(balanced, sensitive)}
        for kind, value in found.items():
            sets[kind][name] = round(value, 4)
    return sets


def known_auc(truth: np.ndarray, score: np.ndarray) -> float | None:
    """None where no held-out patient has the class."""
    value = auc(truth, score)
    return None if np.isnan(value) else round(value, 4)
