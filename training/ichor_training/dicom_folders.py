"""Folders of DICOM with a labels.csv, as `ichor phantom` writes them."""
from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from tqdm import tqdm

from . import CLASSES
from .studies import SIDE, Studies


def import_phantoms(folder: Path) -> Studies:
    """Every subfolder with a labels.csv is one study."""
    tables = sorted(folder.rglob("labels.csv"))
    hu, labels, study, patient = [], [], [], []
    for number, table in enumerate(tqdm(tables, desc="phantoms")):
        for row in csv.DictReader(table.open()):
            hu.append(resized(dataset_hu(pydicom.dcmread(table.parent / row["file"]))))
            labels.append([int(row[c]) for c in CLASSES])
            study.append(number)
            patient.append(f"phantom {row['patientId']}")
    return Studies(np.stack(hu), np.array(labels, np.float32), np.array(study), np.array(patient), "phantoms")


def dataset_hu(dataset: pydicom.Dataset) -> np.ndarray:
    """int16 Hounsfield units at the stored matrix (PS3.3 C.11.1.1.2)."""
    hu = dataset.pixel_array.astype(np.float64) * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    return np.clip(np.rint(hu), -32768, 32767).astype(np.int16)


def resized(hu: np.ndarray) -> np.ndarray:
    image = Image.fromarray(hu.astype(np.float32)).resize((SIDE, SIDE), Image.BILINEAR)
    return np.rint(np.asarray(image)).astype(np.int16)
