"""Gives a finished bundle its out-of-domain detector: the graph, its golden value, the threshold and the measured
table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..data.dicom_slices import dataset_hu
from ..measure.domain import Domain, distance, export_domain
from ..measure.domain_check import row
from ..measure.sanity import in_spatial_order
from ..models.networks import SliceNet
from ..stages.train_cnn import run
from .bundle_sections import read_manifest, set_section, write_manifest
from .export import ExportRefused
from .golden import session, tensor, values_of
from .manifest import graph_file

TITLE = "Studies unlike those it knows"
LARGEST_DIFFERENCE = 1e-4
"""Of the graph's distance from PyTorch's, relative."""


def add_domain(bundle: Path, domain: Domain, judged: dict, cnn: SliceNet, unseen: dict[str, Path]) -> dict:
    """@param judged threshold and tables, of `domain_check.judged`
    @param unseen by name, folders of DICOM series that belong to no training: a study per subfolder, or one
    @returns the manifest's `outOfDomain`
    @raises ExportRefused when the graph differs from PyTorch
    """
    manifest = read_manifest(bundle)
    export_domain(domain, bundle / "domain.onnx")
    golden = json.loads((bundle / "golden.json").read_text())
    features = values_of(golden["sequence"]["features"])
    expected = distance(domain, features)
    checked(bundle, features, expected)
    (bundle / "golden.json").write_text(
        json.dumps(golden | {"domain": {"distance": tensor(np.array([expected], np.float32))}})
    )
    manifest["files"]["domain"] = graph_file(bundle / "domain.onnx")
    others = [unseen_row(name, folder, cnn, domain, judged["threshold"]) for name, folder in unseen.items()]
    manifest["outOfDomain"] = judged | {"unseen": others}
    set_section(bundle, TITLE, section(manifest["outOfDomain"]))
    write_manifest(bundle, manifest)
    return manifest["outOfDomain"]


def checked(bundle: Path, features: np.ndarray, expected: float) -> None:
    ours = float(session(bundle / "domain.onnx").run(["distance"], {"features": features})[0][0])
    if not abs(ours - expected) <= LARGEST_DIFFERENCE * expected:
        raise ExportRefused(f"{bundle}: domain.onnx gives a distance of {ours}, PyTorch of {expected}")


def unseen_row(name: str, folder: Path, cnn: SliceNet, domain: Domain, threshold: float) -> dict:
    studies = sorted({path.parent for path in folder.rglob("*.dcm")})
    if not studies:
        raise FileNotFoundError(f"{folder} holds no .dcm")

    def slices(study):
        return np.stack([dataset_hu(one) for one in in_spatial_order(study)])

    return row(name, [distance(domain, run(cnn, slices(study))[0]) for study in studies], threshold)


def section(judged: dict) -> str:
    def lines(rows):
        return "\n".join(
            f"| {one['name']} | {one['refused']} of {one['studies']} "
            f"| {one['smallest']} | {one['median']} | {one['largest']} |"
            for one in rows
        )

    return f"""A study whose CNN features lie farther than **{judged["threshold"]}** from those of known heads is not \
analysed (`out-of-domain`).
The threshold is {judged["source"]}.

| studies | refused | smallest distance | median | largest |
|---|---|---|---|---|
{lines(judged["heads"] + judged["unseen"] + judged["outliers"])}

Outliers are generated, from held-out heads or from nothing. What lies nearer than the threshold is analysed: the \
detector tells coarse
errors, not a poor scan from a good one."""
