"""What the finished bundle says of studies that it was neither trained nor tuned on: phantoms of other seeds, a real
negative."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pydicom
from tqdm import tqdm

from .. import CLASSES
from ..data.dicom_slices import dataset_hu
from ..models.networks import SequenceNet, SliceNet
from ..stages.train_cnn import run
from ..stages.train_sequence import run_sequence
from .metrics import sigmoid


def sanity(cnn: SliceNet, sequence: SequenceNet, report: dict, phantoms: Path, negative: Path) -> dict:
    """@param phantoms subfolders with labels.csv
    @param negative one series of a real head without hemorrhage
    @returns how many studies are flagged (any hemorrhage reaches its balanced threshold), by what is in them
    """
    limit = report["thresholds"]["balanced"]["any"]

    def scores(slices):
        return scan_scores(cnn, sequence, report["temperature"], slices)

    counts = {"bleed": [0, 0], "none": [0, 0]}
    for table in tqdm(sorted(phantoms.rglob("labels.csv")), desc="held-out phantoms"):
        rows = list(csv.DictReader(table.open()))
        kind = "bleed" if any(int(row["any"]) for row in rows) else "none"
        counts[kind][0] += bool(scores([pydicom.dcmread(table.parent / row["file"]) for row in rows])[-1] >= limit)
        counts[kind][1] += 1
    real = scores(in_spatial_order(negative))
    return {
        "phantomsWithBleed": {"flagged": counts["bleed"][0], "studies": counts["bleed"][1]},
        "phantomsWithoutBleed": {"flagged": counts["none"][0], "studies": counts["none"][1]},
        "realNegative": {
            "flagged": bool(real[-1] >= limit),
            "scores": {name: round(float(s), 4) for name, s in zip(CLASSES, real, strict=True)},
        },
    }


def scan_scores(
    cnn: SliceNet, sequence: SequenceNet, temperature: list[float], slices: list[pydicom.Dataset]
) -> np.ndarray:
    """[6]: per class the largest calibrated probability of the scan."""
    features, logits = run(cnn, np.stack([dataset_hu(one) for one in slices]))
    return sigmoid(run_sequence(sequence, features, logits) / np.array(temperature)).max(0)


def in_spatial_order(folder: Path) -> list[pydicom.Dataset]:
    """Skull base first, by the position on the normal; localizers and other files are left out."""
    found = [
        pydicom.dcmread(path) for path in sorted(folder.rglob("*")) if path.is_file() and pydicom.misc.is_dicom(path)
    ]
    slices = [one for one in found if "ImagePositionPatient" in one and "LOCALIZER" not in one.get("ImageType", [])]
    orientation = np.array(slices[0].ImageOrientationPatient, float)
    normal = np.cross(orientation[:3], orientation[3:])
    return sorted(slices, key=lambda one: float(np.dot(normal, np.array(one.ImagePositionPatient, float))))
