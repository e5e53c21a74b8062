"""What is measured on a finished bundle, fold by fold, and added to it: its out-of-domain detector, aberrant slices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..data.dicom_folders import import_phantoms
from ..data.studies import Studies, held_out
from ..measure import aberrant, aberrant_figure, domain_check
from ..models.networks import SequenceNet, SliceNet
from ..provenance import Made, kept_json, load_network, weights_digest
from ..stages.fold_networks import load_networks, refuse_known
from . import domain_bundle
from .bundle_sections import read_manifest, set_section, write_manifest

PHANTOMS_FOR_DOMAIN = 120
"""More would only cost memory."""
PHANTOMS_FOR_ABERRANT = 60


@dataclass(frozen=True)
class FinishedBundle:
    """A bundle, the networks it was made of, those of its folds, and their data."""

    bundle: Path
    backbone: str | None
    """Of weights that do not say it themselves."""
    cnn: Path
    """Weights of the bundle's CNN."""
    fold_cnn: str
    """Path of a fold's CNN; `{}` stands for the fold."""
    fold_sequence: str
    folds: int
    seed: int
    """Of the split."""
    data: Path
    phantoms: Path
    run: Path | None = None
    """Where each fold's measurements are kept; None: a folder beside the networks."""

    def kept(self, what: str, fold: int) -> Path:
        return (self.run or self.cnn.parent / what) / f"fold-{fold}.json"

    def made(self, what: str, fold: int, real: Studies, phantoms: Studies) -> Made:
        """@raises ValueError when a network of the fold learned from a patient that is held out"""
        paths = [Path(one.format(fold)) for one in (self.fold_cnn, self.fold_sequence)[: 1 if what == "domain" else 2]]
        refuse_known(real.where(held_out(real, self.folds, fold, self.seed)), *paths)
        facts = {"outcome": what, "networks": [weights_digest(load_network(path).state) for path in paths]}
        facts |= {"fold": fold, "folds": self.folds, "seed": self.seed, "data": real.facts()}
        return Made(facts | {"phantoms": phantoms.facts()})

    def fold_cnn_of(self, fold: int) -> SliceNet:
        return load_networks(self.backbone, Path(self.fold_cnn.format(fold)), None)[0]

    def fold_networks(self, fold: int) -> tuple[SliceNet, SequenceNet]:
        return load_networks(self.backbone, Path(self.fold_cnn.format(fold)), Path(self.fold_sequence.format(fold)))


def add_domain(finished: FinishedBundle, unseen: dict[str, Path]) -> str:
    """@param unseen by name, DICOM series of no training @returns the section of the model card"""
    real, phantoms = Studies.load(finished.data), Studies.load(finished.phantoms).first(PHANTOMS_FOR_DOMAIN)
    measured = [
        domain_check.kept_fold(
            finished.kept("domain", fold),
            finished.made("domain", fold, real, phantoms),
            partial(measure_domain, finished, real, phantoms, fold),
        )
        for fold in range(finished.folds)
    ]
    cnn = load_networks(finished.backbone, finished.cnn, None)[0]
    domain = domain_check.fit(cnn, real, phantoms, finished.seed)
    judged = domain_check.judged(measured)
    return domain_bundle.section(domain_bundle.add_domain(finished.bundle, domain, judged, cnn, unseen))


def measure_domain(finished: FinishedBundle, real: Studies, phantoms: Studies, fold: int) -> domain_check.Distances:
    return domain_check.measure_fold(finished.fold_cnn_of(fold), real, phantoms, finished.folds, fold, finished.seed)


def add_aberrant(finished: FinishedBundle, unseen_phantoms: Path, figure: Path) -> str:
    """@param unseen_phantoms not trained on; those without a bleed are taken @returns the section of the model card"""
    real, phantoms = Studies.load(finished.data), negative(import_phantoms(unseen_phantoms))
    measured = [
        kept_json(
            finished.kept("aberrant", fold),
            finished.made("aberrant", fold, real, phantoms),
            partial(measure_aberrant, finished, real, phantoms, fold),
        )
        for fold in range(finished.folds)
    ]
    manifest = read_manifest(finished.bundle)
    threshold = manifest["thresholds"]["sets"]["balanced"]["any"]
    judged = aberrant.judged(measured, manifest["calibration"]["temperature"][-1], threshold)
    manifest["metrics"]["aberrantSlice"] = judged
    section = aberrant_figure.section(judged)
    set_section(finished.bundle, aberrant_figure.TITLE, section)
    write_manifest(finished.bundle, manifest)
    figure.write_text(aberrant_figure.svg(judged, f"{manifest['name']} {manifest['version']}"))
    return section


def measure_aberrant(finished: FinishedBundle, real: Studies, phantoms: Studies, fold: int) -> dict[str, list]:
    every = np.unique(phantoms.study)[:PHANTOMS_FOR_ABERRANT]
    return aberrant.measure_fold(
        *finished.fold_networks(fold),
        real.where(held_out(real, finished.folds, fold, finished.seed)),
        phantoms.where(np.isin(phantoms.study, every[fold :: finished.folds])),
    )


def negative(studies: Studies) -> Studies:
    return studies.where(np.isin(studies.study, np.unique(studies.study[studies.labels[:, -1] > 0]), invert=True))
