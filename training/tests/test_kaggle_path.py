"""The challenge as it comes, from its files to a submission: import, a tiny training, evaluate, predict. Production and
Python give the same scores at 512 × 512.

With phantoms that `ichor phantom` makes: it needs node_modules.
"""

import csv
import json
import subprocess

import numpy as np
import pydicom
import pytest
import torch
from kaggle_layout import KEYWORDS, write_kaggle
from test_pipeline import written

from ichor_training import CLASSES
from ichor_training.__main__ import ROOT, main
from ichor_training.data.dicom_slices import dataset_hu
from ichor_training.data.phantoms import phantoms
from ichor_training.measure.metrics import challenge_loss
from ichor_training.stages.fold_networks import load_networks

NODE = ROOT / "node_modules" / "node" / "bin" / "node"
MISSING = ["--accept-missing", "sop-class,body-part,image-type"]


def ichor(*arguments) -> subprocess.CompletedProcess:
    command = [str(NODE), str(ROOT / "apps" / "cli" / "src" / "main.ts"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def rows_of(path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(newline="")))


@pytest.fixture(scope="module")
def challenge(tmp_path_factory):
    """Three labelled studies and two without labels, one of them too short; a bundle trained on the three."""
    here = tmp_path_factory.mktemp("challenge")
    phantoms(here / "phantoms", 4, 900, 13, 512, "--bleed", "random")
    phantoms(here / "phantoms" / "short", 1, 990, 6, 512)
    write_kaggle(here / "phantoms", here / "kaggle", test=2)
    assert main(["import-rsna", str(here / "kaggle"), "--out", str(here / "rsna")]) == 0
    stage = {"learning_rate": 0.002, "steps": 4, "real": 4}
    experiment = written(here / "experiment.yaml", pretrain=[], fine_tune=stage, folds=2)
    shared = [str(experiment), "--data", str(here / "rsna"), "--run", str(here / "run")]
    for stage in ("train-cnn", "select-features", "train-sequence"):
        assert main([stage, *shared]) == 0
    assert main(["export", *shared, "--out", str(here / "bundle")]) == 0
    return here


@pytest.fixture(scope="module")
def python_scores(challenge):
    """SOP Instance UID → six probabilities of the CNN and of the sequence model, at 512 × 512."""
    cnn, sequence = load_networks(None, challenge / "run" / "cnn.pt", challenge / "run" / "sequence.pt")
    temperature = np.array(
        json.loads((challenge / "bundle" / "manifest.json").read_text())["calibration"]["temperature"]
    )
    series: dict[str, list] = {}
    for path in (challenge / "kaggle").rglob("*.dcm"):
        instance = pydicom.dcmread(path)
        series.setdefault(instance.SeriesInstanceUID, []).append(instance)
    scores = {}
    for slices in series.values():
        slices.sort(key=lambda one: one.ImagePositionPatient[2])
        with torch.no_grad():
            features, logits, *_ = cnn(torch.from_numpy(np.stack([dataset_hu(one) for one in slices])))
            joint = sequence(features, logits).numpy() / temperature
        for one, alone, together in zip(slices, torch.sigmoid(logits).numpy(), 1 / (1 + np.exp(-joint)), strict=True):
            scores[one.SOPInstanceUID] = (alone, together)
    return scores


def test_the_fixture_has_exactly_the_challenges_attributes(challenge):
    files = list((challenge / "kaggle").rglob("*.dcm"))
    assert len(files) == 4 * 13 + 6
    for path in files:
        instance = pydicom.dcmread(path)
        assert [element.keyword for element in instance] == KEYWORDS and instance.SOPInstanceUID == path.stem
        assert (instance.Rows, instance.Columns) == (512, 512)


def test_evaluate_takes_the_challenges_files_where_it_may_and_says_what_they_lack(challenge, python_scores):
    labels = challenge / "kaggle" / "stage_2_train.csv"
    command = ["evaluate", challenge / "kaggle" / "stage_2_train", "--labels", labels, "--bundle", challenge / "bundle"]
    refused = ichor(*command, "--json")
    assert refused.returncode == 3
    assert {one["code"] for one in json.loads(refused.stdout)["bundles"][0]["coverage"]["reasons"]} == {
        "unreadable-instance"
    }
    outcome = ichor(*command, "--json", *MISSING)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    evaluation = json.loads(outcome.stdout)
    assert evaluation["bundles"][0]["coverage"]["analysed"] == 3, evaluation["bundles"][0]["coverage"]
    assert evaluation["data"]["missing"] == {f"missing-{name}": 39 for name in MISSING[1].split(",")}
    truth = {}
    for row in rows_of(labels):
        instance, _, name = row["ID"].rpartition("_")
        truth.setdefault(instance, np.zeros(6))[CLASSES.index(name)] = int(row["Label"])
    for which, name in enumerate(("cnn", "sequence")):
        probability = np.stack([python_scores[instance][which] for instance in truth])
        logits = np.log(probability / (1 - probability))
        expected = challenge_loss(np.stack(list(truth.values())), logits)
        assert abs(evaluation["bundles"][0]["slice"]["weightedLogLoss"][name]["value"] - expected) < 1e-3


def test_predict_scores_every_slice_as_python_does_and_writes_the_submission(challenge, python_scores):
    sample = challenge / "kaggle" / "stage_2_sample_submission.csv"
    outcome = ichor(
        *["predict", challenge / "kaggle" / "stage_2_test", "--bundle", challenge / "bundle", *MISSING],
        *["--csv", challenge / "scores.csv", "--kaggle", sample, "--submission", challenge / "submission.csv"],
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    assert "6 images not analysed" in outcome.stderr and "too-few-slices" in outcome.stderr
    rows = rows_of(challenge / "scores.csv")
    slices = {row["SOPInstanceUID"]: row for row in rows if row["level"] == "slice"}
    assert set(slices) == {path.stem for path in (challenge / "kaggle" / "stage_2_test").glob("*.dcm")}
    analysed = {name: row for name, row in slices.items() if row["state"] == "analysed"}
    assert len(analysed) == 13 and {row["reason"] for row in slices.values()} == {"", "too-few-slices"}
    for name, row in analysed.items():
        for which, prefix in enumerate(("cnn_", "")):
            scores = np.array([float(row[f"{prefix}{c}"]) for c in CLASSES])
            assert np.abs(scores - python_scores[name][which]).max() < 1e-3
    studies = [row for row in rows if row["level"] == "study"]
    assert sorted(row["state"] == "not-analysed" for row in studies) == [False, True]
    highest = max(float(row["any"]) for row in analysed.values())
    assert float(next(row for row in studies if row["any"])["any"]) == pytest.approx(highest)
    given, ours = rows_of(sample), rows_of(challenge / "submission.csv")
    assert [row["ID"] for row in ours] == [row["ID"] for row in given]
    for row, before in zip(ours, given, strict=True):
        instance, _, name = row["ID"].rpartition("_")
        expected = float(analysed[instance][name]) if instance in analysed else float(before["Label"])
        assert float(row["Label"]) == pytest.approx(expected, abs=1e-9)


def test_the_training_packages_own_submission_scores_what_was_kept_without_labels(challenge, python_scores, capsys):
    """The import's slices are kept at 512 here; uncalibrated, and nobody is refused."""
    sample, out = challenge / "kaggle" / "stage_2_sample_submission.csv", challenge / "python.csv"
    command = ["submission", str(challenge / "experiment.yaml"), "--data", str(challenge / "rsna"), "--run"]
    assert main([*command, str(challenge / "run"), "--sample", str(sample), "--out", str(out)]) == 0
    assert f"{19 * 6} rows scored; 0 keep" in capsys.readouterr().out
    temperature = json.loads((challenge / "bundle" / "manifest.json").read_text())["calibration"]["temperature"]
    given, ours = rows_of(sample), rows_of(out)
    assert [row["ID"] for row in ours] == [row["ID"] for row in given]
    for row in ours:
        instance, _, name = row["ID"].rpartition("_")
        probability, at = float(row["Label"]), CLASSES.index(name)
        calibrated = 1 / (1 + np.exp(-np.log(probability / (1 - probability)) / temperature[at]))
        assert abs(calibrated - python_scores[instance][1][at]) < 1e-3
    sample.with_name("cut.csv").write_text("ID,Label\nID_1_edema,0.5\n")
    assert (
        main([*command, str(challenge / "run"), "--sample", str(sample.with_name("cut.csv")), "--out", str(out)]) == 1
    )
    assert "ID_1_edema" in capsys.readouterr().err
