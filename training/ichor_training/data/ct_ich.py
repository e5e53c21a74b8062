"""CT-ICH 1.0.0 (Hssayeni et al., PhysioNet 2020, CC BY 4.0): two JPEG renderings per slice back to Hounsfield units."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from .. import CLASSES
from .dicom_slices import resized
from .studies import SIDE, Studies

BRAIN_LOW_HU, BRAIN_WIDTH_HU = -20.0, 120.0


def import_ct_ich(folder: Path, side: int = SIDE) -> Studies:
    rows = sorted(
        csv.DictReader((folder / "labels.csv").open()), key=lambda row: (int(row["patient"]), int(row["slice"]))
    )
    bone_slope, bone_offset = calibrate_bone(folder, rows)
    hu = np.stack([slice_hu(folder, row["image"], bone_slope, bone_offset, side) for row in tqdm(rows, desc="CT-ICH")])
    patients = np.array([row["patient"] for row in rows])
    return Studies(
        hu=hu,
        labels=np.array([[int(row[c]) for c in CLASSES] for row in rows], np.float32),
        study=np.unique(patients, return_inverse=True)[1],
        patient=np.array([f"ct-ich {p}" for p in patients]),
        source="CT-ICH 1.0.0",
    )


def grey(path: Path) -> np.ndarray | None:
    return np.asarray(Image.open(path).convert("L"), np.float32) if path.exists() else None


def calibrate_bone(folder: Path, rows: list[dict[str, str]], samples: int = 60) -> tuple[float, float]:
    """Bone grey level = slope × HU + offset, fitted where the brain image is not clipped."""
    brain_hu, bone_grey = [], []
    for row in rows[:: max(1, len(rows) // samples)]:
        brain, bone = grey(folder / "brain" / f"{row['image']}.jpg"), grey(folder / "bone" / f"{row['image']}.jpg")
        if brain is None or bone is None:
            continue
        unclipped = (brain > 20) & (brain < 235)
        brain_hu.append(BRAIN_LOW_HU + brain[unclipped] / 255 * BRAIN_WIDTH_HU)
        bone_grey.append(bone[unclipped])
    slope, offset = np.polyfit(
        np.concatenate(brain_hu).astype(np.float64), np.concatenate(bone_grey).astype(np.float64), 1
    )
    return float(slope), float(offset)


def slice_hu(folder: Path, name: str, bone_slope: float, bone_offset: float, side: int) -> np.ndarray:
    """int16 [side, side]: the brain image inside its window, the bone image outside, joined without a gap."""
    brain, bone = grey(folder / "brain" / f"{name}.jpg"), grey(folder / "bone" / f"{name}.jpg")
    hu = BRAIN_LOW_HU + brain / 255 * BRAIN_WIDTH_HU
    if bone is not None:
        coarse = (bone - bone_offset) / bone_slope
        hu = np.where(brain >= 250, np.maximum(coarse, 98), np.where(brain <= 4, np.minimum(coarse, -18), hu))
    else:
        hu = np.where(brain >= 250, 400, np.where(brain <= 4, -200, hu))
    return np.clip(resized(hu, side), -1024, 3071).astype(np.int16)
