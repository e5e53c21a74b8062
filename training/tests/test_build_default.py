"""The build of the default bundle runs from its data to a bundle, with its cross-validation."""
import json
from pathlib import Path

import yaml

from ichor_training.build_default import build
from ichor_training.export import write_bundle

from small_data import small_studies


def test_the_build_of_the_default_bundle_runs_from_data_to_bundle(tmp_path):
    small_studies(10, 4, source="CT-ICH 1.0.0").save(tmp_path / "ct-ich.npz")
    small_studies(4, 4, seed=1).save(tmp_path / "phantoms.npz")
    plan = {
        "backbone": "tiny_resnext", "seed": 1, "folds": [0],
        "pretrain": [{"steps": 2, "learning_rate": 0.001, "real": 0, "phantom": 4, "side": 96}],
        "fine_tune": [{"steps": 2, "learning_rate": 0.001, "real": 4, "phantom": 2, "side": 96}],
        "selector": {"kind": "pca", "count": 8}, "sequence": {"epochs": 1, "learning_rate": 0.001, "augmented_copies": 1, "phantom_studies": 3},
    }
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(plan))
    networks = build(tmp_path / "experiment.yaml", Path("absent"), Path("absent"), tmp_path)
    write_bundle(tmp_path / "bundle", "0.0.1", *networks)
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["metrics"]["patients"] == 2 and [one["patients"] for one in manifest["training"]] == [10, 4]
