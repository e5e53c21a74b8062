"""A transformer over slices, a GELU network and 2.5D: each trained a little, exported, verified, and run in production,
which says what PyTorch says."""

import csv
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from small_data import small_studies

from ichor_training.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "node_modules" / "node" / "bin" / "node"
CNN_ALONE = "Grad-CAM of the CNN alone"

KINDS = {
    "transformer": {"sequence": {"kind": "transformer", "hidden": 16, "layers": 2, "heads": 4}},
    "gelu": {"backbone": "gelu_resnet"},
    "neighbours": {"neighbours": 1},
}


def ichor(*arguments, **settings) -> str:
    if not NODE.exists():
        pytest.fail("node_modules is missing: run npm ci in the repository")
    command = [str(NODE), str(ROOT / "apps" / "cli" / "src" / "main.ts"), *map(str, arguments)]
    outcome = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **settings})
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-2000:]
    return outcome.stdout


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    ichor("phantom", "--out", folder, "--seed", 3, "--matrix", 128, "--slices", 22, "--bleed", "subdural")
    return folder


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Folder and manifest of each kind, trained once."""
    made = {}

    def of(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = folder, trained(folder, KINDS[kind])
        return made[kind]

    return of


def trained(folder, more):
    """Fold 0 of ten small patients is held out."""
    plan = {
        "backbone": "tiny_resnext",
        "seed": 5,
        "fine_tune": {"steps": 6, "learning_rate": 0.01, "side": 96, "real": 8, "averaged": False},
        "selector": {"kind": "pca", "count": 8},
        "sequence": {"epochs": 4, "learning_rate": 0.05, "hidden": 8, "layers": 1},
    }
    sequence = {**plan["sequence"], **more.get("sequence", {})}
    (folder / "plan.yaml").write_text(yaml.safe_dump({**plan, **more, "sequence": sequence}))
    small_studies(10, 24, source="CT-ICH 1.0.0").save(folder / "real.npz")
    shared = [str(folder / "plan.yaml"), "--data", str(folder / "real.npz"), "--run", str(folder / "run")]
    for name in ("train-cnn", "select-features", "train-sequence"):
        assert main([name, *shared]) == 0
    assert main(["export", *shared, "--out", str(folder / "bundle")]) == 0
    return json.loads((folder / "bundle" / "manifest.json").read_text())


def expected_scores(folder, manifest):
    """By SOP Instance UID that fold-dicom gives, of the sequence model and of the CNN."""
    split = ["--fold", "0", "--folds", "5", "--seed", "5", "--data", str(folder / "real.npz")]
    assert main(["fold-dicom", *split, "--out", str(folder / "dicom")]) == 0
    with (folder / "dicom" / "labels.csv").open() as file:
        uids = [row["SOPInstanceUID"] for row in csv.DictReader(file)]
    with np.load(folder / "run" / "held-out.npz") as held:
        tempered = held["sequence"] / np.array(manifest["calibration"]["temperature"])
        logits = np.concatenate([tempered, held["cnn"]], 1)
    return dict(zip(uids, 1 / (1 + np.exp(-logits)), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_another_kind_verifies_and_production_says_what_pytorch_says(kind, networks):
    folder, manifest = networks(kind)
    assert "its self-test passes" in ichor("bundle", "verify", folder / "bundle")
    expected = expected_scores(folder, manifest)
    ichor("predict", folder / "dicom", "--accept-derived", "--bundle", folder / "bundle", "--csv", folder / "s.csv")
    with (folder / "s.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["level"] == "slice"]
    names = [*manifest["classes"], *(f"cnn_{name}" for name in manifest["classes"])]
    assert len(rows) == len(expected) == 48
    for row in rows:
        found = np.array([float(row[name]) for name in names])
        assert np.abs(found - expected[row["SOPInstanceUID"]]).max() < 1e-5
    assert min(np.ptp([one[at] for one in expected.values()]) for at in (5, 11)) > 5e-4


@pytest.mark.parametrize(("kind", "joint"), [("transformer", False), ("neighbours", True)])
def test_report_and_heat_maps_say_whose_decision_they_explain(kind, joint, networks, phantom):
    folder, manifest = networks(kind)
    assert manifest["gradCam"] == ("sequence" if joint else "cnn")
    assert ("SequenceTransformer" in manifest["heatMap"].get("why", "")) == (not joint)
    low = {"ICHOR_MODEL": str(folder / "bundle"), "ICHOR_THRESHOLDS": "any=0.000001"}
    ichor("triage", phantom, "--out", folder / "out", **low)
    objects = [pydicom.dcmread(path) for path in (folder / "out").rglob("*.dcm")]
    captures = [one for one in objects if "DerivationDescription" in one]
    reports = [one for one in objects if one.Modality == "SR"]
    assert captures and len(reports) == 1
    said = [one.value for one in reports[0].iterall() if one.keyword == "TextValue"]
    assert any(CNN_ALONE in text for text in said) == (not joint)
    for one in captures:
        assert one.DerivationDescription.startswith("Grad-CAM of the sequence model" if joint else CNN_ALONE)
