"""The Kaggle layout becomes studies: series by headers, slices by place, damaged files named, and stopped imports go
on."""

import csv

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from ichor_training import CLASSES
from ichor_training.data import rsna
from ichor_training.data.rsna import import_rsna, read_errors
from ichor_training.data.studies import SIDE, Studies, patient_folds
from ichor_training.stages.checks import data_faults
from ichor_training.stages.configuration import experiment_of

MATRIX = 64


def write_instance(
    folder, name: str, series: str, patient: str, z: float, stored: np.ndarray, intercept: float = -1024, **more
) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        ExplicitVRLittleEndian,
        CTImageStorage,
        "1.2.3",
    )
    instance = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    values = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": name,
        "SeriesInstanceUID": series,
        "StudyInstanceUID": f"{series}-study",
        "PatientID": patient,
        "ImagePositionPatient": [-100.0, -100.0, z],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "Rows": MATRIX,
        "Columns": MATRIX,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": intercept,
        "RescaleSlope": 1,
    }
    for keyword, value in {**values, **more}.items():
        setattr(instance, keyword, value)
    instance.PixelData = stored.astype("<u2").tobytes()
    instance.save_as(folder / f"{name}.dcm")


@pytest.fixture()
def kaggle(tmp_path):
    """Three series of two patients, files in no order; one file cut short, one no DICOM, one without a label."""
    images = tmp_path / "kaggle" / "stage_2_train"
    images.mkdir(parents=True)
    rows, number = [], 0
    for series, patient in (("ID_b", "ID_p1"), ("ID_a", "ID_p2"), ("ID_c", "ID_p1")):
        for z in (10.0, 0.0, 5.0):
            name = f"ID_{number:09x}"
            write_instance(images, name, series, patient, z, np.full((MATRIX, MATRIX), 1024 + int(z)))
            rows += [(f"{name}_{c}", int(z == 10 and c in ("subdural", "any"))) for c in CLASSES]
            number += 1
    write_instance(images, "ID_unlabelled", "ID_a", "ID_p2", 15.0, np.zeros((MATRIX, MATRIX)))
    cut = images / "ID_000000001.dcm"
    cut.write_bytes(cut.read_bytes()[:-2000])
    (images / "ID_notdicom.dcm").write_bytes(b"not DICOM")
    with (tmp_path / "kaggle" / "stage_2_train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("ID", "Label"), *rows, rows[0]])
    return tmp_path / "kaggle"


def test_series_are_studies_in_spatial_order_and_damaged_files_are_named_not_empty(kaggle, tmp_path):
    studies = import_rsna(kaggle, tmp_path / "out")
    assert [len(rows) for rows in studies.ranges()] == [3, 2, 3]
    assert [int(studies.hu[i][160, 160]) for i in range(8)] == [0, 5, 10, 5, 10, 0, 5, 10]
    assert list(studies.patient) == ["rsna ID_p2"] * 3 + ["rsna ID_p1"] * 5
    assert studies.labels[:, CLASSES.index("subdural")].tolist() == [0, 0, 1, 0, 1, 0, 0, 1]
    assert studies.labels[:, 0].sum() == 0
    errors = {row["file"].split("/")[-1]: row["reason"] for row in read_errors(tmp_path / "out")}
    assert set(errors) == {"ID_000000001.dcm", "ID_notdicom.dcm"} and all(errors.values())
    assert studies.hu.shape == (8, SIDE, SIDE)


def test_what_was_left_out_is_counted_to_the_end_damaged_pixels_included(kaggle, tmp_path, capsys):
    import_rsna(kaggle, tmp_path / "out")
    told = capsys.readouterr().out
    assert "8 slices of 3 series; kept apart in unlabelled/: 1 without a label" in told
    assert "left out: 2 that could not be read" in told
    assert "errors.csv" in told


def test_a_patient_with_two_series_is_in_one_fold(kaggle, tmp_path):
    studies = import_rsna(kaggle, tmp_path / "out")
    folds = patient_folds(studies, 2, 1)
    assert set(folds) == {"rsna ID_p1", "rsna ID_p2"}
    assert len(set(folds.values())) == 2


def test_an_import_that_was_stopped_goes_on_and_gives_the_same(kaggle, tmp_path, monkeypatch):
    whole = import_rsna(kaggle, tmp_path / "whole")
    monkeypatch.setattr(rsna, "SERIES_PER_CHECKPOINT", 1)
    read, reads = rsna.dataset_hu, []

    def stops(dataset):
        reads.append(dataset.SOPInstanceUID)
        if len(reads) == 7:
            raise KeyboardInterrupt
        return read(dataset)

    monkeypatch.setattr(rsna, "dataset_hu", stops)
    with pytest.raises(KeyboardInterrupt):
        import_rsna(kaggle, tmp_path / "stopped")
    resumed = import_rsna(kaggle, tmp_path / "stopped")
    assert len(reads) < 7 + 9
    assert np.array_equal(resumed.hu[:], whole.hu[:]) and np.array_equal(resumed.labels, whole.labels)


def test_the_known_12_bit_defect_is_repaired(kaggle, tmp_path):
    """Signed values that wrapped into unsigned ones: −24 is stored as 4072, the intercept is near 0."""
    images = kaggle / "stage_2_train"
    for file in images.glob("*.dcm"):
        file.unlink()
    write_instance(images, "ID_000000000", "ID_b", "ID_p1", 0.0, np.full((MATRIX, MATRIX), 4072), intercept=1.0)
    assert np.unique(import_rsna(kaggle, tmp_path / "out").hu[0]).tolist() == [-24]


def test_padding_is_air(kaggle, tmp_path):
    images = kaggle / "stage_2_train"
    stored = np.full((MATRIX, MATRIX), 1064)
    stored[:32] = 0
    for file in images.glob("*.dcm"):
        file.unlink()
    write_instance(images, "ID_000000000", "ID_b", "ID_p1", 0.0, stored, PixelPaddingValue=0)
    hu = import_rsna(kaggle, tmp_path / "out").hu[0]
    assert hu[0, 0] == -1024 and hu[-1, -1] == 40


def test_labels_that_lack_a_class_or_are_malformed_are_refused(kaggle, tmp_path):
    table = kaggle / "stage_2_train.csv"
    text = table.read_text()
    table.write_text(text.replace("ID_000000003_any", "ID_000000003_edema"))
    with pytest.raises(ValueError, match="ID_000000003_edema"):
        import_rsna(kaggle, tmp_path / "out")
    table.write_text("\n".join(line for line in text.splitlines() if not line.startswith("ID_000000003_any")))
    with pytest.raises(ValueError, match="ID_000000003 has not all six"):
        import_rsna(kaggle, tmp_path / "out")


def test_slices_stay_on_disk_until_they_are_asked_for(kaggle, tmp_path):
    import_rsna(kaggle, tmp_path / "out")
    studies = Studies.load(tmp_path / "out")
    held = studies.where(studies.patient == "rsna ID_p1")
    assert isinstance(held.hu.stored, np.memmap) and held.hu.shape == (5, SIDE, SIDE)
    assert np.array_equal(held.hu[np.array([4, 0])], studies.hu[:][[7, 3]])


def test_series_with_slices_without_a_label_are_kept_whole_and_apart_and_nobody_trains_on_them(kaggle, tmp_path):
    import_rsna(kaggle, tmp_path / "out")
    kept = Studies.load(tmp_path / "out" / "unlabelled")
    with np.load(tmp_path / "out" / "unlabelled" / "slices.npz") as stored:
        instances = stored["instance"].tolist()
    assert instances == ["ID_000000004", "ID_000000005", "ID_000000003", "ID_unlabelled"]
    assert np.isnan(kept.labels).all(1).tolist() == [False, False, False, True]
    assert kept.labels[2].tolist() == [0, 0, 0, 0, 1, 1]
    experiment = experiment_of({"name": "any", "backbone": "tiny_resnext", "seed": 1}, "any")
    assert "1 slices have no label" in " ".join(data_faults(experiment, kept, None))
