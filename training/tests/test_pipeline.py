"""The stages as commands on one experiment; what was stopped goes on; folds as DICOM hold the very pixels; Table 2
runs."""

import csv
import json

import numpy as np
import pydicom
import pytest
import torch
import yaml
from small_data import small_studies
from test_table2 import PAPER

from ichor_training.__main__ import TRAINING, main
from ichor_training.data.dicom_slices import dataset_hu
from ichor_training.data.studies import Studies, held_out
from ichor_training.models.networks import SequenceNet, SliceNet
from ichor_training.stages import loader
from ichor_training.stages import train_cnn as stage_1
from ichor_training.stages.configuration import SequencePlan, Stage, read_experiment
from ichor_training.stages.table2 import read_rows
from ichor_training.stages.train_cnn import step_count, train_stage
from ichor_training.stages.train_sequence import Scans, train_sequence

STEP = {"learning_rate": 0.002, "side": 96}


@pytest.fixture()
def data(tmp_path):
    small_studies(10, 4, source="CT-ICH 1.0.0").save(tmp_path / "real.npz")
    small_studies(4, 4, seed=1).save(tmp_path / "phantoms.npz")
    return tmp_path


def written(path, **more):
    plan = {
        "backbone": "tiny_resnext",
        "seed": 5,
        "pretrain": [{**STEP, "steps": 2, "real": 0, "phantom": 4}],
        "fine_tune": {**STEP, "epochs": 0.5, "real": 4, "phantom": 2},
        "selector": {"kind": "pca", "count": 8},
        "sequence": {"epochs": 2, "learning_rate": 0.001, "augmented_copies": 1, "hidden": 8, "layers": 1},
    }
    path.write_text(yaml.safe_dump({**plan, **more}))
    return path


def commands_of(data, experiment):
    shared = [
        str(experiment),
        "--data",
        str(data / "real.npz"),
        "--phantoms",
        str(data / "phantoms.npz"),
        "--run",
        str(data / "run"),
    ]
    return lambda name, *more: main([name, *shared, *more])


def test_the_commands_lead_from_data_to_a_bundle_calibrated_on_held_out_patients(data):
    command = commands_of(data, written(data / "experiment.yaml"))
    assert [command(name) for name in ("train-cnn", "select-features", "train-sequence")] == [0, 0, 0]
    assert command("export", "--out", str(data / "bundle"), "--weights", "fp16", "--limit", "0.05") == 0
    manifest = json.loads((data / "bundle" / "manifest.json").read_text())
    assert [one["patients"] for one in manifest["training"]] == [8, 4]
    assert manifest["metrics"]["patients"] == 2 and "2 held-out patients" in manifest["thresholds"]["source"]
    assert manifest["variant"] == "pca-8+predictions" and manifest["precision"]["weights"] == "fp16"
    assert "CC BY 4.0" in (data / "bundle" / "MODEL_CARD.md").read_text()


def test_a_later_stage_before_an_earlier_one_is_refused_with_the_remedy(data, capsys):
    command = commands_of(data, written(data / "experiment.yaml"))
    assert command("train-sequence") == 1
    assert "run train-cnn first" in capsys.readouterr().err


def test_nobody_held_out_means_default_thresholds_and_no_figures(data):
    command = commands_of(data, written(data / "experiment.yaml", held_out=None, selector=None, sequence=None))
    assert command("train-cnn") == 0 and command("export", "--out", str(data / "bundle")) == 0
    manifest = json.loads((data / "bundle" / "manifest.json").read_text())
    assert (
        manifest["variant"] == "cnn-alone" and manifest["metrics"] == {} and manifest["training"][0]["patients"] == 10
    )


def test_a_word_that_an_experiment_does_not_know_is_named(data, capsys):
    command = commands_of(data, written(data / "experiment.yaml", learning_rat=1))
    assert command("train-cnn") == 1
    assert "learning_rat" in capsys.readouterr().err


def test_every_experiment_in_the_repository_can_be_read():
    for path in sorted((TRAINING / "experiments").glob("*.yaml")):
        if path.name != "table2.yaml":
            assert read_experiment(path).stages()


class Stopped(Exception):
    pass


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("sampling", ["bleeds-first", "uniform"])
def test_a_stage_that_was_stopped_ends_as_if_it_had_not_been(sampling, workers, tmp_path, monkeypatch):
    """Workers or none, the outcome is the same to the last bit."""
    studies = small_studies(4, 4)
    stage = Stage(**STEP, steps=6, real=4, phantom=0, sampling=sampling)
    monkeypatch.setattr(stage_1, "STEPS_PER_CHECKPOINT", 2)

    def trained(checkpoint, workers, stop_at=None):
        torch.manual_seed(0)
        net = SliceNet("tiny_resnext")
        vary, calls = stage_1.augmented, []

        def counted(*arguments):
            calls.append(1)
            if len(calls) == stop_at:
                raise Stopped
            return vary(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(stage_1, "augmented", counted)
            train_stage(net, stage, studies, None, 7, "test", checkpoint, workers=workers)
        return net, len(calls)

    whole, _ = trained(None, 0)
    with pytest.raises(Stopped):
        trained(tmp_path / "checkpoint.pt", workers, stop_at=6)
    resumed, steps = trained(tmp_path / "checkpoint.pt", workers)
    assert steps == 2
    for one, other in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_data_on_disk_are_read_ahead_by_workers_and_those_in_memory_are_not(tmp_path):
    small_studies(5, 4).save(tmp_path / "folder")
    on_disk, in_memory = Studies.load(tmp_path / "folder"), small_studies(5, 4)
    sources = [loader.Source(one, 4, "uniform") for one in (on_disk, in_memory)]
    assert loader.workers_for(sources) == loader.WORKERS_ON_DISK and loader.workers_for(sources[1:]) == 0
    for (ahead, _), (plain, _) in zip(
        loader.batches(sources[:1], np.random.default_rng(3), 11, 4),
        loader.batches(sources[1:], np.random.default_rng(3), 11, 0),
        strict=True,
    ):
        assert all(torch.equal(one, other) for one, other in zip(ahead, plain, strict=True))


def test_a_batch_that_cannot_be_read_ends_the_training():
    class Damaged:
        shape = (8, 320, 320)

        def __getitem__(self, rows):
            raise OSError("input/output error")

    studies = small_studies(2, 4)
    studies.hu = Damaged()
    with pytest.raises(OSError, match="input/output"):
        list(loader.batches([loader.Source(studies, 2, "uniform")], np.random.default_rng(0), 9, 3))


def test_uniform_sampling_shows_every_slice_once_an_epoch():
    source = loader.Source(small_studies(5, 4), 4, "uniform")
    rng = np.random.default_rng(0)
    assert sorted(np.concatenate([source.draw(rng) for _ in range(5)])) == list(range(20))
    assert step_count(Stage(learning_rate=1, real=4, epochs=3), small_studies(5, 4), None) == 15


def test_the_sequence_model_learns_from_neighbours(tmp_path):
    """Slices whose own score says nothing, but whose neighbours' does."""
    rng = np.random.default_rng(0)
    labels = [np.repeat(rng.integers(0, 2, 4), 3)[:, None].repeat(6, 1).astype(np.float32) for _ in range(60)]
    logits = [np.where(np.arange(12)[:, None] % 3 == 1, 6 * one - 3, 0).astype(np.float32) for one in labels]
    scans = Scans([np.zeros((12, 4), np.float32) for _ in labels], logits, labels)
    torch.manual_seed(0)
    net = SequenceNet(4, 0, hidden=16, layers=1)
    plan = SequencePlan(epochs=40, learning_rate=0.02, batch=10, partial=False)
    train_sequence(net, scans, plan, 1, "test", tmp_path / "checkpoint.pt")
    with torch.no_grad():
        right = [
            ((net(torch.from_numpy(f), torch.from_numpy(own)) > 0).numpy() == y).mean()
            for f, own, y in zip(scans.features, scans.logits, labels, strict=True)
        ]
    assert np.mean(right) > 0.95


def test_a_fold_as_dicom_holds_the_very_pixels_and_says_that_it_is_derived(data):
    out = data / "dicom"
    assert main(["fold-dicom", "--fold", "1", "--out", str(out), "--data", str(data / "real.npz")]) == 0
    studies = Studies.load(data / "real.npz")
    held = studies.where(held_out(studies, 5, 1, 20260))
    rows = list(csv.DictReader((out / "labels.csv").open()))
    assert len(rows) == len(held.labels) == 8
    for row, hu, labels, patient in zip(rows, held.hu, held.labels, held.patient, strict=True):
        instance = pydicom.dcmread(out / row["file"])
        assert np.array_equal(dataset_hu(instance), hu)
        assert (
            instance.SOPInstanceUID == row["SOPInstanceUID"]
            and instance.ImageType[0] == "DERIVED"
            and row["patient"] == patient
        )
        assert [int(row[name]) for name in list(row)[4:]] == labels.tolist()
    assert len({row["SOPInstanceUID"] for row in rows}) == 8
    places = [pydicom.dcmread(out / row["file"]).ImagePositionPatient[2] for row in rows[:4]]
    assert np.diff(places).tolist() == [5, 5, 5]


def test_a_folds_bundle_comes_with_what_pytorch_says_of_its_held_out_studies(data):
    torch.manual_seed(1)
    cnn, sequence = SliceNet("tiny_resnext"), SequenceNet(256, 8, hidden=8, layers=2)
    torch.save(cnn.state_dict(), data / "cnn.pt")
    torch.save(sequence.state_dict(), data / "sequence.pt")
    shared = [
        "export-fold",
        "--fold",
        "1",
        "--backbone",
        "tiny_resnext",
        "--data",
        str(data / "real.npz"),
        "--cnn",
        str(data / "cnn.pt"),
    ]
    assert main([*shared, "--sequence", str(data / "sequence.pt"), "--out", str(data / "both")]) == 0
    assert main([*shared, "--out", str(data / "alone")]) == 0
    both, alone = (json.loads((data / f"{name}-pytorch.json").read_text()) for name in ("both", "alone"))
    assert both["cnn"] == alone["cnn"] == alone["sequence"] and len(both["slices"]) == 8
    assert json.loads((data / "both" / "manifest.json").read_text())["selector"] == {"kind": "pca", "count": 8}
    assert main(["fold-dicom", "--fold", "1", "--out", str(data / "dicom"), "--data", str(data / "real.npz")]) == 0
    uids = [row["SOPInstanceUID"] for row in csv.DictReader((data / "dicom" / "labels.csv").open())]
    assert [one["sopInstanceUid"] for one in both["slices"]] == uids


def smallest(path):
    """Table 2's smoke run with one step of everything."""
    plan = yaml.safe_load((TRAINING / "experiments" / "table2.yaml").read_text())
    tiny = {
        "backbone": "tiny_resnext",
        "fine_tune": [{**STEP, "steps": 2, "real": 4, "phantom": 0, "augmentation": "paper"}],
    }
    plan["smoke"] = {
        "phantoms": {"studies": 6, "slices": 4, "matrix": 64},
        "folds": 5,
        "held_out": 0,
        "cnns": dict.fromkeys(plan["cnns"], tiny),
        "sequence": {"epochs": 1, "learning_rate": 0.001, "hidden": 8, "predictions_at_head": False},
    }
    path.write_text(yaml.safe_dump(plan))
    return path


def test_all_twelve_rows_of_table_2_run_and_are_printed(tmp_path, capsys):
    """With phantoms that `ichor phantom` makes: it needs node_modules."""
    command = [
        "table2",
        "--smoke",
        "--experiment",
        str(smallest(tmp_path / "table2.yaml")),
        "--run",
        str(tmp_path / "run"),
    ]
    assert main(command) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()[:1].isdigit()]
    assert [int(line.split()[0]) for line in lines] == list(range(1, 13))
    assert all(f"{loss:.5f}" in line for line, (*_, loss) in zip(lines, PAPER, strict=True))
    assert main([*command, "--bundles", str(tmp_path / "bundles")]) == 0
    folders = sorted((tmp_path / "bundles").iterdir())
    variants = [json.loads((folder / "manifest.json").read_text())["variant"] for folder in folders]
    assert variants[:3] == ["cnn-alone", "cnn-alone", "predictions-only-0"] and variants[10:] == [
        "pca-120",
        "pca-120+predictions",
    ]
    again = [line for line in capsys.readouterr().out.splitlines() if line.strip()[:1].isdigit()]
    assert again == lines


def test_one_row_of_table_2_runs_on_imported_rsna_data_as_the_paper_has_it(tmp_path, capsys):
    rows = read_rows(TRAINING / "experiments" / "table2.yaml", smoke=False, start="weights.pth")
    assert len(rows) == 12 and {row.experiment.backbone for row in rows} == {"resnext101_32x8d", "efficientnet_b4"}
    assert all(
        stage.learning_rates[:2] == (1e-5, 1e-5) and stage.real == 32 and stage.epochs == 3
        for row in rows
        for stage, _ in row.experiment.stages()
    )
    assert all(row.experiment.start == "weights.pth" for row in rows)
    plan = yaml.safe_load(smallest(tmp_path / "table2.yaml").read_text())
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({**plan, **plan["smoke"]}))
    small_studies(6, 4, source="RSNA 2019").save(tmp_path / "rsna")
    shared = [
        "table2",
        "--experiment",
        str(tmp_path / "small.yaml"),
        "--run",
        str(tmp_path / "run"),
        "--rsna",
        str(tmp_path / "rsna"),
    ]
    assert main([*shared, "--row", "12", "--bundles", str(tmp_path / "bundles")]) == 0
    assert "RSNA 2019" in capsys.readouterr().out
    manifest = json.loads((tmp_path / "bundles" / "row-12" / "manifest.json").read_text())
    assert manifest["variant"] == "pca-120+predictions" and "RSNA" in manifest["training"][0]["name"]
    assert main([*shared, "--row", "13"]) == 1
