"""Phantoms in the layout of the RSNA 2019 challenge: its folders and tables, and files with exactly its 22 attributes.

The challenge's files say nothing of SOP Class, body part, image type, kernel, thickness or frame of reference; their
UIDs are of the form ID_0123456789; windows are sometimes doubled; pixels come signed in 16 bits, or unsigned in 12,
some of those wrapped.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ichor_training import CLASSES
from ichor_training.data.dicom_slices import dataset_hu

KEYWORDS = [
    *["SOPInstanceUID", "Modality", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "StudyID"],
    *["ImagePositionPatient", "ImageOrientationPatient", "SamplesPerPixel", "PhotometricInterpretation", "Rows"],
    *["Columns", "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "WindowCenter"],
    *["WindowWidth", "RescaleIntercept", "RescaleSlope", "PixelData"],
]


def ids(kind: str, name: str, length: int) -> str:
    return f"ID_{hashlib.sha256(f'{kind} {name}'.encode()).hexdigest()[:length]}"


def signed_16(hu: np.ndarray) -> dict:
    """Outside the circle of reconstruction −2000 is stored, without saying so."""
    rows, columns = np.mgrid[-1 : 1 : hu.shape[0] * 1j, -1 : 1 : hu.shape[1] * 1j]
    stored = np.where(np.hypot(rows, columns) > 1, -2000, hu.astype(np.int32) + 1024)
    return {"BitsStored": 16, "PixelRepresentation": 1, "RescaleIntercept": "-1024.000000"} | pixels(stored, "<i2")


def unsigned_12(hu: np.ndarray) -> dict:
    stored = np.clip(hu.astype(np.int32) + 1024, 0, 4095)
    return {"BitsStored": 12, "PixelRepresentation": 0, "RescaleIntercept": "-1024.000000"} | pixels(stored, "<u2")


def wrapped_12(hu: np.ndarray) -> dict:
    """The known defect: what is below 0 wrapped, and the intercept says nothing."""
    stored = hu.astype(np.int32) % 4096
    return {"BitsStored": 12, "PixelRepresentation": 0, "RescaleIntercept": "0.000000"} | pixels(stored, "<u2")


def pixels(stored: np.ndarray, form: str) -> dict:
    return {"PixelData": stored.astype(form).tobytes()}


ENCODINGS = [signed_16, unsigned_12, wrapped_12]


def write_kaggle(phantoms: Path, out: Path, test: int) -> Path:
    """@param phantoms as `ichor phantom` wrote them @param test so many of them, the last, are the unlabelled test set
    @returns `out`: stage_2_train/, stage_2_test/, stage_2_train.csv, stage_2_sample_submission.csv
    """
    tables = sorted(phantoms.rglob("labels.csv"))
    rows: dict[str, list[tuple[str, float]]] = {"stage_2_train": [], "stage_2_test": []}
    for number, table in enumerate(tables):
        part = "stage_2_test" if number >= len(tables) - test else "stage_2_train"
        (out / part).mkdir(parents=True, exist_ok=True)
        for row in csv.DictReader(table.open()):
            name = ids("instance", row["sopInstanceUid"], 9)
            write_instance(table.parent / row["file"], out / part / f"{name}.dcm", name, ENCODINGS[number % 3])
            given = [float(row[c]) if part == "stage_2_train" else 0.5 for c in CLASSES]
            rows[part] += [(f"{name}_{c}", value) for c, value in zip(CLASSES, given, strict=True)]
    write_table(out / "stage_2_train.csv", [(name, int(value)) for name, value in rows["stage_2_train"]])
    write_table(out / "stage_2_sample_submission.csv", sorted(rows["stage_2_test"], reverse=True))
    return out


def write_table(path: Path, rows: list[tuple]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("ID", "Label"), *rows])


def write_instance(source: Path, target: Path, name: str, encoding) -> None:
    """One phantom's slice with the challenge's attributes and no other."""
    phantom = pydicom.dcmread(source)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    instance = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    values = {keyword: phantom[keyword].value for keyword in KEYWORDS if keyword in phantom}
    values |= {
        "SOPInstanceUID": name,
        "PatientID": ids("patient", phantom.PatientID, 8),
        "StudyInstanceUID": ids("study", phantom.StudyInstanceUID, 10),
        "SeriesInstanceUID": ids("series", phantom.SeriesInstanceUID, 10),
        "StudyID": "",
        "WindowCenter": ["00036", "00036"],
        "WindowWidth": ["00080", "00080"],
        "RescaleSlope": "1.000000",
        **encoding(dataset_hu(phantom)),
    }
    for keyword in KEYWORDS:
        setattr(instance, keyword, values[keyword])
    instance.HighBit = instance.BitsStored - 1
    instance.save_as(target)
