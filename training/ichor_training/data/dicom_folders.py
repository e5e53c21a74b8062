"""Folders of DICOM with a labels.csv, as `ichor phantom` writes them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pydicom
from tqdm import tqdm

from .. import CLASSES
from .dicom_slices import dataset_hu, resized
from .studies import Studies


def import_phantoms(folder: Path, side: int | None = None) -> Studies:
    """Every subfolder with a labels.csv is one study.
    @param side None: that of the first slice
    @raises FileNotFoundError when there is none
    """
    tables = sorted(folder.rglob("labels.csv"))
    if not tables:
        raise FileNotFoundError(
            f"{folder} holds no labels.csv; "
            f"make phantoms with `ichor phantom --out {folder} --studies 40 --bleed random`"
        )
    hu, labels, study, patient = [], [], [], []
    for number, table in enumerate(tqdm(tables, desc="phantoms")):
        for row in csv.DictReader(table.open()):
            slice_hu = dataset_hu(pydicom.dcmread(table.parent / row["file"]))
            side = side or slice_hu.shape[0]
            hu.append(resized(slice_hu, side))
            labels.append([int(row[c]) for c in CLASSES])
            study.append(number)
            patient.append(f"phantom {row['patientId']}")
    return Studies(np.stack(hu), np.array(labels, np.float32), np.array(study), np.array(patient), "phantoms")
