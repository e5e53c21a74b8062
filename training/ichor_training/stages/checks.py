"""Everything that can be wrong with an experiment on these data, before its first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..bundle.sources import SOURCES
from ..data.studies import Studies
from ..models.backbones import make_backbone
from ..models.start_weights import LITE
from .configuration import Experiment


def check(experiment: Experiment, where: str, real: Studies, phantoms: Studies | None, mobilenet: Path) -> None:
    """@param where names the experiment in sentences @raises ValueError with everything that is wrong"""
    faults = [*start_faults(experiment, mobilenet), *data_faults(experiment, real, phantoms)]
    faults += feature_faults(experiment)
    if not experiment.stages():
        faults.append("has no stage: name fine_tune or pretrain")
    if experiment.selector is not None and experiment.sequence is None:
        faults.append("selects features for no sequence model; name sequence, or selector: null for the CNN alone")
    if faults:
        raise ValueError("; ".join(f"{where} {fault}" for fault in faults))


def start_faults(experiment: Experiment, mobilenet: Path) -> list[str]:
    start, backbone = experiment.start, experiment.backbone
    if start == "imagenet":
        if backbone == "mobilenet_v2" and not mobilenet.exists():
            return [f"starts from {mobilenet}, which is missing"]
        known = [*LITE, "mobilenet_v2"]
        return [] if backbone in known else [f"starts from ImageNet, but there are weights for {', '.join(known)} only"]
    if start != "random" and not Path(start).is_file():
        return [f"starts from {start}, which is no file; random and imagenet are the other choices"]
    return []


def data_faults(experiment: Experiment, real: Studies, phantoms: Studies | None) -> list[str]:
    faults, patients, scans = [], len(real.people()), len(real.ranges())
    unlabelled = int(np.isnan(real.labels).any(1).sum())
    if unlabelled:
        faults.append(f"trains on data of which {unlabelled} slices have no label")
    for studies in (real, phantoms):
        if studies is not None and studies.source not in SOURCES:
            faults.append(f"uses data of the source {studies.source!r}, whose licence is not on record")
    if phantoms is None and any(stage.phantom for stage, _ in experiment.stages()):
        faults.append("trains on phantoms too: name imported ones with --phantoms")
    if experiment.held_out_scans is not None:
        if experiment.held_out_scans >= scans:
            faults.append(f"holds out {experiment.held_out_scans} scans, the data have {scans}")
        elif set(real.patient) == set(real.patient[last_rows(real, experiment.held_out_scans)]):
            faults.append("holds out scans of every patient: none is left to learn from")
    elif (experiment.held_out is not None or experiment.cross_validate) and experiment.folds > patients:
        faults.append(f"wants {experiment.folds} folds of {patients} patients")
    return faults


def last_rows(studies: Studies, count: int) -> np.ndarray:
    return np.concatenate(studies.ranges()[-count:])


def feature_faults(experiment: Experiment) -> list[str]:
    """How many features there are to choose from; nothing is computed for it."""
    if experiment.selector is None:
        return []
    with torch.device("meta"):
        width = make_backbone(experiment.backbone).features
    count = experiment.selector.count
    return [f"selects {count} features, {experiment.backbone} has {width}"] if count > width else []
