"""Every selector agrees with numpy or scikit-learn, for any count."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from ichor_training.stages.features import sample
from ichor_training.stages.select_features import select
from ichor_training.stages.train_sequence import Scans


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(400, 30)) @ rng.normal(size=(30, 30)) + rng.normal(size=30)).astype(np.float32)


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(6, 30)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 7, 30])
def test_pca_agrees_with_scikit_learn_up_to_sign(count, features, head):
    centre, projection = select("pca", count, features, head)
    expected = PCA(count, svd_solver="full").fit(features)
    ours, theirs = (features - centre) @ projection, expected.transform(features)
    signs = np.sign((ours * theirs).sum(0))
    assert np.abs(ours * signs - theirs).max() < 1e-3 * np.abs(theirs).max()


@pytest.mark.parametrize("count", [1, 7, 30])
def test_the_others_pick_columns_as_numpy_ranks_them(count, features, head):
    weight = np.abs(head).max(0)
    expected = {
        "largest-standard-deviation": set(np.argsort(features.std(0))[::-1][:count]),
        "largest-weights": set(np.argsort(weight)[::-1][:count]),
        "smallest-weights": set(np.argsort(weight)[:count]),
    }
    for kind, columns in expected.items():
        centre, projection = select(kind, count, features, head)
        assert not centre.any() and projection.sum() == count
        assert set(np.flatnonzero(projection.sum(1))) == columns
        assert np.array_equal((features - centre) @ projection, features[:, projection.argmax(0)])


def test_predictions_only_selects_nothing(features, head):
    centre, projection = select("predictions-only", 0, features, head)
    assert projection.shape == (30, 0) and centre.shape == (30,)


def test_too_many_features_or_an_unknown_selector_are_refused(features, head):
    for kind in ("pca", "largest-weights"):
        with pytest.raises(ValueError, match="31 of 30"):
            select(kind, 31, features, head)
    with pytest.raises(ValueError, match="entropy"):
        select("entropy", 3, features, head)


def test_the_sample_holds_different_slices_of_all_scans(features):
    scans = Scans([features[:100], features[100:110], features[110:]], [np.zeros((n, 6)) for n in (100, 10, 290)], [])
    drawn = sample(scans, 200, seed=2)
    assert len(drawn) == 200 and len(np.unique(drawn, axis=0)) == 200
    assert np.array_equal(sample(scans, 1000, seed=2), features)
