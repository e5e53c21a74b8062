"""What the commands do; `__main__.py` says what they are called and take."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from pathlib import Path

import numpy as np

from .bundle.experiment_export import export_experiment
from .bundle.export import ExportRefused
from .bundle.precision import Precision
from .data import ct_ich, dicom_folders, rsna
from .data.fold_dicom import write_fold
from .data.studies import Studies, held_out
from .models.networks import CnnAlone
from .stages import pipeline
from .stages.experiment import Experiment, read_experiment
from .stages.fold_networks import experiment_of_networks, load_networks, predict, probabilities
from .stages.table2 import export_row, read_rows, rsna_studies, run_row, smoke_phantoms, table

__all__ = ["ExportRefused"]

PHANTOMS_FOR_DOMAIN = 120
"""More would only cost memory."""
PHANTOMS_FOR_ABERRANT = 60


def import_ct_ich(arguments: Namespace) -> None:
    told(ct_ich.import_ct_ich(arguments.folder), arguments.out).save(arguments.out)


def import_phantoms(arguments: Namespace) -> None:
    told(dicom_folders.import_phantoms(arguments.folder), arguments.out).save(arguments.out)


def import_rsna(arguments: Namespace) -> None:
    told(rsna.import_rsna(arguments.folder, arguments.out, arguments.labels), arguments.out)


def told(studies: Studies, out: Path) -> Studies:
    patients, positive = len(np.unique(studies.patient)), int(studies.labels[:, -1].sum())
    print(
        f"{out}: {patients} patients, {len(studies.ranges())} studies, {len(studies.labels)} slices, {positive} with hemorrhage"
    )
    return studies


def opened(arguments: Namespace) -> tuple[Experiment, pipeline.Data, Path]:
    """The experiment, its data, its run folder."""
    changed = {"start": arguments.start} if arguments.start else {}
    experiment = read_experiment(arguments.experiment, **changed)
    phantoms = Studies.load(arguments.phantoms) if arguments.phantoms else None
    if phantoms is None and any(stage.phantom for stage, _ in experiment.stages()):
        raise ValueError(f"{arguments.experiment} trains on phantoms too: name imported ones with --phantoms")
    return (
        experiment,
        pipeline.Data(experiment, Studies.load(arguments.data), phantoms),
        arguments.run or arguments.runs / arguments.experiment.stem,
    )


def train_cnn(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    cnn = pipeline.train_cnn(experiment, data, folder, arguments.mobilenet)
    print(
        json.dumps(
            pipeline.judge(experiment, cnn, CnnAlone(), data, folder / "features", folder / "cnn-alone"), indent=2
        )
    )


def select_features(arguments: Namespace) -> None:
    experiment, data, folder = opened(arguments)
    if experiment.selector is None:
        raise ValueError(f"{arguments.experiment} has no selector: it is the CNN alone")
    cnn = pipeline.saved_cnn(experiment, folder)
    centre, projection = pipeline.select_features(
        experiment, cnn, pipeline.training_scans(experiment, cnn, data, folder), folder
    )
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
        experiment,
        cnn,
        sequence,
        arguments.out,
        trained_on=[data.train] + ([data.phantoms] if data.phantoms is not None else []),
        outcome=pipeline.saved_outcome(folder),
        precision=Precision(arguments.weights, arguments.quantise == "int8"),
        limit=arguments.limit,
    )


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
    outcome = predict(cnn, sequence, held)
    experiment = experiment_of_networks(f"ichor-fold-{arguments.fold}", arguments.backbone, arguments.seed, sequence)
    export_experiment(experiment, cnn, sequence, arguments.out, trained_on=[others], outcome=None)
    beside = arguments.out.with_name(f"{arguments.out.name}-pytorch.json")
    figures = {
        name: pipeline.figures_of(outcome["labels"], outcome[name], outcome["patient"]) for name in ("cnn", "sequence")
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
    studies = studies_of_table2(arguments, folder)
    if not rows:
        raise ValueError(f"{arguments.experiment} has no row {arguments.row}")
    figures = [run_row(row, studies, folder, arguments.mobilenet) for row in rows]
    if arguments.bundles is not None:
        for row in rows:
            export_row(row, studies, folder, arguments.bundles / f"row-{row.number:02d}")
    ours = f"{figures[0]['patients']} held-out patients of {studies.source}, {figures[0]['slices']} slices"
    minutes = (time.monotonic() - began) / 60
    print(
        f"\n{table(rows, figures)}\n\nOurs: {ours}; the paper's: the challenge's private test set. {minutes:.1f} minutes."
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
    of_fold = lambda what: str(runs / "fold-{}" / f"{what}.pt")
    common = Namespace(
        bundle=arguments.out,
        backbone=plan["backbone"],
        cnn=runs / "final" / "cnn.pt",
        fold_cnn=of_fold("cnn"),
        fold_sequence=of_fold("sequence"),
        folds=len(plan["folds"]),
        seed=plan["seed"],
        data=runs / "ct-ich.npz",
        phantoms=runs / "phantoms.npz",
        run=None,
    )
    unseen = [f"real head, another scanner (dcm_qa_ct, GE)={arguments.negative}", f"phantoms, other seeds={never_seen}"]
    add_domain(Namespace(**vars(common), unseen=unseen))
    aberrant(Namespace(**vars(common), unseen_phantoms=never_seen, figure=arguments.figure))


def add_domain(arguments: Namespace) -> None:
    from .bundle import domain_bundle
    from .measure import domain_check

    real, phantoms = Studies.load(arguments.data), Studies.load(arguments.phantoms).first(PHANTOMS_FOR_DOMAIN)
    network = lambda path: load_networks(arguments.backbone, Path(path), None)[0]
    folder = arguments.run or arguments.cnn.parent / "domain"
    measured = [
        domain_check.kept_fold(
            folder / f"fold-{fold}.json",
            lambda: domain_check.measure_fold(
                network(arguments.fold_cnn.format(fold)), real, phantoms, arguments.folds, fold, arguments.seed
            ),
        )
        for fold in range(arguments.folds)
    ]
    cnn = network(arguments.cnn)
    domain = domain_check.fit(cnn, real, phantoms, arguments.seed)
    unseen = {name: Path(folder) for name, _, folder in (one.partition("=") for one in arguments.unseen)}
    print(
        domain_bundle.section(
            domain_bundle.add_domain(arguments.bundle, domain, domain_check.judged(measured), cnn, unseen)
        )
    )


def negative(studies: Studies) -> Studies:
    return studies.where(np.isin(studies.study, np.unique(studies.study[studies.labels[:, -1] > 0]), invert=True))


def aberrant(arguments: Namespace) -> None:
    from .bundle.bundle_sections import read_manifest, set_section, write_manifest
    from .measure import aberrant_figure
    from .measure.aberrant import judged, kept_fold, measure_fold

    real, phantoms = Studies.load(arguments.data), negative(dicom_folders.import_phantoms(arguments.unseen_phantoms))

    def measure(fold: int) -> dict[str, list]:
        networks = load_networks(
            arguments.backbone, Path(arguments.fold_cnn.format(fold)), Path(arguments.fold_sequence.format(fold))
        )
        every = np.unique(phantoms.study)[:PHANTOMS_FOR_ABERRANT]
        return measure_fold(
            *networks,
            real.where(held_out(real, arguments.folds, fold, arguments.seed)),
            phantoms.where(np.isin(phantoms.study, every[fold :: arguments.folds])),
        )

    folder = arguments.run or arguments.cnn.parent / "aberrant"
    measured = [kept_fold(folder / f"fold-{fold}.json", lambda: measure(fold)) for fold in range(arguments.folds)]
    manifest = read_manifest(arguments.bundle)
    threshold = manifest["thresholds"]["sets"]["balanced"]["any"]
    manifest["metrics"]["aberrantSlice"] = judged(measured, manifest["calibration"]["temperature"][-1], threshold)
    set_section(arguments.bundle, aberrant_figure.TITLE, aberrant_figure.section(manifest["metrics"]["aberrantSlice"]))
    write_manifest(arguments.bundle, manifest)
    arguments.figure.write_text(
        aberrant_figure.svg(manifest["metrics"]["aberrantSlice"], f"{manifest['name']} {manifest['version']}")
    )
    print(aberrant_figure.section(manifest["metrics"]["aberrantSlice"]), f"\n{arguments.figure}")
