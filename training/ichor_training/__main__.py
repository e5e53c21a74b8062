"""python3 -m ichor_training <command>; `<command> --help` says more."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import commands
from .data.studies import SIDE
from .measure.pixels import FORMERLY

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ROOT / "training"
SHARED = Path(os.environ.get("ICHOR_SHARED_DATA", ROOT.parent / "shared" / "data"))
STUDIES = TRAINING / "runs" / "studies"
MOBILENET = SHARED / "imagenet-mobilenetv2" / "mobilenet_v2_1.0_imagenet_f32.pt"


def main(arguments: list[str] | None = None) -> int:
    """@returns the exit code; what is wrong with the input is told in one line"""
    chosen = parser().parse_args(arguments)
    try:
        chosen.action(chosen)
    except (FileNotFoundError, ValueError, commands.ExportRefused) as error:
        print(f"ichor_training: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="ichor_training", description=__doc__)
    add = top.add_subparsers(required=True, metavar="COMMAND").add_parser
    add_data(add)
    add_stages(add)
    add_folds(add)
    add_table2(add)
    add_build(add)
    add_domain(add)
    add_aberrant(add)
    add_pixels(add)
    return top


def add_data(add) -> None:
    for name, source, action, text in (
        ("import-ct-ich", "CT-ICH 1.0.0 as PhysioNet has it", commands.import_ct_ich, "ct-ich.npz"),
        ("import-rsna", "the RSNA 2019 challenge as Kaggle has it", commands.import_rsna, "rsna"),
        ("phantoms", "phantoms made by `ichor phantom`", commands.import_phantoms, "phantoms.npz"),
    ):
        one = add(name, help=f"{source} → studies")
        one.add_argument("folder", type=Path)
        one.add_argument(
            "--out",
            type=Path,
            default=STUDIES / text,
            help=f"a .npz or, for much data, a folder (default: training/runs/studies/{text})",
        )
        one.add_argument(
            "--side",
            type=int,
            default=None if name == "phantoms" else SIDE,
            help="rows and columns that slices are kept at; smaller saves disk and costs likeness to production "
            "(default: %(default)s; phantoms: their own)",
        )
        if name == "import-rsna":
            one.add_argument("--labels", type=Path, help="default: the stage_2_train.csv in the folder")
        one.set_defaults(action=action)


def add_stages(add) -> None:
    for name, action, text in (
        ("train-cnn", commands.train_cnn, "stage 1: the CNN on slices"),
        ("select-features", commands.select_features, "stage 2: what the sequence model sees of a slice"),
        ("train-sequence", commands.train_sequence, "stage 3: the bidirectional LSTM over a study"),
        ("export", commands.export, "the outcome as a bundle"),
        ("submission", commands.submission, "scores of the unlabelled series for the RSNA 2019 challenge"),
    ):
        one = add(name, help=text)
        add_experiment(one)
        if name == "export":
            add_precision(one)
            one.add_argument("--out", type=Path, required=True, help="folder of the bundle")
        if name == "submission":
            one.add_argument("--sample", type=Path, required=True, help="sample_submission.csv of the challenge")
            one.add_argument("--unlabelled", type=Path, help="default: the folder unlabelled in --data")
            one.add_argument("--out", type=Path, default=Path("submission.csv"), help="(default: %(default)s)")
        one.set_defaults(action=action)


def add_experiment(one: argparse.ArgumentParser) -> None:
    one.add_argument("experiment", type=Path, help="one of training/experiments")
    one.add_argument(
        "--data", type=Path, default=STUDIES / "ct-ich.npz", help="imported studies to train on (default: %(default)s)"
    )
    one.add_argument("--phantoms", type=Path, help="imported phantoms, where the experiment wants them")
    one.add_argument("--run", type=Path, help="where outcomes are kept (default: training/runs/<experiment>)")
    one.add_argument("--start", help="start weights instead of the experiment's: random, imagenet, or a file")
    one.set_defaults(mobilenet=MOBILENET, runs=TRAINING / "runs")


def add_precision(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--weights", choices=["fp32", "fp16"], default="fp32", help="fp16: half the file, computed with as float32"
    )
    one.add_argument("--quantise", choices=["int8"], help="static 8-bit convolutions, calibrated on slices of the data")
    one.add_argument("--limit", type=float, help="refuse when a probability differs more from PyTorch's")


def add_folds(add) -> None:
    dicom = add("fold-dicom", help="the held-out studies of a fold as DICOM with labels.csv")
    dicom.add_argument("--out", type=Path, required=True)
    dicom.set_defaults(action=commands.fold_dicom)
    bundle = add("export-fold", help="a fold's networks as a bundle, and PyTorch's figures on its held-out studies")
    bundle.add_argument("--cnn", type=Path, required=True, help="weights of the fold's CNN")
    bundle.add_argument("--sequence", type=Path, help="weights of its sequence model; without: the CNN alone")
    bundle.add_argument("--backbone", help="of weights that do not say it themselves (default: slim_resnext)")
    bundle.add_argument("--out", type=Path, required=True)
    bundle.set_defaults(action=commands.export_fold)
    for one in (dicom, bundle):
        one.add_argument("--fold", type=int, required=True)
        one.add_argument("--folds", type=int, default=5)
        one.add_argument("--seed", type=int, default=20260, help="of the split (default: %(default)s)")
        one.add_argument(
            "--data", type=Path, default=TRAINING / "runs" / "default" / "ct-ich.npz", help="(default: %(default)s)"
        )


def add_table2(add) -> None:
    one = add("table2", help="the paper's Table 2")
    what = one.add_mutually_exclusive_group(required=True)
    what.add_argument("--smoke", action="store_true", help="all rows, small, on phantoms")
    what.add_argument("--row", type=int, help="one row on RSNA data")
    one.add_argument("--rsna", type=Path, help="the Kaggle folder, or what import-rsna made of it")
    one.add_argument(
        "--phantoms", type=Path, help="imported phantoms for the smoke run (default: `ichor phantom` makes them)"
    )
    one.add_argument("--start", help="weakly supervised weights, as the paper started from: a file (docs/paper.md)")
    one.add_argument("--run", type=Path, help="where outcomes are kept (default: training/runs/table2 or table2-smoke)")
    one.add_argument(
        "--bundles", type=Path, help="write the bundle of every row that is run into a folder of its own here"
    )
    one.add_argument("--experiment", type=Path, default=TRAINING / "experiments" / "table2.yaml")
    one.set_defaults(action=commands.table2, runs=TRAINING / "runs", mobilenet=MOBILENET)


def add_build(add) -> None:
    build = add("build", help="train the default experiment with its cross-validation and write its bundle")
    build.add_argument("experiment", type=Path, nargs="?", default=TRAINING / "experiments" / "default.yaml")
    build.add_argument("--ct-ich", type=Path, default=SHARED / "ct-ich-1.0.0")
    build.add_argument(
        "--phantoms",
        type=Path,
        help="folder written by `ichor phantom --studies N --bleed random` (default: they are drawn)",
    )
    build.add_argument(
        "--unseen-phantoms",
        type=Path,
        help="more phantoms, of other seeds, to count what the finished bundle flags (default: they are drawn)",
    )
    build.add_argument(
        "--negative",
        type=Path,
        default=SHARED / "head-ct-ge",
        help="a real series without hemorrhage, for the same check",
    )
    build.add_argument("--runs", type=Path, default=TRAINING / "runs" / "default")
    build.add_argument(
        "--processes",
        type=int,
        help="networks trained beside each other, 1.5 GB of memory each (default: one for each core; one with CUDA)",
    )
    build.add_argument("--out", type=Path, default=ROOT / "models" / "default")
    build.add_argument("--version", default="0.5.0")
    build.add_argument(
        "--weights",
        choices=["fp32", "fp16"],
        default="fp32",
        help="fp16: half the files; an ensemble needs it to stay below 60 MB",
    )
    build.add_argument(
        "--figure",
        type=Path,
        default=ROOT / "docs" / "aberrant-slice.svg",
        help="of aberrant slices, measured with the unseen phantoms",
    )
    build.set_defaults(action=commands.build_bundle, mobilenet=MOBILENET)


def add_domain(add) -> None:
    one = add("add-domain", help="give a finished bundle its out-of-domain detector, and measure it")
    add_folds_of_bundle(one)
    one.add_argument(
        "--unseen",
        nargs="*",
        default=[],
        metavar="NAME=DIR",
        help="DICOM series of no training, to count who is refused; the name is for the table",
    )
    one.add_argument(
        "--run", type=Path, help="where each fold's distances are kept (default: the folder domain beside the networks)"
    )
    one.set_defaults(action=commands.add_domain)


def add_pixels(add) -> None:
    one = add("pixels", help="what the side that slices are kept at changes: a section of a bundle's model card")
    one.add_argument("bundle", type=Path)
    one.add_argument("--data", type=Path, default=STUDIES / "ct-ich.npz", help="studies as they are kept")
    one.add_argument("--other", type=int, default=FORMERLY, help="the side they are brought to (default: %(default)s)")
    one.set_defaults(action=commands.pixels)


def add_aberrant(add) -> None:
    one = add(
        "aberrant",
        help="what one aberrant slice does to a study without hemorrhage: figure, and a section of the model card",
    )
    add_folds_of_bundle(one)
    one.add_argument(
        "--unseen-phantoms",
        type=Path,
        required=True,
        help="phantoms that were not trained on, as `ichor phantom` writes them; those without a bleed are taken",
    )
    one.add_argument(
        "--run", type=Path, help="where each fold's scores are kept (default: the folder aberrant beside the networks)"
    )
    one.add_argument("--figure", type=Path, default=ROOT / "docs" / "aberrant-slice.svg")
    one.set_defaults(action=commands.aberrant)


def add_folds_of_bundle(one: argparse.ArgumentParser) -> None:
    """A finished bundle, its networks, those of its folds, and their data."""
    default = TRAINING / "runs" / "default"
    one.add_argument("bundle", type=Path)
    one.add_argument("--backbone", help="of weights that do not say it themselves (default: slim_resnext)")
    one.add_argument(
        "--cnn",
        type=Path,
        default=default / "final" / "cnn.pt",
        help="weights of the bundle's CNN (default: %(default)s)",
    )
    one.add_argument(
        "--sequence",
        type=Path,
        default=default / "final" / "sequence.pt",
        help="of its sequence model (default: %(default)s)",
    )
    one.add_argument(
        "--fold-cnn",
        default=str(default / "fold-{}" / "cnn.pt"),
        help="of the folds' CNNs; {} stands for the fold (default: %(default)s)",
    )
    one.add_argument(
        "--fold-sequence",
        default=str(default / "fold-{}" / "sequence.pt"),
        help="of the folds' sequence models (default: %(default)s)",
    )
    one.add_argument("--folds", type=int, default=5)
    one.add_argument("--seed", type=int, default=20260, help="of the split (default: %(default)s)")
    one.add_argument("--data", type=Path, default=default / "ct-ich.npz", help="(default: %(default)s)")
    one.add_argument("--phantoms", type=Path, default=default / "phantoms.npz", help="(default: %(default)s)")


if __name__ == "__main__":
    sys.exit(main())
