"""Every row of the paper's Table 2: on RSNA data as the paper has it, or all rows small on phantoms. Rows share their
CNN."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ..bundle.experiment_export import export_experiment
from ..data.dicom_folders import import_phantoms
from ..data.phantoms import phantoms
from ..data.rsna import import_rsna
from ..data.studies import Studies
from ..models.networks import CnnAlone
from .configuration import Experiment, experiment_of, read_yaml
from .facts import Data
from .judged import judge, saved_outcome
from .pipeline import fit_sequence, saved_cnn, saved_sequence, train_cnn, training_scans


@dataclass(frozen=True)
class Row:
    number: int
    model: str
    cnn: str
    """Rows of the same CNN share it and its features."""
    paper: float | None
    """The paper's log loss on the challenge's private test set."""
    experiment: Experiment
    features: int
    """As the paper counts them; the predictions alone are six."""


def read_rows(path: Path, smoke: bool, start: str | None = None) -> list[Row]:
    """@param start start weights of every CNN, in the place of those that the file names"""
    plan = read_yaml(path)
    chosen = {**plan, **plan["smoke"]} if smoke else plan
    return [row_of(row, plan, chosen, start, str(path)) for row in plan["rows"]]


def row_of(row: dict, plan: dict, chosen: dict, start: str | None, where: str) -> Row:
    settings = {
        "paper": True,
        **{key: chosen[key] for key in ("seed", "folds", "held_out", "held_out_scans") if key in chosen},
        **chosen["cnns"][row["cnn"]],
        **({"start": start} if start else {}),
        "name": f"ichor-table2-row-{row['row']}",
        "selector": row["selector"],
        "sequence": {**chosen["sequence"], **row.get("sequence", {})} if row["selector"] else None,
    }
    experiment = experiment_of(settings, f"{where}, row {row['row']}")
    return Row(row["row"], row["model"], row["cnn"], row["paper"], experiment, row["features"])


def run_row(row: Row, studies: Studies, run: Path, mobilenet: Path) -> dict:
    """@returns the figures on the held-out patients @raises MadeOtherwise when the folder holds another's networks"""
    cnn_run, row_run = run / "cnns" / row.cnn, run / f"row-{row.number:02d}"
    data = Data(row.experiment, studies, None)
    cnn = train_cnn(row.experiment, data, cnn_run, mobilenet)
    if row.experiment.selector is None:
        sequence = CnnAlone()
    else:
        scans = training_scans(row.experiment, cnn, data, cnn_run)
        sequence = fit_sequence(row.experiment, cnn, scans, data, row_run)
    return judge(row.experiment, cnn, sequence, data, cnn_run / "features", row_run)


def export_row(row: Row, studies: Studies, run: Path, out: Path) -> None:
    """The bundle of a row that has run."""
    row_run, data = run / f"row-{row.number:02d}", Data(row.experiment, studies, None)
    cnn = saved_cnn(row.experiment, data, run / "cnns" / row.cnn)
    sequence = saved_sequence(row.experiment, cnn, data, row_run / "sequence.pt")
    outcome = saved_outcome(row.experiment, cnn, data, row_run)
    export_experiment(row.experiment, cnn.net, sequence, out, trained_on=[data.train], outcome=outcome)


COLUMNS = [("row", 3), ("model", 46), ("features", 8), ("paper's loss", 12), ("our loss", 9), ("slice AUC", 9)]
COLUMNS += [("patient AUC", 11)]


def table(rows: list[Row], figures: list[dict]) -> str:
    """As printed: the paper's log loss beside ours."""
    head = padded([name for name, _ in COLUMNS])
    return "\n".join([head, "-" * len(head), *(line(row, one) for row, one in zip(rows, figures, strict=True))])


def line(row: Row, figures: dict) -> str:
    ours = figures["sequence"]
    aucs = ["–" if ours[key] is None else f"{ours[key]:.4f}" for key in ("anySliceAuc", "anyPatientAuc")]
    losses = ["–" if row.paper is None else f"{row.paper:.5f}", f"{ours['challengeLogLoss']:.5f}"]
    return padded([str(row.number), row.model, str(row.features), *losses, *aucs])


def padded(cells: list[str]) -> str:
    return "  ".join(
        cell.ljust(width) if name == "model" else cell.rjust(width)
        for cell, (name, width) in zip(cells, COLUMNS, strict=True)
    )


def rsna_studies(folder: Path, run: Path) -> Studies:
    """Imported studies, or the Kaggle layout, which is imported first."""
    return Studies.load(folder) if (folder / "slices.npz").exists() else import_rsna(folder, run / "rsna")


def smoke_phantoms(path: Path, run: Path) -> Studies:
    """Phantoms made by `ichor phantom` of this repository, half of them with a bleed.
    @raises FileNotFoundError when the repository's packages are not installed
    """
    kept, made = run / "phantoms.npz", run / "dicom"
    if not kept.exists():
        size = read_yaml(path)["smoke"]["phantoms"]
        half, slices, matrix = size["studies"] // 2, size["slices"], size["matrix"]
        phantoms(made / "bleed", half, 8_100_001, slices, matrix, "--bleed", "random")
        phantoms(made / "none", size["studies"] - half, 8_200_001, slices, matrix, "--confounders", "random")
        import_phantoms(made).save(kept)
        shutil.rmtree(made)
    return Studies.load(kept)
