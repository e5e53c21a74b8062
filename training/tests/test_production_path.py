"""The production path agrees with PyTorch: `ichor evaluate` on a fold's studies wrapped as DICOM, through the exported
bundle."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from small_data import small_studies

from ichor_training.__main__ import main
from ichor_training.models.networks import SequenceNet, SliceNet

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "node_modules" / "node" / "bin" / "node"


@pytest.fixture()
def fold(tmp_path):
    """Fold 1 of ten small patients: DICOM with labels, bundle, and what PyTorch says of it."""
    small_studies(10, 24, source="CT-ICH 1.0.0").save(tmp_path / "real.npz")
    torch.manual_seed(4)
    cnn, sequence = SliceNet("tiny_resnext"), SequenceNet(256, 8, hidden=8, layers=2)
    for module in cnn.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
    sequence.projection.normal_(0, 0.3)
    torch.save(cnn.state_dict(), tmp_path / "cnn.pt")
    torch.save(sequence.state_dict(), tmp_path / "sequence.pt")
    shared = ["--fold", "1", "--data", str(tmp_path / "real.npz")]
    assert main(["fold-dicom", *shared, "--out", str(tmp_path / "dicom")]) == 0
    networks = [
        "--backbone",
        "tiny_resnext",
        "--cnn",
        str(tmp_path / "cnn.pt"),
        "--sequence",
        str(tmp_path / "sequence.pt"),
    ]
    assert main(["export-fold", *shared, *networks, "--out", str(tmp_path / "bundle")]) == 0
    return tmp_path


def test_ichor_evaluate_gives_the_same_auc_and_log_loss(fold):
    if not NODE.exists():
        pytest.fail("node_modules is missing: run npm ci in the repository")
    command = [
        str(NODE),
        str(ROOT / "apps" / "cli" / "src" / "main.ts"),
        "evaluate",
        str(fold / "dicom"),
        "--labels",
        str(fold / "dicom" / "labels.csv"),
    ]
    command += ["--bundle", str(fold / "bundle"), "--accept-derived", "--json", "--out", str(fold / "report")]
    outcome = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    measured = json.loads(outcome.stdout)["bundles"][0]
    assert measured["coverage"]["analysed"] == 2, measured["coverage"]
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    expected = json.loads((fold / "bundle-pytorch.json").read_text())
    for name in ("cnn", "sequence"):
        figures = expected[name]
        assert abs(measured["slice"]["weightedLogLoss"][name]["value"] - figures["challengeLogLoss"]) < 1e-4
        assert abs(measured["slice"]["classes"]["any"][name]["auc"]["value"] - figures["anySliceAuc"]) < 1e-3
        assert abs(measured["scan"]["classes"]["any"][name]["auc"]["value"] - figures["anyPatientAuc"]) < 1e-3
    assert np.ptp([one["sequence"][5] for one in expected["slices"]]) > 1e-3
