"""What the commands do; `__main__.py` says what they are called and take."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from .bundle import finished as finished_bundle
from .bundle.experiment_export import export_experiment
from .bundle.export import ExportRefused
from .bundle.finished import FinishedBundle
from .bundle.pixels_bundle import add_pixels
from .bundle.precision import Precision
from .data import ct_ich, dicom_folders, rsna
from .data.fold_dicom import write_fold
from .data.studies import Studies, held_out
from .models.networks import CnnAlone
from .stages import facts, judged, pipeline, trained
from .stages.checks import check
from .stages.configuration import Experiment, read_experiment
from .stages.fold_networks import experiment_of_networks, load_networks, predict, probabilities, refuse_known
from .stages.submission import instance_scores, write_submission
from .stages.table2 import export_row, read_rows, rsna_studies, run_row, smoke_phantoms, table

__all__ = ["ExportRefused"]


def import_ct_ich(arguments: Namespace) -> None:
    told(ct_ich.import_ct_ich(arguments.folder, arguments.side), arguments.out).save(arguments.out)


def import_phantoms(arguments: Namespace) -> None:
    told(dicom_folders.import_phantoms(arguments.folder, arguments.side), arguments.out).save(arguments.out)


def import_rsna(arguments: Namespace) -> None:
    told(rsna.import_rsna(arguments.folder, arguments.out, arguments.labels, arguments.side), arguments.out)


def told(studies: Studies, out: Path) -> Studies:
    patients, positive = len(np.unique(studies.patient)), int(studies.labels[:, -1].sum())
    print(
        f"{out}: {patients} patients, {len(studies.ranges())} studies, {len(studies.labels)} slices, "
        f"{positive} with hemorrhage"
    )
    return studies


def opened(arguments: Namespace) -> tuple[Experiment, facts.Data, Path]:
    """The experiment, its data, its run folder."""
    changed = {"start": arguments.start} if arguments.start else {}
    experiment = read_experiment(arguments.experiment, **changed)
    phantoms = Studies.load(arguments.phantoms) if arguments.phantoms else None
    real = Studies.load(arguments.data)
    check(experiment, str(arguments.experiment), real, phantoms, arguments.mobilenet)
    folder = arguments.run or arguments.runs / arguments.experiment.stem
    return experiment, facts.Data(experiment, real, phantoms), folder


def train_cnn(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    cnn = pipeline.train_cnn(experiment, data, folder, arguments.mobilenet)
    alone = replace(experiment, selector=None, sequence=None)
    figures = judged.judge(alone, cnn, CnnAlone(), data, folder / "features", folder / "cnn-alone")
    print(json.dumps(figures, indent=2))


def select_features(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    if experiment.selector is None:
        raise ValueError(f"{arguments.experiment} has no selector: it is the CNN alone")
    cnn = pipeline.saved_cnn(experiment, data, folder)
    scans = pipeline.training_scans(experiment, cnn, data, folder)
    centre, projection = pipeline.select_features(experiment, cnn, scans, data, folder)
    print(f"{folder / 'selector.npz'}: {experiment.selector.kind}, {projection.shape[1]} of {len(centre)} features")


def train_sequence(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    if experiment.selector is None or experiment.sequence is None:
        raise ValueError(f"{arguments.experiment} has no sequence model")
    cnn = pipeline.saved_cnn(experiment, data, folder)
    scans = pipeline.training_scans(experiment, cnn, data, folder)
    sequence = pipeline.fit_sequence(experiment, cnn, scans, data, folder)
    print(json.dumps(judged.judge(experiment, cnn, sequence, data, folder / "features", folder), indent=2))


def export(arguments: Namespace) -> None:
    """The bundle says what the weights say of themselves; of the experiment's file only name and version."""
    file = read_experiment(arguments.experiment)
    folder = arguments.run or arguments.runs / arguments.experiment.stem
    phantoms = Studies.load(arguments.phantoms) if arguments.phantoms else None
    found = trained.read_run(folder, Studies.load(arguments.data), phantoms, file)
    judged.judge(found.experiment, found.cnn, found.sequence, found.data, folder / "features", folder)
    export_experiment(
        found.experiment,
        found.cnn.net,
        found.sequence,
        arguments.out,
        trained_on=[found.data.train] + ([phantoms] if phantoms is not None else []),
        outcome=judged.saved_outcome(found.experiment, found.cnn, found.data, folder),
        precision=Precision(arguments.weights, arguments.quantise == "int8"),
        limit=arguments.limit,
    )
    if len(found.data.test.labels):
        print(add_pixels(arguments.out, found.data.test))


def pixels(arguments: Namespace) -> None:
    print(add_pixels(arguments.bundle, Studies.load(arguments.data), arguments.other))


def submission(arguments: Namespace) -> None:
    """Of the run that the experiment names, on the series that import-rsna kept without labels."""
    file = read_experiment(arguments.experiment)
    folder = arguments.run or arguments.runs / arguments.experiment.stem
    phantoms = Studies.load(arguments.phantoms) if arguments.phantoms else None
    found = trained.read_run(folder, Studies.load(arguments.data), phantoms, file)
    scores = instance_scores(found.cnn.net, found.sequence, arguments.unlabelled or arguments.data / rsna.UNLABELLED)
    scored, left = write_submission(scores, arguments.sample, arguments.out)
    print(f"{arguments.out}: {scored} rows scored; {left} keep the value of the sample, which is no prediction")


def fold_dicom(arguments: Namespace) -> None:
    held, _ = fold_of(arguments)
    print(write_fold(held, arguments.out))


def fold_of(arguments: Namespace) -> tuple[Studies, Studies]:
    """The held-out studies of the fold, and the others."""
    studies = Studies.load(arguments.data)
    held = held_out(studies, arguments.folds, arguments.fold, arguments.seed)
    return studies.where(held), studies.where(~held)


def export_fold(arguments: Namespace) -> None:
    cnn, sequence = load_networks(arguments.backbone, arguments.cnn, arguments.sequence)
    held, others = fold_of(arguments)
    paths = [arguments.cnn, arguments.sequence]
    refuse_known(held, *paths)
    outcome = predict(cnn, sequence, held)
    name = f"ichor-fold-{arguments.fold}"
    experiment = experiment_of_networks(name, arguments.backbone, sequence, paths, arguments.seed)
    export_experiment(experiment, cnn, sequence, arguments.out, trained_on=[others], outcome=None)
    beside = arguments.out.with_name(f"{arguments.out.name}-pytorch.json")
    figures = {
        name: judged.figures_of(outcome["labels"], outcome[name], outcome["patient"]) for name in ("cnn", "sequence")
    }
    beside.write_text(json.dumps(figures | {"slices": probabilities(outcome)}, indent=1) + "\n")
    print(json.dumps(figures, indent=2), f"\nprobabilities by SOP Instance UID: {beside}")


def table2(arguments: Namespace) -> None:
    began = time.monotonic()
    folder = arguments.run or arguments.runs / ("table2-smoke" if arguments.smoke else "table2")
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        row
        for row in read_rows(arguments.experiment, arguments.smoke, arguments.start)
        if arguments.smoke or row.number == arguments.row
    ]
    if not rows:
        raise ValueError(f"{arguments.experiment} has no row {arguments.row}")
    studies = studies_of_table2(arguments, folder)
    for row in rows:
        check(row.experiment, f"{arguments.experiment}, row {row.number}", studies, None, arguments.mobilenet)
    figures = [run_row(row, studies, folder, arguments.mobilenet) for row in rows]
    if arguments.bundles is not None:
        for row in rows:
            export_row(row, studies, folder, arguments.bundles / f"row-{row.number:02d}")
    ours = f"{figures[0]['patients']} held-out patients of {studies.source}, {figures[0]['slices']} slices"
    minutes = (time.monotonic() - began) / 60
    print(
        f"\n{table(rows, figures)}\n\nOurs: {ours}; the paper's: the challenge's private test set. "
        f"{minutes:.1f} minutes."
    )


def studies_of_table2(arguments: Namespace, folder: Path) -> Studies:
    if arguments.smoke:
        return Studies.load(arguments.phantoms) if arguments.phantoms else smoke_phantoms(arguments.experiment, folder)
    if arguments.rsna is None:
        raise ValueError("table2 --row wants RSNA data: --rsna DIR")
    return rsna_studies(arguments.rsna, folder)


def build_bundle(arguments: Namespace) -> None:
    from .bundle.export import write_bundle
    from .data.phantoms import for_training, unseen
    from .measure.sanity import sanity
    from .stages.build_default import build
    from .stages.side_by_side import default_processes

    runs, processes = arguments.runs, arguments.processes or default_processes()
    learned, never_seen = arguments.phantoms or for_training(runs), arguments.unseen_phantoms or unseen(runs)
    cnn, sequence, report = build(arguments.experiment, arguments.ct_ich, learned, runs, arguments.mobilenet, processes)
    report["sanity"] = sanity(cnn, sequence, report, never_seen, arguments.negative)
    write_bundle(arguments.out, arguments.version, cnn, sequence, report, precision=Precision(arguments.weights))
    complete(arguments, report["experiment"], never_seen)


def complete(arguments: Namespace, plan: dict, never_seen: Path) -> None:
    """Detector and aberrant slices, from the networks of the folds that the build has left."""
    runs = arguments.runs
    finished = FinishedBundle(
        bundle=arguments.out,
        backbone=plan["backbone"],
        cnn=runs / "final" / "cnn.pt",
        fold_cnn=str(runs / "fold-{}" / "cnn.pt"),
        fold_sequence=str(runs / "fold-{}" / "sequence.pt"),
        folds=len(plan["folds"]),
        seed=plan["seed"],
        data=runs / "ct-ich.npz",
        phantoms=runs / "phantoms.npz",
    )
    unseen = {"real head, another scanner (dcm_qa_ct, GE)": arguments.negative, "phantoms, other seeds": never_seen}
    print(add_pixels(arguments.out, Studies.load(finished.data)))
    print(finished_bundle.add_domain(finished, unseen))
    print(finished_bundle.add_aberrant(finished, never_seen, arguments.figure), f"\n{arguments.figure}")


def finished_of(arguments: Namespace) -> FinishedBundle:
    return FinishedBundle(**{one.name: getattr(arguments, one.name) for one in fields(FinishedBundle)})


def add_domain(arguments: Namespace) -> None:
    named = (one.partition("=") for one in arguments.unseen)
    print(finished_bundle.add_domain(finished_of(arguments), {name: Path(folder) for name, _, folder in named}))


def aberrant(arguments: Namespace) -> None:
    section = finished_bundle.add_aberrant(finished_of(arguments), arguments.unseen_phantoms, arguments.figure)
    print(section, f"\n{arguments.figure}")
