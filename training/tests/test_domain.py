"""The out-of-domain detector: it knows what it was fitted to, its graph says the same, and a bundle that has it is
whole."""

import hashlib
import json

import numpy as np
import pytest
import torch
from small_data import head, small_studies

from ichor_training.bundle.domain_bundle import TITLE, add_domain
from ichor_training.bundle.experiment_export import export_experiment
from ichor_training.bundle.golden import session
from ichor_training.measure import domain_check
from ichor_training.measure.domain import distance, export_domain, fit_domain
from ichor_training.measure.outliers import KINDS
from ichor_training.models.networks import CnnAlone, SliceNet
from ichor_training.provenance import Made, MadeOtherwise
from ichor_training.stages.configuration import experiment_of

FEATURES = 24


def studies(rng: np.random.Generator, count: int, centre: float = 0.0) -> list[np.ndarray]:
    """Features [S, F] that vary mostly along three directions."""
    axes = np.random.default_rng(0).normal(size=(3, FEATURES))
    return [
        (centre + rng.normal(size=(int(rng.integers(10, 30)), 3)) @ axes + rng.normal(0, 0.2, FEATURES)).astype(
            np.float32
        )
        for _ in range(count)
    ]


def test_studies_like_those_known_lie_near_and_others_far():
    rng = np.random.default_rng(1)
    domain = fit_domain([studies(rng, 30), studies(rng, 30, centre=40.0)], seed=2)
    known = [distance(domain, one) for one in studies(rng, 20) + studies(rng, 20, centre=40.0)]
    between = [distance(domain, one) for one in studies(rng, 20, centre=20.0)]
    still = [distance(domain, np.repeat(one[:1], 20, 0)) for one in studies(rng, 20)]
    assert max(known) < min(between) and max(known) < min(still)


def test_the_graph_gives_the_same_distance_for_any_number_of_slices(tmp_path):
    rng = np.random.default_rng(3)
    domain = fit_domain([studies(rng, 12), studies(rng, 12, centre=5.0)], seed=4)
    export_domain(domain, tmp_path / "domain.onnx")
    graph = session(tmp_path / "domain.onnx")
    for slices in (1, 2, 37):
        features = rng.normal(2, 3, (slices, FEATURES)).astype(np.float32)
        ours = graph.run(["distance"], {"features": features})[0]
        assert ours.shape == (1,) and ours[0] == pytest.approx(distance(domain, features), rel=1e-4)


def test_too_few_studies_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit_domain([studies(np.random.default_rng(0), 1)], seed=0, rank=8)


@pytest.mark.parametrize("name", KINDS)
def test_an_outlier_is_hounsfield_units_of_the_same_shape_and_not_the_head(name):
    rng = np.random.default_rng(5)
    stack = np.stack([head(rng, False) for _ in range(4)])
    spoilt = KINDS[name](rng, stack)
    assert spoilt.shape == stack.shape and spoilt.dtype == np.int16
    assert np.abs(spoilt.astype(int) - stack).mean() > 30


def test_the_threshold_keeps_all_but_a_percent_of_the_heads_and_the_table_counts_what_it_refuses():
    folds = [domain_check.Distances({"CT-ICH 1.0.0": [1.0, 1.2], "phantoms": [0.9, 1.1]}, {"abdomen": [3.0, 1.3]})] * 3
    judged = domain_check.judged(folds)
    assert judged["threshold"] == pytest.approx(domain_check.MARGIN * 1.2, abs=1e-3)
    assert [(one["name"], one["refused"], one["studies"]) for one in judged["heads"] + judged["outliers"]] == [
        ("CT-ICH 1.0.0", 0, 6),
        ("phantoms", 0, 6),
        ("abdomen", 3, 6),
    ]


def test_a_bundle_gets_its_detector_and_its_digests_follow(tmp_path):
    torch.manual_seed(0)
    cnn = SliceNet("tiny_resnext").eval()
    real, phantoms = small_studies(10, 4, source="CT-ICH 1.0.0"), small_studies(10, 4, seed=1)
    experiment = experiment_of({"name": "small", "backbone": "tiny_resnext", "seed": 1, "selector": None}, "test")
    export_experiment(experiment, cnn, CnnAlone(), tmp_path, trained_on=[real], outcome=None)
    measured = domain_check.Distances({"phantoms": [1.0]}, {"abdomen": [3.0]})
    for _ in range(2):
        add_domain(tmp_path, domain_check.fit(cnn, real, phantoms, 1), domain_check.judged([measured]), cnn, {})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for file in manifest["files"].values():
        assert hashlib.sha256((tmp_path / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    assert manifest["outOfDomain"]["threshold"] == pytest.approx(domain_check.MARGIN) and "domain" in manifest["files"]
    assert (tmp_path / "MODEL_CARD.md").read_text().count(f"## {TITLE}\n") == 1


def test_a_fold_is_measured_once_and_never_taken_for_another_networks(tmp_path):
    path, made = tmp_path / "a" / "fold.json", Made({"networks": ["one"]})
    measured = domain_check.Distances({"phantoms": [1.0]}, {})
    assert domain_check.kept_fold(path, made, lambda: measured) == measured
    assert domain_check.kept_fold(path, made, lambda: pytest.fail("measured again")) == measured
    with pytest.raises(MadeOtherwise, match="another"):
        domain_check.kept_fold(path, Made({"networks": ["another"]}), lambda: pytest.fail("measured again"))
