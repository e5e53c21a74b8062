"""Two JPEG renderings per slice become Hounsfield units again; a missing bone image costs bone detail and nothing
else."""

import csv

import numpy as np
import pytest
from PIL import Image
from small_data import head

from ichor_training import CLASSES
from ichor_training.data.ct_ich import import_ct_ich
from ichor_training.data.studies import patient_folds

BONE_SLOPE, BONE_OFFSET = 0.048, 60.0


@pytest.fixture()
def folder(tmp_path):
    """Three patients with two slices; numbers of patients and slices as text would sort them wrongly."""
    rng, rows = np.random.default_rng(0), []
    for name in ("brain", "bone"):
        (tmp_path / name).mkdir()
    for patient in (49, 100, 9):
        for number in (10, 2):
            hu, image = head(rng, number == 10, 320).astype(float), f"{patient:03d}_{number:02d}"
            save(tmp_path / "brain" / f"{image}.jpg", (hu + 20) / 120 * 255)
            save(tmp_path / "bone" / f"{image}.jpg", hu * BONE_SLOPE + BONE_OFFSET)
            rows.append(
                {"patient": patient, "slice": number, "image": image}
                | {name: int(number == 10 and name in ("epidural", "any")) for name in CLASSES}
            )
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return tmp_path


def save(path, grey: np.ndarray) -> None:
    Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8)).save(path, quality=98)


def test_brain_bone_and_air_come_back_and_slices_stand_in_spatial_order(folder):
    studies = import_ct_ich(folder, 320)
    assert studies.patient.tolist() == [f"ct-ich {p}" for p in (9, 9, 49, 49, 100, 100)]
    assert studies.labels[:, -1].tolist() == [0, 1] * 3 and studies.labels[:, 1].sum() == 0
    assert abs(float(np.median(studies.hu[0][150:170, 150:170])) - 32) < 2
    assert abs(float(studies.hu[0].max()) - 900) < 60
    assert studies.hu[0][0, 0] < -800
    assert len(patient_folds(studies, 3, 1)) == 3


def test_without_its_bone_image_a_slice_keeps_its_brain(folder):
    whole = import_ct_ich(folder, 320).hu[0]
    (folder / "bone" / "009_02.jpg").unlink()
    hu = import_ct_ich(folder, 320).hu[0]
    inside = (slice(100, 220), slice(100, 220))
    assert np.abs(hu[inside].astype(int) - whole[inside]).max() <= 1
    assert hu.max() == 400 and hu.min() == -200
