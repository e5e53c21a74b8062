"""Splits are by patient, figures of merit agree with scikit-learn, and windows and resize agree with OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from ichor_training import CLASSES
from ichor_training.data.studies import SIDE, Studies, patient_folds
from ichor_training.measure.metrics import auc, balanced_threshold, maximum_per_group, threshold_for_sensitivity
from ichor_training.models.networks import MEAN, STANDARD_DEVIATION, WINDOWS, Preprocessing
from ichor_training.stages.build_default import DEFAULT_THRESHOLDS, judge
from ichor_training.stages.select_features import select


def studies_of(patients: int, slices: int = 3) -> Studies:
    patient = np.repeat([f"p{index:02d}" for index in range(patients)], slices)
    labels = np.zeros((len(patient), 6), np.float32)
    labels[: len(patient) // 2, 5] = 1
    study = np.arange(len(patient)) // slices
    return Studies(np.zeros((len(patient), SIDE, SIDE), np.int16), labels, study, patient, "test")


def test_a_patient_is_in_one_fold_only_and_every_fold_has_positive_and_negative_patients():
    studies = studies_of(20)
    folds = patient_folds(studies, 5, seed=1)
    assert set(folds) == set(studies.patient)
    for fold in range(5):
        held = np.array([folds[p] == fold for p in studies.patient])
        assert not set(studies.where(held).patient) & set(studies.where(~held).patient)
        truth = maximum_per_group(studies.labels[held, 5], studies.patient[held])
        assert 0 < truth.sum() < len(truth)


def test_the_ranges_joined_are_the_rows_whatever_the_numbers_of_the_studies():
    studies = studies_of(4)
    studies.study = np.repeat([2, 3, 0, 1], 3)
    assert np.concatenate(studies.ranges()).tolist() == list(range(12))


def test_folds_depend_on_the_seed_alone():
    assert patient_folds(studies_of(20), 5, 1) == patient_folds(studies_of(20), 5, 1)
    assert patient_folds(studies_of(20), 5, 1) != patient_folds(studies_of(20), 5, 2)


@pytest.mark.parametrize("shape", [(512, 512), (320, 320), (96, 80)])
def test_windows_and_resize_agree_with_opencv(shape):
    hu = np.random.default_rng(0).integers(-1024, 3000, shape).astype(np.int16)
    ours = Preprocessing()(torch.from_numpy(hu)[None])[0].numpy()
    for channel, (_, centre, width) in enumerate(WINDOWS):
        scaled = np.clip((hu.astype(np.float32) - (centre - width / 2)) / width, 0, 1)
        resized = cv2.resize(scaled, (256, 256), interpolation=cv2.INTER_LINEAR)
        assert np.abs(ours[channel] - (resized - MEAN[channel]) / STANDARD_DEVIATION[channel]).max() < 1e-4


def test_auc_agrees_with_scikit_learn_with_ties():
    rng = np.random.default_rng(2)
    truth, score = rng.integers(0, 2, 400), rng.integers(0, 20, 400) / 20
    assert abs(auc(truth, score) - roc_auc_score(truth, score)) < 1e-12


def test_a_threshold_for_a_sensitivity_reaches_it():
    rng = np.random.default_rng(3)
    truth, score = rng.integers(0, 2, 100), rng.random(100)
    limit = threshold_for_sensitivity(truth, score, 0.9)
    assert (score[truth == 1] >= limit).mean() >= 0.9
    assert (score[truth == 1] > limit).mean() < 0.9


def test_principal_components_are_centred_orthonormal_and_ordered():
    rng = np.random.default_rng(4)
    features = (rng.normal(size=(300, 20)) * np.arange(1, 21)).astype(np.float32) + 5
    centre, projection = select("pca", 6, features, np.zeros((6, 20)))
    selected = (features - centre) @ projection
    assert np.abs(selected.mean(0)).max() < 1e-2
    assert np.abs(projection.T @ projection - np.eye(6)).max() < 1e-5
    assert (np.diff(selected.var(0)) < 0).all()


def test_a_class_with_few_held_out_patients_or_whose_score_tells_nothing_keeps_the_default_threshold():
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(48), 4)
    labels = np.zeros((192, 6), np.float32)
    labels[:96, 5] = labels[:48, 1] = labels[48:96, 3] = labels[:16, 0] = 1
    logits = rng.normal(size=(192, 6)) + 6 * labels
    logits[:, 3] = rng.normal(size=192)
    report = judge([{"cnn": logits, "sequence": logits, "labels": labels, "patient": patient}])
    assert report["sliceAucByClass"]["subdural"] is None
    assert report["defaultThresholds"] == [name for name in CLASSES if name not in ("intraparenchymal", "any")]
    for kind, value in DEFAULT_THRESHOLDS.items():
        assert (
            report["thresholds"][kind]["subdural"]
            == report["thresholds"][kind]["subarachnoid"]
            == report["thresholds"][kind]["epidural"]
            == value
        )
    assert report["temperature"][0] == report["temperature"][4] != report["temperature"][1]
    assert report["thresholds"]["high-sensitivity"]["any"] <= report["thresholds"]["balanced"]["any"]


def test_the_balanced_threshold_follows_the_patients_and_not_one_of_them():
    rng = np.random.default_rng(8)
    truth = (np.arange(400) < 200).astype(float)
    score = rng.normal(size=400) + 2 * truth
    assert abs(balanced_threshold(truth, score) - 1) < 0.3  # where the two normal densities cross
    few = np.r_[np.ones(5), np.zeros(5)]
    apart = np.r_[0.60, 0.7, 0.8, 0.9, 0.2, 0.1, 0.15, 0.05, 0.3, 0.55]
    assert 0.5 < balanced_threshold(few, apart) <= 0.6
    assert balanced_threshold(np.ones(2), np.array([0.4, 0.6])) <= 0.5
