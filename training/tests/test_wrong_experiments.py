"""Wrong experiments end before the first step, with a sentence; so does a run folder that holds another experiment."""

import json

import numpy as np
import pytest
import torch
import yaml
from small_data import small_studies

from ichor_training.__main__ import main
from ichor_training.bundle.finished import FinishedBundle
from ichor_training.data.studies import Studies
from ichor_training.models.backbones import BACKBONES
from ichor_training.models.networks import SequenceModel, SliceNet
from ichor_training.models.sequences import SEQUENCES
from ichor_training.provenance import load_network
from ichor_training.stages import pipeline

STEP = {"steps": 1, "learning_rate": 0.002, "side": 64, "real": 2, "phantom": 0}
SEQUENCE = {"epochs": 1, "learning_rate": 0.001, "hidden": 4, "layers": 1}
PLAN = {
    "backbone": "tiny_resnext",
    "seed": 5,
    "fine_tune": [STEP],
    "selector": {"kind": "pca", "count": 4},
    "sequence": SEQUENCE,
}


@pytest.fixture()
def data(tmp_path):
    small_studies(10, 4, source="CT-ICH 1.0.0").save(tmp_path / "real.npz")
    return tmp_path


def written(data, **more):
    path = data / "experiment.yaml"
    path.write_text(yaml.safe_dump({**PLAN, **more}))
    return path


def command(data, name, *more):
    shared = ["--data", str(data / "real.npz"), "--run", str(data / "run")]
    return main([name, str(data / "experiment.yaml"), *shared, *more])


def trained(data, **more):
    written(data, **more)
    assert [command(data, name) for name in ("train-cnn", "select-features", "train-sequence")] == [0, 0, 0]


WRONG = {
    "an unknown key": ({"learning_rat": 1}, "does not know learning_rat"),
    "an unknown key of a stage": ({"fine_tune": [{**STEP, "lerning_rate": 1}]}, "is it learning_rate"),
    "a word for a number": ({"seed": "five"}, "seed is 'five', not a whole number"),
    "an exponent that YAML reads as a word": (
        {"fine_tune": [{**STEP, "learning_rate": "1e-5"}]},
        "not a number; in YAML",
    ),
    "a number for a truth": ({"fine_tune": [{**STEP, "averaged": 1}]}, "averaged is 1, not true or false"),
    "a negative learning rate": (
        {"fine_tune": [{**STEP, "learning_rate": -0.1}]},
        "learning_rate is -0.1, not above 0",
    ),
    "steps and epochs": ({"fine_tune": [{**STEP, "epochs": 1}]}, "needs steps or epochs, one of them"),
    "no slices": ({"fine_tune": [{**STEP, "real": 0}]}, "takes no slice"),
    "a side that the network cannot halve": ({"fine_tune": [{**STEP, "side": 100}]}, "which 32 does not divide"),
    "rates for other epochs": (
        {"fine_tune": [{"real": 2, "epochs": 2, "learning_rates": [0.1, 0.1, 0.1]}]},
        "learning_rates for 3 epochs and has 2",
    ),
    "windows first under the scanner's augmentation": ({"fine_tune": [{**STEP, "windows_first": True}]}, "Hounsfield"),
    "real slices in the pre-training": ({"pretrain": [STEP]}, "pretrain is on phantoms alone"),
    "phantoms that are not there": ({"fine_tune": [{**STEP, "phantom": 2}]}, "name imported ones with --phantoms"),
    "no stage": ({"fine_tune": []}, "has no stage"),
    "an unknown augmentation": ({"fine_tune": [{**STEP, "augmentation": "strong"}]}, "none of scanner, paper, none"),
    "an unknown backbone": ({"backbone": "resnet18"}, "backbone is 'resnet18', none of"),
    "a fold that is not there": ({"held_out": 5}, "there is no fold 5 of 5"),
    "one fold": ({"folds": 1}, "folds is 1, less than 2"),
    "more folds than patients": ({"folds": 11}, "wants 11 folds of 10 patients"),
    "more scans held out than there are": ({"held_out_scans": 10}, "holds out 10 scans, the data have 10"),
    "an unknown selector": ({"selector": {"kind": "entropy"}}, "selector: kind is 'entropy', none of"),
    "more features than there are": ({"selector": {"count": 300}}, "selects 300 features, tiny_resnext has 256"),
    "features that six classes cannot share": (
        {"selector": {"kind": "largest-weights", "count": 8, "per_class": True}},
        "which 6 does not divide",
    ),
    "a selector without a sequence model": ({"sequence": None}, "selects features for no sequence model"),
    "heads that do not share a transformer's width": (
        {"sequence": {**SEQUENCE, "kind": "transformer", "hidden": 6}},
        "sequence has hidden 6, which its 4 heads cannot share",
    ),
    "a sequence model that nobody knows": ({"sequence": {**SEQUENCE, "kind": "gru"}}, "none of bilstm, transformer"),
    "a sequence model of no width": ({"sequence": {**SEQUENCE, "hidden": 0}}, "hidden is 0, less than 1"),
    "start weights that are not there": ({"start": "nowhere.pth"}, "nowhere.pth, which is no file"),
    "ImageNet weights that nobody has": ({"start": "imagenet"}, "starts from ImageNet, but there are weights for"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_experiment_ends_before_the_first_step_with_a_sentence(name, data, capsys, monkeypatch):
    monkeypatch.setattr(pipeline, "kept_stage", lambda *_: pytest.fail("a stage was begun"))
    more, sentence = WRONG[name]
    written(data, **more)
    assert command(data, "train-cnn") == 1
    assert sentence in capsys.readouterr().err and not (data / "run").exists()


def test_all_that_is_wrong_is_told_at_once(data, capsys):
    written(data, seed="five", folds=1, backbon="x")
    assert command(data, "train-cnn") == 1
    told = capsys.readouterr().err
    assert "seed" in told and "folds" in told and "is it backbone" in told


def test_what_is_no_experiment_at_all_is_refused(data, capsys):
    for text in ("- 1\n- 2\n", "backbone: [unclosed"):
        (data / "experiment.yaml").write_text(text)
        assert command(data, "train-cnn") == 1
    assert "is no YAML" in capsys.readouterr().err


def test_data_without_a_known_licence_are_refused_before_training_not_at_export(data, capsys):
    small_studies(10, 4, source="a hospital").save(data / "real.npz")
    written(data)
    assert command(data, "train-cnn") == 1 and "licence is not on record" in capsys.readouterr().err


OTHERWISE = {
    "another fold": ({"held_out": 1}, "train-cnn", "held_out 0, now 1"),
    "another seed": ({"seed": 6}, "train-sequence", "seed 5, now 6"),
    "another stage": ({"fine_tune": [{**STEP, "steps": 2}]}, "train-cnn", "fine_tune[0].steps 1, now 2"),
    "another selector": ({"selector": {"kind": "largest-weights", "count": 4}}, "select-features", "pca, now largest"),
    "another sequence model": ({"sequence": {**SEQUENCE, "hidden": 8}}, "train-sequence", "sequence.hidden 4, now 8"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_run_folder_of_another_experiment_is_refused(name, data, capsys):
    """The leak that was seen: another fold, seed and selector in the same folder used the old networks."""
    trained(data)
    more, stage, sentence = OTHERWISE[name]
    written(data, **more)
    assert command(data, stage) == 1
    told = capsys.readouterr().err
    assert "was made with" in told and sentence in told and "--run" in told


def test_other_data_under_the_same_name_are_refused(data, capsys):
    trained(data)
    small_studies(10, 4, seed=9, source="CT-ICH 1.0.0").save(data / "real.npz")
    assert command(data, "train-sequence") == 1 and "data.sha256" in capsys.readouterr().err
    assert command(data, "export", "--out", str(data / "bundle")) == 1
    assert not (data / "bundle").exists()


def test_the_same_experiment_goes_on_where_it_was(data):
    trained(data)
    before = (data / "run" / "sequence.pt").read_bytes()
    trained(data)
    assert (data / "run" / "sequence.pt").read_bytes() == before


def test_every_outcome_carries_the_digest_of_what_made_it(data):
    trained(data)
    run = data / "run"
    cnn, sequence = load_network(run / "cnn.pt").made, load_network(run / "sequence.pt").made
    assert sequence.facts["cnn"] == cnn.facts and len(cnn.patients) == 8 and len(cnn.digest) == 64
    assert {"seed", "held_out", "start", "data", "fine_tune"} <= set(cnn.facts)
    for file in ("selector.npz", "held-out.npz"):
        with np.load(run / file) as stored:
            assert len(json.loads(str(stored["made"]))["digest"]) == 64
    assert len(json.loads((run / "figures.json").read_text())["made"]) == 64
    for features in ("train", "held-out"):
        assert json.loads((run / "features" / features / "made.json").read_text())["facts"]["cnn"] == cnn.facts


def test_a_held_out_patient_may_not_be_known_to_the_start_weights(data, capsys):
    trained(data, held_out=1)
    written(data, start=str(data / "run" / "cnn.pt"))
    assert command(data, "train-cnn", "--run", str(data / "second")) == 1
    assert "2 held-out patients were learned from by the start weights" in capsys.readouterr().err
    torch.save(SliceNet("tiny_resnext").state_dict(), data / "unknown.pt")
    written(data, start=str(data / "unknown.pt"))
    assert command(data, "train-cnn", "--run", str(data / "second")) == 1
    assert "does not say whom it was learned from" in capsys.readouterr().err


def test_the_papers_validation_scans_take_their_patients_other_scans_out_of_training(data):
    studies = small_studies(10, 4, source="CT-ICH 1.0.0")
    studies.patient[:4] = studies.patient[-1]
    studies.save(data / "real.npz")
    trained(data, held_out_scans=2)
    assert len(load_network(data / "run" / "cnn.pt").made.patients) == 7


def test_export_says_what_the_weights_say_and_not_what_the_file_says_now(data):
    trained(data)
    written(data, seed=77, held_out=3, selector={"kind": "largest-weights", "count": 6}, name="renamed")
    assert command(data, "export", "--out", str(data / "bundle")) == 0
    manifest = json.loads((data / "bundle" / "manifest.json").read_text())
    assert manifest["variant"] == "pca-4+predictions" and manifest["name"] == "renamed"
    assert "fold 0 of 5" in manifest["thresholds"]["source"]
    assert "| seed | 5 |" in (data / "bundle" / "MODEL_CARD.md").read_text()


def test_the_stages_of_two_runs_are_not_exported_together(data, capsys):
    trained(data)
    written(data, fine_tune=[{**STEP, "steps": 2}])
    assert command(data, "train-cnn", "--run", str(data / "second")) == 0
    (data / "run" / "cnn.pt").write_bytes((data / "second" / "cnn.pt").read_bytes())
    assert command(data, "export", "--out", str(data / "bundle")) == 1
    assert "sequence.pt was made with" in capsys.readouterr().err


def test_a_checkpoint_of_another_experiment_is_refused(data, capsys, monkeypatch):
    from ichor_training.stages import train_cnn

    monkeypatch.setattr(train_cnn, "STEPS_PER_CHECKPOINT", 1)
    written(data, fine_tune=[{**STEP, "steps": 2}])
    assert command(data, "train-cnn") == 0
    for left in ("cnn.pt", "stage-0.pt"):
        (data / "run" / left).unlink()
    written(data, fine_tune=[{**STEP, "steps": 3}])
    assert command(data, "train-cnn") == 1 and "stage-0-checkpoint.pt was made with" in capsys.readouterr().err


def test_an_outcome_that_does_not_say_what_made_it_is_refused(data, capsys):
    trained(data)
    torch.save(load_network(data / "run" / "cnn.pt").state, data / "run" / "cnn.pt")
    assert command(data, "train-sequence") == 1 and "does not say what made it" in capsys.readouterr().err


def export_fold(data, fold, *more):
    weights = ["--cnn", str(data / "run" / "cnn.pt"), "--sequence", str(data / "run" / "sequence.pt")]
    split = ["--fold", str(fold), "--seed", "5", "--data", str(data / "real.npz")]
    return main(["export-fold", *split, *weights, "--out", str(data / "fold"), *more])


def test_a_fold_is_exported_with_what_its_networks_say_and_only_to_patients_they_do_not_know(data, capsys):
    trained(data, selector={"kind": "smallest-weights", "count": 6, "per_class": True})
    assert export_fold(data, 0) == 0
    assert json.loads((data / "fold" / "manifest.json").read_text())["selector"]["kind"] == "smallest-weights"
    assert export_fold(data, 1) == 1 and "2 held-out patients were learned from" in capsys.readouterr().err
    assert export_fold(data, 0, "--backbone", "mobilenet_v2") == 1
    assert "was made with backbone tiny_resnext, now mobilenet_v2" in capsys.readouterr().err


def test_a_finished_bundle_is_not_measured_on_patients_that_its_folds_know(data):
    trained(data)
    real = Studies.load(data / "real.npz")
    run = str(data / "run")
    files = {"cnn": data / "run" / "cnn.pt", "fold_cnn": f"{run}/cnn.pt", "fold_sequence": f"{run}/sequence.pt"}
    place = {"bundle": data / "bundle", "data": data / "real.npz", "phantoms": data / "real.npz"}
    finished = FinishedBundle(**files, **place, backbone=None, folds=5, seed=5)
    assert finished.made("aberrant", 0, real, real).facts["fold"] == 0
    with pytest.raises(ValueError, match="learned from by"):
        finished.made("aberrant", 1, real, real)


class Gated(torch.nn.Module):
    """With an operation that no rule derives."""

    def __init__(self) -> None:
        super().__init__()
        convolutions = [torch.nn.Conv2d(3 if index == 0 else 8, 8, 3, 2, 1) for index in range(5)]
        self.layers = torch.nn.Sequential(*convolutions, torch.nn.Softplus())
        self.features = 8

    def forward(self, x):
        return self.layers(x)


class Forgetful(SequenceModel):
    """Its graph would be that of one number of slices."""

    def __init__(self, features: int, selected: int) -> None:
        super().__init__(features, selected)
        self.head = torch.nn.Linear(selected + 6, 6)

    def decide(self, inputs, probabilities):
        return self.head(inputs) * float(len(inputs))


def test_a_network_whose_inner_layers_cannot_be_explained_is_trained_and_told(data, capsys, monkeypatch):
    monkeypatch.setitem(BACKBONES, "gated", Gated)
    trained(data, backbone="gated")
    assert "inner layers cannot be explained (no derivative of Softplus" in capsys.readouterr().out
    assert command(data, "export", "--out", str(data / "bundle")) == 0
    manifest = json.loads((data / "bundle" / "manifest.json").read_text())
    assert "explain" not in manifest["files"] and manifest["gradCam"] == "sequence"
    assert "Softplus" in manifest["heatMap"]["why"] and manifest["heatMap"]["layer"].startswith("the last, ")
    assert "Softplus" in (data / "bundle" / "MODEL_CARD.md").read_text()


class Unknown(torch.nn.Module):
    """With an operation that no graph has."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 32, 32))
        self.features = 8

    def forward(self, x):
        return torch.special.bessel_j0(self.layers(x))


def test_a_network_that_cannot_be_a_graph_is_refused_before_the_first_step(data, capsys, monkeypatch):
    monkeypatch.setitem(BACKBONES, "unknown", Unknown)
    monkeypatch.setattr(pipeline, "kept_stage", lambda *_: pytest.fail("a stage was begun"))
    written(data, backbone="unknown")
    assert command(data, "train-cnn") == 1
    assert "backbone unknown cannot be exported as a graph" in capsys.readouterr().err


def test_a_sequence_model_that_cannot_be_a_graph_is_refused_before_the_cnn_is_trained(data, capsys, monkeypatch):
    monkeypatch.setitem(SEQUENCES, "transformer", lambda features, selected, _: Forgetful(features, selected))
    monkeypatch.setattr(pipeline, "kept_stage", lambda *_: pytest.fail("a stage was begun"))
    written(data, sequence={**SEQUENCE, "kind": "transformer"})
    assert command(data, "train-cnn") == 1
    assert "the sequence model transformer cannot be exported as a graph: for 1 slices" in capsys.readouterr().err
