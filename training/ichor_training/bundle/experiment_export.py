"""The outcome of an experiment's run folder as a bundle, calibrated on the patients that were held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import CLASSES
from ..data.dicom_slices import resized
from ..data.neighbours import slices_of
from ..data.studies import Studies
from ..measure.metrics import maximum_per_group, sigmoid
from ..models.networks import CnnAlone, SequenceModel, SliceNet
from ..stages.build_default import FEWEST_POSITIVE_PATIENTS, temperatures_of, thresholds_of
from ..stages.configuration import Experiment
from ..stages.judged import figures_of
from .experiment_card import experiment_card
from .export import write_bundle
from .manifest import DEFAULT_THRESHOLDS
from .precision import FP32, Precision
from .sources import SOURCES

CALIBRATION_SLICES = 64


def export_experiment(
    experiment: Experiment,
    cnn: SliceNet,
    sequence: SequenceModel | CnnAlone,
    out: Path,
    *,
    trained_on: list[Studies],
    outcome: dict | None,
    precision: Precision = FP32,
    limit: float | None = None,
) -> float:
    """@param trained_on the studies, all of them: for counts, licences and calibration slices
    @param outcome logits, labels and patients held out, as `held-out.npz` keeps them; None: default thresholds
    @returns the largest difference of a probability between bundle and PyTorch
    """
    report = report_of(experiment, trained_on, outcome)
    return write_bundle(
        out,
        experiment.version,
        cnn,
        sequence,
        report,
        precision=precision,
        limit=limit,
        calibration=calibration_slices(trained_on, experiment.seed, cnn.neighbours),
        card=experiment_card(report, precision),
    )


def report_of(experiment: Experiment, trained_on: list[Studies], outcome: dict | None) -> dict:
    data = [
        source_of(studies) | {"patients": len(np.unique(studies.patient)), "slices": len(studies.labels)}
        for studies in trained_on
    ]
    real = any(studies.source == "CT-ICH 1.0.0" for studies in trained_on)
    report = {
        "experiment": experiment.plain(),
        "training": data,
        "temperature": [1.0] * len(CLASSES),
        "thresholds": DEFAULT_THRESHOLDS,
    }
    report["thresholdSource"] = "defaults: no patient was held out"
    if not real:
        report["limits"] = ["Scores are uncertain on scanners and patients unlike those it was trained on."]
    return report | (calibrated(outcome, experiment) if outcome is not None else {})


def calibrated(outcome: dict[str, np.ndarray], experiment: Experiment) -> dict:
    """Temperatures, thresholds and figures from the held-out patients."""
    labels, patient = outcome["labels"], outcome["patient"]
    truth = maximum_per_group(labels, patient)
    enough = [
        int((truth[:, c] > 0.5).sum()) >= FEWEST_POSITIVE_PATIENTS and bool((truth[:, c] < 0.5).any())
        for c in range(len(CLASSES))
    ]
    temperatures = temperatures_of(labels, outcome["sequence"], enough)
    scores = maximum_per_group(sigmoid(outcome["sequence"] / np.array(temperatures)), patient)
    return {
        "temperature": temperatures,
        "thresholds": thresholds_of(truth, scores, enough),
        "thresholdSource": f"{len(truth)} held-out patients, fold {experiment.held_out} of {experiment.folds}, "
        "patient-wise",
        "patients": len(truth),
        "positivePatients": int((truth[:, -1] > 0.5).sum()),
        "slices": len(labels),
        "cnn": figures_of(labels, outcome["cnn"], patient),
        "sequence": figures_of(labels, outcome["sequence"], patient),
    }


def source_of(studies: Studies) -> dict[str, str]:
    """@raises ValueError for data whose licence is not known here"""
    if studies.source not in SOURCES:
        raise ValueError(
            f"data of the source {studies.source!r} have no licence on record; known are {', '.join(SOURCES)}"
        )
    return SOURCES[studies.source]


def calibration_slices(trained_on: list[Studies], seed: int, neighbours: int = 0) -> np.ndarray:
    """int16 HU as the network takes it, drawn from all studies, as many from each source, at the largest of their
    sides."""
    rng = np.random.default_rng(seed)
    share = CALIBRATION_SLICES // len(trained_on)

    def draw(studies):
        return np.sort(rng.permutation(len(studies.labels))[:share])

    side = max(studies.side for studies in trained_on)
    drawn = [one for studies in trained_on for one in slices_of(studies, draw(studies), neighbours)]
    return np.stack(
        [resized(hu, side) if hu.ndim == 2 else np.stack([resized(one, side) for one in hu]) for hu in drawn]
    )
