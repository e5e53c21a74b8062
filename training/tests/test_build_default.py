"""The build of the default bundle runs from its data to a bundle, with its cross-validation."""

import json
from pathlib import Path

import torch
import yaml
from small_data import small_studies

from ichor_training.bundle.export import write_bundle
from ichor_training.stages.build_default import build

PLAN = {
    "backbone": "tiny_resnext",
    "seed": 1,
    "folds": [0],
    "pretrain": [{"steps": 2, "learning_rate": 0.001, "real": 0, "phantom": 4, "side": 96}],
    "fine_tune": [{"steps": 2, "learning_rate": 0.001, "real": 4, "phantom": 2, "side": 96}],
    "selector": {"kind": "pca", "count": 8},
    "sequence": {"epochs": 1, "learning_rate": 0.001, "augmented_copies": 1, "phantom_studies": 3},
}


def built(runs: Path, processes: int):
    runs.mkdir()
    small_studies(10, 4, source="CT-ICH 1.0.0").save(runs / "ct-ich.npz")
    small_studies(4, 4, seed=1).save(runs / "phantoms.npz")
    (runs / "experiment.yaml").write_text(yaml.safe_dump(PLAN))
    return build(runs / "experiment.yaml", Path("absent"), Path("absent"), runs, Path("absent"), processes)


def test_the_build_of_the_default_bundle_runs_from_data_to_bundle(tmp_path):
    write_bundle(tmp_path / "bundle", "0.0.1", *built(tmp_path / "runs", 1))
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["metrics"]["patients"] == 2 and [one["patients"] for one in manifest["training"]] == [10, 4]


def test_networks_trained_side_by_side_are_those_trained_one_after_another(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone, beside = built(tmp_path / "alone", 1), built(tmp_path / "beside", 2)
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(alone[:2], beside[:2], strict=True):
        assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())
    assert alone[2] == beside[2]
