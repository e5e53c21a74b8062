"""The held-out studies of a fold as DICOM, so that the production path can be measured on the very pixels that training
judged.

The images are derived (8-bit renderings turned back into Hounsfield units) and say so. They must not be redistributed.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from tqdm import tqdm

from .. import CLASSES
from .studies import Studies

SPACING_MM = 5.0
FIELD_OF_VIEW_MM = 224.0
INTERCEPT = -1024
COLUMNS = ["SOPInstanceUID", "StudyInstanceUID", "patient", "file", *CLASSES]


def write_fold(studies: Studies, out: Path) -> Path:
    """One folder per study and `labels.csv`. Production refuses derived series: `ichor evaluate` takes them with
    --accept-derived.
    @returns the path of labels.csv
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "labels.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for rows in tqdm(studies.ranges(), desc="DICOM"):
            folder = out / folder_name(str(studies.patient[rows[0]]), int(studies.study[rows[0]]))
            folder.mkdir(exist_ok=True)
            for number, row in enumerate(rows):
                instance = instance_of(studies, rows, number)
                instance.save_as(folder / f"{number + 1:04d}.dcm", enforce_file_format=True)
                labels = [int(value) for value in studies.labels[row]]
                table.writerow(
                    [
                        instance.SOPInstanceUID,
                        instance.StudyInstanceUID,
                        studies.patient[row],
                        f"{folder.name}/{number + 1:04d}.dcm",
                        *labels,
                    ]
                )
    return path


def folder_name(patient: str, study: int) -> str:
    return f"{patient.replace(' ', '-')}-study-{study}"


def uid(*parts: object) -> str:
    """Derived from what it names (PS3.5, B.2): the same data give the same UIDs."""
    digest = hashlib.sha256(" ".join(str(part) for part in ("ichor fold", *parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def instance_of(studies: Studies, rows: np.ndarray, number: int) -> FileDataset:
    """One CT Image (PS3.3 A.3) with the Hounsfield units of the slice, exactly."""
    patient, study = str(studies.patient[rows[0]]), int(studies.study[rows[0]])
    hu = studies.hu[int(rows[number])]
    stored = hu.astype(np.int32) - INTERCEPT
    if stored.min() < 0 or stored.max() > 4095:
        raise ValueError(
            f"{patient}, slice {number + 1}: Hounsfield units from {hu.min()} to {hu.max()} do not fit into 12 bits"
        )
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = uid(patient, study, number)
    instance = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    for keyword, value in attributes(studies.source, patient, study, number, hu.shape).items():
        setattr(instance, keyword, value)
    instance.PixelData = stored.astype("<u2").tobytes()
    return instance


def attributes(source: str, patient: str, study: int, number: int, shape: tuple[int, ...]) -> dict[str, object]:
    rows, columns = shape
    pixel_mm = FIELD_OF_VIEW_MM / columns
    corner = [-FIELD_OF_VIEW_MM / 2, -rows * pixel_mm / 2, number * SPACING_MM]
    moment = {f"{what}Date": "20260101" for what in ("Study", "Series", "Acquisition", "Content")}
    moment |= {f"{what}Time": "120000" for what in ("Study", "Series", "Acquisition", "Content")}
    return {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["DERIVED", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": uid(patient, study, number),
        **moment,
        "AccessionNumber": uid(patient, study, "accession")[-12:],
        "Modality": "CT",
        "Manufacturer": "Ichor training",
        "StudyDescription": f"DERIVED from {source}, for evaluation only",
        "SeriesDescription": "Head soft tissue, DERIVED from 8-bit images",
        "DerivationDescription": f"{source}: 8-bit renderings turned back into Hounsfield units, "
        f"resampled to {rows} x {columns}",
        "PatientName": f"DERIVED^{patient}",
        "PatientID": patient.upper().replace(" ", "-"),
        "PatientBirthDate": "",
        "PatientSex": "O",
        "PatientComments": "DERIVED IMAGES OF A PUBLIC DATA SET; GEOMETRY IS ASSUMED",
        "ReferringPhysicianName": "",
        "BodyPartExamined": "HEAD",
        "SliceThickness": SPACING_MM,
        "SpacingBetweenSlices": SPACING_MM,
        "KVP": 120,
        "ConvolutionKernel": "SOFT",
        "PatientPosition": "HFS",
        "StudyInstanceUID": uid(patient, study, "study"),
        "SeriesInstanceUID": uid(patient, study, "series"),
        "FrameOfReferenceUID": uid(patient, study, "frame of reference"),
        "PositionReferenceIndicator": "",
        "StudyID": "1",
        "SeriesNumber": 1,
        "AcquisitionNumber": 1,
        "InstanceNumber": number + 1,
        "ImagePositionPatient": corner,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SliceLocation": number * SPACING_MM,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "PixelSpacing": [pixel_mm, pixel_mm],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": INTERCEPT,
        "RescaleSlope": 1,
        "RescaleType": "HU",
    }
