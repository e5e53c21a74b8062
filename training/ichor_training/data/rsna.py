"""The RSNA 2019 challenge in its Kaggle layout: a folder of DICOM instances and `stage_2_train.csv` (Flanders et al.
2020).

750,000 slices do not fit into memory, so three passes keep to the disk, and each goes on where it was stopped:
headers of all instances → `headers.csv`; series in spatial order → `hu.npy`, slice by slice; what came of it →
`slices.npz`.
An instance that cannot be read is left out and named with its reason in `errors.csv`; it never becomes an empty slice.
Series with slices that have no label, as the challenge's test set, are kept apart in `unlabelled/`, whole: nothing
trains on them, and a submission needs them.
"""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pydicom
from tqdm import tqdm

from .. import CLASSES
from .dicom_slices import dataset_hu, resized
from .studies import SIDE, Studies

HEADER = ["file", "sop", "series", "patient", "position"]
TAGS = ["SOPInstanceUID", "SeriesInstanceUID", "PatientID", "ImagePositionPatient", "ImageOrientationPatient"]
SERIES_PER_CHECKPOINT = 200
UNLABELLED = "unlabelled"


def import_rsna(folder: Path, out: Path, labels: Path | None = None, side: int = SIDE) -> Studies:
    """@param folder with `stage_2_train.csv` and, anywhere below, the instances
    @param out folder of the studies
    @raises FileNotFoundError without labels, ValueError when no instance is left
    """
    warnings.filterwarnings("ignore", "Invalid value for VR UI")  # the challenge's UIDs are of the form ID_0123456789ab
    out.mkdir(parents=True, exist_ok=True)
    truth = read_labels(labels or find_labels(folder))
    headers = read_headers(folder, out)
    labelled = [row for row in headers if row["sop"] in truth]
    series = in_order(labelled)
    if not series:
        raise ValueError(f"no labelled instance of {folder} can be read; see {out / 'errors.csv'}")
    write_slices(folder, out, series, side)
    studies = finish(out, series, truth)
    kept = keep_unlabelled(folder, out / UNLABELLED, headers, truth, side)
    print(counted(out, kept, studies), flush=True)
    return studies


def keep_unlabelled(folder: Path, out: Path, headers: list[dict[str, str]], truth: dict[str, int], side: int) -> int:
    """Series with a slice that has no label, whole; the labels of such slices are NaN.
    @returns the slices without a label that can be read
    """
    series = [slices for slices in in_order(headers) if any(row["sop"] not in truth for row in slices)]
    if not series:
        return 0
    out.mkdir(exist_ok=True)
    write_slices(folder, out, series, side)
    return int(np.isnan(finish(out, series, truth).labels[:, 0]).sum())


def counted(out: Path, unlabelled: int, studies: Studies) -> str:
    """What became of every instance, those whose pixels turned out to be damaged included."""
    broken = len({row["file"] for place in (out, out / UNLABELLED) for row in read_errors(place)})
    reasons = f" (reasons: {out / 'errors.csv'})" if broken else ""
    return (
        f"{len(studies.labels)} slices of {len(studies.ranges())} series; kept apart in {UNLABELLED}/: {unlabelled} "
        f"without a label; left out: {broken} that could not be read{reasons}"
    )


def find_labels(folder: Path) -> Path:
    found = sorted(folder.rglob("stage_2_train.csv")) or sorted(folder.rglob("stage_*_train.csv"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no stage_2_train.csv; name the file with --labels")
    return found[-1]


def read_labels(path: Path) -> dict[str, int]:
    """Instance → its six classes as bits. Rows are `ID_<instance>_<class>,<0 or 1>`; doubled rows occur and agree.
    @raises ValueError naming the row, or an instance that lacks a class
    """
    bits: dict[str, int] = {}
    seen: dict[str, int] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            instance, _, name = row["ID"].rpartition("_")
            if name not in CLASSES or row["Label"] not in ("0", "1"):
                raise ValueError(f"{path}: the row {row['ID']},{row['Label']} is not ID_<instance>_<class>,<0 or 1>")
            at = CLASSES.index(name)
            bits[instance] = bits.get(instance, 0) | int(row["Label"]) << at
            seen[instance] = seen.get(instance, 0) | 1 << at
    short = next((instance for instance, classes in seen.items() if classes != 63), None)
    if short is not None:
        raise ValueError(f"{path}: {short} has not all six classes")
    return bits


def read_headers(folder: Path, out: Path) -> list[dict[str, str]]:
    """Every readable header once; a scan that was stopped goes on with the files that it has not seen."""
    table = out / "headers.csv"
    known = [row for row in csv.DictReader(table.open(newline="")) if row["position"]] if table.exists() else []
    failed = {row["file"] for row in read_errors(out)}
    done = {row["file"] for row in known} | failed
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in (".dcm", ""))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(known)
        for path in tqdm(files, desc="RSNA headers", mininterval=5):
            name = str(path.relative_to(folder))
            if name in done:
                continue
            try:
                row = header_of(path, name)
            except Exception as error:  # whatever a damaged file makes pydicom raise is its reason
                add_error(out, name, error)
                continue
            writer.writerow(row)
            known.append(row)
    return known


def header_of(path: Path, name: str) -> dict[str, str]:
    """@raises Exception for what is no CT slice with a place in space"""
    header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
    orientation = np.array(header.ImageOrientationPatient, float)
    normal = np.cross(orientation[:3], orientation[3:])
    position = float(np.dot(normal, np.array(header.ImagePositionPatient, float)))
    if not np.isfinite(position):
        raise ValueError("its position is not a number")
    uids = {"sop": str(header.SOPInstanceUID), "series": str(header.SeriesInstanceUID)}
    return {"file": name, **uids, "patient": str(header.PatientID), "position": repr(position)}


def in_order(headers: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    """One list per series, series by their UID, slices by their place from the skull base up."""
    series: dict[str, list[dict[str, str]]] = {}
    for row in headers:
        series.setdefault(row["series"], []).append(row)
    return [sorted(series[uid], key=lambda row: (float(row["position"]), row["sop"])) for uid in sorted(series)]


def write_slices(folder: Path, out: Path, series: list[list[dict[str, str]]], side: int) -> None:
    """Fills `hu.npy` series by series; `written.json` says how far it came and which rows are there."""
    total = sum(len(slices) for slices in series)
    state_path, array_path = out / "written.json", out / "hu.npy"
    state = json.loads(state_path.read_text()) if state_path.exists() else {"series": 0, "files": []}
    begun = state["series"] > 0
    hu = np.lib.format.open_memmap(
        array_path, mode="r+" if begun else "w+", dtype=np.int16, shape=None if begun else (total, side, side)
    )
    if hu.shape != (total, side, side):
        raise ValueError(
            f"{array_path} was begun for {len(hu)} slices of {hu.shape[1]} × {hu.shape[1]}, now there are {total} of "
            f"{side} × {side}; remove {out} to begin again"
        )
    left = range(state["series"], len(series))
    for number in tqdm(left, desc="RSNA slices", initial=state["series"], total=len(series), mininterval=5):
        for row in series[number]:
            try:
                hu[len(state["files"])] = resized(dataset_hu(pydicom.dcmread(folder / row["file"])), side)
            except Exception as error:  # as above: named, and left out
                add_error(out, row["file"], error)
                continue
            state["files"].append(row["file"])
        state["series"] = number + 1
        if state["series"] % SERIES_PER_CHECKPOINT == 0 or state["series"] == len(series):
            hu.flush()
            keep(state_path, json.dumps(state))


def finish(out: Path, series: list[list[dict[str, str]]], truth: dict[str, int]) -> Studies:
    """`slices.npz`; NaN are the labels of slices that have none."""
    rows = {row["file"]: (number, row) for number, slices in enumerate(series) for row in slices}
    written = [rows[file] for file in json.loads((out / "written.json").read_text())["files"]]
    if not written:
        raise ValueError(f"no pixel data can be read; see {out / 'errors.csv'}")
    bits = np.array([truth.get(row["sop"], -1) for _, row in written])
    labels = (bits[:, None] >> np.arange(len(CLASSES)) & 1).astype(np.float32)
    labels[bits < 0] = np.nan
    np.savez(
        out / "slices.npz",
        labels=labels,
        instance=np.array([row["sop"] for _, row in written]),
        study=np.array([number for number, _ in written]),
        patient=np.array([f"rsna {row['patient']}" for _, row in written]),
        source="RSNA 2019",
    )
    return Studies.load(out)


def read_errors(out: Path) -> list[dict[str, str]]:
    """What could not be read: file and reason."""
    path = out / "errors.csv"
    return list(csv.DictReader(path.open(newline=""))) if path.exists() else []


def add_error(out: Path, name: str, error: Exception) -> None:
    path = out / "errors.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["file", "reason"])
        writer.writerow([name, f"{type(error).__name__}: {error}".replace("\n", " ")])


def keep(path: Path, text: str) -> None:
    """Whole or not at all."""
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    temporary.replace(path)
