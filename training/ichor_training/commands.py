"""What the commands do; `__main__.py` says what they are called and take."""
from __future__ import annotations

import json
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch

from . import ct_ich, dicom_folders, pipeline, rsna
from . import table2 as rows_of_table2
from .experiment import Experiment, experiment_of, read_experiment
from .experiment_export import export_experiment
from .export import ExportRefused
from .fold_dicom import uid, write_fold
from .metrics import sigmoid
from .models import CnnAlone, SequenceNet, SliceNet
from .precision import Precision
from .studies import Studies, held_out
from .train_cnn import run
from .train_sequence import run_sequence

__all__ = ["ExportRefused"]


def import_ct_ich(arguments: Namespace) -> None:
    told(ct_ich.import_ct_ich(arguments.folder), arguments.out).save(arguments.out)


def import_phantoms(arguments: Namespace) -> None:
    told(dicom_folders.import_phantoms(arguments.folder), arguments.out).save(arguments.out)


def import_rsna(arguments: Namespace) -> None:
    told(rsna.import_rsna(arguments.folder, arguments.out, arguments.labels), arguments.out)


def told(studies: Studies, out: Path) -> Studies:
    positive = int(studies.labels[:, -1].sum())
    print(f"{out}: {len(np.unique(studies.patient))} patients, {len(studies.ranges())} studies, {len(studies.labels)} slices, {positive} with hemorrhage")
    return studies


def opened(arguments: Namespace) -> tuple[Experiment, pipeline.Data, Path]:
    """The experiment, its data, its run folder."""
    changed = {"start": arguments.start} if arguments.start else {}
    experiment = read_experiment(arguments.experiment, **changed)
    phantoms = Studies.load(arguments.phantoms) if arguments.phantoms else None
    if phantoms is None and any(stage.phantom for stage, _ in experiment.stages()):
        raise ValueError(f"{arguments.experiment} trains on phantoms too: name imported ones with --phantoms")
    return experiment, pipeline.Data(experiment, Studies.load(arguments.data), phantoms), arguments.run or arguments.runs / arguments.experiment.stem


def train_cnn(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    cnn = pipeline.train_cnn(experiment, data, folder, arguments.mobilenet)
    print(json.dumps(pipeline.judge(experiment, cnn, CnnAlone(), data, folder / "features", folder / "cnn-alone"), indent=2))


def select_features(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    if experiment.selector is None:
        raise ValueError(f"{arguments.experiment} has no selector: it is the CNN alone")
    cnn = pipeline.saved_cnn(experiment, folder)
    centre, projection = pipeline.select_features(experiment, cnn, pipeline.training_scans(experiment, cnn, data, folder), folder)
    print(f"{folder / 'selector.npz'}: {experiment.selector.kind}, {projection.shape[1]} of {len(centre)} features")


def train_sequence(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    if experiment.selector is None or experiment.sequence is None:
        raise ValueError(f"{arguments.experiment} has no sequence model")
    cnn = pipeline.saved_cnn(experiment, folder)
    sequence = pipeline.fit_sequence(experiment, cnn, pipeline.training_scans(experiment, cnn, data, folder), folder)
    print(json.dumps(pipeline.judge(experiment, cnn, sequence, data, folder / "features", folder), indent=2))


def export(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    cnn = pipeline.saved_cnn(experiment, folder)
    sequence = pipeline.saved_sequence(experiment, cnn, folder / "sequence.pt")
    pipeline.judge(experiment, cnn, sequence, data, folder / "features", folder)
    export_experiment(
        experiment, cnn, sequence, arguments.out, trained_on=[data.train] + ([data.phantoms] if data.phantoms is not None else []),
        outcome=outcome_of(folder), precision=Precision(arguments.weights, arguments.quantise == "int8"), limit=arguments.limit,
    )


def outcome_of(folder: Path) -> dict[str, np.ndarray] | None:
    path = folder / "held-out.npz"
    if not path.exists():
        return None
    with np.load(path) as stored:
        return {key: stored[key] for key in stored.files}


def fold_dicom(arguments: Namespace) -> None:
    print(write_fold(fold_of(arguments), arguments.out))


def fold_of(arguments: Namespace, held: bool = True) -> Studies:
    """The held-out studies of the fold, or the others."""
    studies = Studies.load(arguments.data)
    chosen = held_out(studies, arguments.folds, arguments.fold, arguments.seed)
    return studies.where(chosen if held else ~chosen)


def export_fold(arguments: Namespace) -> None:
    """The bundle, and beside it `fold.json` and `predictions.csv`: what PyTorch says of the held-out studies."""
    cnn = SliceNet(arguments.backbone).eval()
    cnn.load_state_dict(torch.load(arguments.cnn, map_location="cpu", weights_only=True))
    sequence = sequence_of(arguments.sequence, cnn)
    selector = None if arguments.sequence is None else {"kind": "pca", "count": sequence.selected}
    experiment = fold_experiment(arguments, selector)
    outcome = fold_logits(cnn, sequence, fold_of(arguments))
    export_experiment(experiment, cnn, sequence, arguments.out, trained_on=[fold_of(arguments, held=False)], outcome=None)
    figures = {name: pipeline.figures_of(outcome["labels"], outcome[name], outcome["patient"]) for name in ("cnn", "sequence")}
    beside = arguments.out.with_name(f"{arguments.out.name}-pytorch.json")
    beside.write_text(json.dumps(figures | {"slices": predictions(outcome)}, indent=1) + "\n")
    print(json.dumps(figures, indent=2), f"\nprobabilities by SOP Instance UID: {beside}")


def sequence_of(path: Path | None, cnn: SliceNet) -> SequenceNet | CnnAlone:
    if path is None:
        return CnnAlone()
    state = torch.load(path, map_location="cpu", weights_only=True)
    layers = sum(key.startswith("lstm.weight_ih") and not key.endswith("reverse") for key in state)
    hidden = state["lstm.weight_hh_l0"].shape[1]
    net = SequenceNet(cnn.backbone.features, state["projection"].shape[1], hidden, layers, state["head.weight"].shape[1] > 2 * hidden)
    net.load_state_dict(state)
    return net.eval()


def fold_experiment(arguments: Namespace, selector: dict | None) -> Experiment:
    plan = {"name": f"ichor-fold-{arguments.fold}", "backbone": arguments.backbone, "seed": arguments.seed, "selector": selector}
    return experiment_of({**plan, "folds": arguments.folds, "held_out": arguments.fold}, "export-fold")


def fold_logits(cnn: SliceNet, sequence: SequenceNet | CnnAlone, test: Studies) -> dict[str, np.ndarray]:
    features, logits = run(cnn, test.hu)
    joint = np.concatenate([run_sequence(sequence, features[rows], logits[rows]) for rows in test.ranges()])
    uids = [uid(test.patient[row], int(test.study[row]), number) for rows in test.ranges() for number, row in enumerate(rows)]
    return {"cnn": logits, "sequence": joint, "labels": test.labels, "patient": test.patient, "uid": np.array(uids)}


def predictions(outcome: dict[str, np.ndarray]) -> list[dict]:
    rounded = lambda logits: [round(float(value), 6) for value in sigmoid(logits)]
    return [
        {"sopInstanceUid": str(one), "cnn": rounded(cnn), "sequence": rounded(joint)}
        for one, cnn, joint in zip(outcome["uid"], outcome["cnn"], outcome["sequence"])
    ]


def table2(arguments: Namespace) -> None:
    began = time.monotonic()
    folder = arguments.run or arguments.runs / ("table2-smoke" if arguments.smoke else "table2")
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows_of_table2.read_rows(arguments.experiment, arguments.smoke, arguments.start)
    if arguments.smoke:
        studies = Studies.load(arguments.phantoms) if arguments.phantoms else rows_of_table2.smoke_phantoms(arguments.experiment, arguments.root, folder)
    else:
        rows = [row for row in rows if row.number == arguments.row]
        if not rows or arguments.rsna is None:
            raise ValueError("table2 --row takes a row from 1 to 12 and --rsna DIR")
        studies = rows_of_table2.rsna_studies(arguments.rsna, folder)
    figures = [rows_of_table2.run_row(row, studies, folder, arguments.mobilenet) for row in rows]
    held = f"{figures[0]['patients']} held-out patients of {studies.source}, {figures[0]['slices']} slices"
    print(f"\n{rows_of_table2.table(rows, figures)}\n\nOurs: {held}; the paper's: the challenge's private test set. {(time.monotonic() - began) / 60:.1f} minutes.")


def build_bundle(arguments: Namespace) -> None:
    from .build_default import build
    from .export import write_bundle
    from .sanity import sanity

    cnn, sequence, report = build(arguments.experiment, arguments.ct_ich, arguments.phantoms, arguments.runs)
    if arguments.unseen_phantoms is not None:
        report["sanity"] = sanity(cnn, sequence, report, arguments.unseen_phantoms, arguments.negative)
    write_bundle(arguments.out, arguments.version, cnn, sequence, report)
