"""experiments/table2.yaml is the paper's Table 2, and `paper: true` is the paper's side of docs/paper.md."""

import numpy as np
import pytest
import torch

from ichor_training.__main__ import TRAINING
from ichor_training.models.networks import SequenceNet
from ichor_training.stages.configuration import Stage, experiment_of
from ichor_training.stages.select_features import select
from ichor_training.stages.table2 import read_rows, table
from ichor_training.stages.train_cnn import schedule_of

PAPER = [
    (1, "efficientnet_b4", None, 2048, 0.07212),
    (2, "resnext101_32x8d", None, 2048, 0.06259),
    (3, "resnext101_32x8d", "predictions-only", 6, 0.05540),
    (4, "resnext101_32x8d", "largest-standard-deviation", 192, 0.05212),
    (5, "resnext101_32x8d", "largest-weights", 192, 0.05365),
    (6, "resnext101_32x8d", "smallest-weights", 192, 0.05136),
    (7, "resnext101_32x8d", "smallest-weights", 120, 0.05035),
    (8, "resnext101_32x8d", "pca", 192, 0.05207),
    (9, "resnext101_32x8d", "pca", 192, 0.05198),
    (10, "resnext101_32x8d", "pca", 192, 0.05096),
    (11, "resnext101_32x8d", "pca", 120, 0.05022),
    (12, "resnext101_32x8d", "pca", 120, 0.04989),
]
"""Row, CNN, selector, features, log loss."""


@pytest.fixture(scope="module")
def rows():
    return read_rows(TRAINING / "experiments" / "table2.yaml", smoke=False)


def test_table2_yaml_has_the_papers_twelve_rows_and_no_other(rows):
    ours = [
        (
            row.number,
            row.experiment.backbone,
            row.experiment.selector and row.experiment.selector.kind,
            row.features,
            row.paper,
        )
        for row in rows
    ]
    assert ours == PAPER
    assert all(row.experiment.selector.count == row.features for row in rows[3:])


def test_the_smoke_run_differs_in_size_only(rows):
    smoke = read_rows(TRAINING / "experiments" / "table2.yaml", smoke=True)
    for one, small in zip(rows, smoke, strict=True):
        assert (one.number, one.model, one.paper) == (small.number, small.model, small.paper)
        assert one.experiment.selector == small.experiment.selector
        if one.experiment.sequence is not None:
            shape = [
                (p.hidden, p.layers, p.predictions_at_head)
                for p in (one.experiment.sequence, small.experiment.sequence)
            ]
            assert shape[0] == shape[1]


def test_of_the_three_rows_with_192_components_one_is_shallower_and_one_slimmer(rows):
    shapes = {row.number: (row.experiment.sequence.layers, row.experiment.sequence.hidden) for row in rows[7:10]}
    assert shapes == {8: (2, 256), 9: (3, 128), 10: (3, 256)}
    assert [row.number for row in rows if row.experiment.sequence and row.experiment.sequence.predictions_at_head] == [
        12
    ]


def test_features_by_weight_are_shared_among_the_classes(rows):
    assert [row.number for row in rows if row.experiment.selector and row.experiment.selector.per_class] == [5, 6, 7]
    head = np.random.default_rng(0).normal(size=(6, 2048))
    for kind, count in (("largest-weights", 192), ("smallest-weights", 120)):
        _, projection = select(kind, count, np.zeros((2, 2048)), head, per_class=True)
        chosen = projection.argmax(0)
        assert len(set(chosen)) == count
        for klass in range(6):
            order = np.argsort(-np.abs(head[klass]) if kind == "largest-weights" else np.abs(head[klass]))
            assert set(chosen[klass::6]) <= set(order[: count + 1]) and order[0] in chosen


def test_the_table_prints_the_papers_loss_beside_ours(rows):
    figures = [{"sequence": {"challengeLogLoss": 0.1, "anySliceAuc": None, "anyPatientAuc": 0.9}}] * 12
    lines = table(rows, figures).splitlines()[2:]
    for line, (number, _, _, count, loss) in zip(lines, PAPER, strict=True):
        assert line.split()[0] == str(number) and f"{count}" in line and f"{loss:.5f}" in line and "0.10000" in line


def test_paper_true_alone_is_the_papers_training():
    experiment = experiment_of({"paper": True, "seed": 1}, "test")
    stage, sequence = experiment.fine_tune[0], experiment.sequence
    assert experiment.backbone == "resnext101_32x8d" and experiment.held_out_scans == 744
    assert (stage.real, stage.phantom, stage.epochs, stage.augmentation) == (32, 0, 3, "paper")
    assert stage.windows_first and stage.clip is None and not stage.averaged and stage.label_smoothing == 0
    assert stage.learning_rates[2] < stage.learning_rates[1] == stage.learning_rates[0] == 1e-5
    assert (experiment.selector.kind, experiment.selector.count, experiment.selector.fitted_on) == ("pca", 120, 30_000)
    assert (sequence.epochs, sequence.learning_rate, sequence.batch, sequence.partial) == (4, 3e-5, 1, False)
    assert (sequence.hidden, sequence.layers, sequence.predictions_at_head) == (256, 3, True)


def test_what_an_experiment_names_stands_beside_the_papers_values():
    plan = {"paper": True, "seed": 1, "fine_tune": {"steps": 9, "learning_rate": 0.1}, "selector": None, "held_out": 2}
    experiment = experiment_of(plan, "test")
    stage = experiment.fine_tune[0]
    assert (stage.steps, stage.epochs, stage.learning_rate, stage.learning_rates) == (9, 0, 0.1, ())
    assert stage.real == 32 and experiment.sequence is None and experiment.held_out_scans is None


def test_a_learning_rate_per_epoch_holds_for_its_epoch():
    stage = Stage(learning_rates=(0.1, 0.1, 0.01), epochs=3, real=4)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    schedule, seen = schedule_of(stage, optimiser, 9), []
    for _ in range(9):
        seen.append(round(schedule.get_last_lr()[0], 6))
        optimiser.step()
        schedule.step()
    assert seen == [0.1] * 6 + [0.01] * 3


def test_dropouts_and_width_are_those_of_the_published_code():
    net = SequenceNet(2048)
    assert net.lstm.dropout == 0.3 and net.dropout.p == 0.5 and net.lstm.bidirectional
    assert net.lstm.input_size == 120 + 6 and net.head.in_features == 2 * 256 + 6
