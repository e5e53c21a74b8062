"""Training keeps the pixels that production sees; what smaller ones change is measured and stands in the model card."""

import hashlib

import numpy as np
import pydicom
import pytest
import torch
from small_data import small_studies
from test_exports import exported, nets

from ichor_training.bundle.bundle_sections import read_manifest
from ichor_training.bundle.pixels_bundle import TITLE, add_pixels, judge_of
from ichor_training.data.dicom_slices import dataset_hu, resized
from ichor_training.data.fold_dicom import write_fold
from ichor_training.data.studies import SIDE, Studies
from ichor_training.measure.metrics import sigmoid
from ichor_training.measure.pixels import difference
from ichor_training.stages.loader import Source, read


@pytest.fixture(scope="module")
def scanned(tmp_path_factory) -> tuple[Studies, list[np.ndarray]]:
    """Studies of a scanner's matrix, and their slices as production reads them from DICOM."""
    studies = small_studies(2, 2, side=SIDE)
    folder = tmp_path_factory.mktemp("scanned")
    write_fold(studies, folder)
    return studies, [dataset_hu(pydicom.dcmread(path)) for path in sorted(folder.rglob("*.dcm"))]


def test_a_slice_of_a_scanner_is_kept_pixel_for_pixel(scanned):
    studies, read_again = scanned
    for kept, hu in zip(studies.hu, read_again, strict=True):
        assert np.array_equal(kept, resized(hu, SIDE)) and resized(hu, SIDE) is hu


def test_a_fold_as_dicom_keeps_its_field_of_view_whatever_its_side(tmp_path):
    for side in (128, 256):
        write_fold(small_studies(1, 1, side=side), tmp_path / str(side))
        instance = pydicom.dcmread(next((tmp_path / str(side)).rglob("*.dcm")))
        assert float(instance.PixelSpacing[0]) * instance.Columns == pytest.approx(224)


def test_data_of_different_sides_come_in_one_batch_at_the_larger():
    real, phantoms = small_studies(4, 2, side=128), small_studies(4, 2, side=64)
    hu, labels = read([Source(real, 2, "each-once"), Source(phantoms, 3, "each-once")], [np.arange(2), np.arange(3)])
    assert hu.shape == (5, 128, 128) and labels.shape == (5, 6)
    assert torch.equal(hu[:2], torch.from_numpy(real.hu[:2].astype(np.float32)))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    exported(folder, *nets())
    return folder


def test_the_difference_is_none_at_the_same_side_and_else_that_of_the_probabilities(bundle):
    studies, judge = small_studies(3, 3, side=128), judge_of(bundle)
    assert difference(judge, studies, 128).sequence_largest == 0
    found, worst = difference(judge, studies, 80), 0.0
    for rows in studies.ranges():
        small = np.stack([resized(one, 80) for one in studies.hu[rows]])
        worst = max(worst, float(np.abs(sigmoid(judge(studies.hu[rows])[1]) - sigmoid(judge(small)[1])).max()))
    assert found.slices == 9 and found.sequence_largest == pytest.approx(worst, abs=1e-5) and worst > 0


def test_the_card_has_the_difference_once_and_its_digest_follows(bundle):
    studies = small_studies(3, 3, side=128)
    section = [add_pixels(bundle, studies) for _ in range(2)][1]
    card = (bundle / "MODEL_CARD.md").read_bytes()
    assert card.decode().count(f"## {TITLE}") == 1 and section.strip() in card.decode()
    manifest = read_manifest(bundle)
    assert manifest["files"]["modelCard"]["sha256"] == hashlib.sha256(card).hexdigest()
    assert manifest["metrics"]["pixels"]["kept"] == 128 and manifest["metrics"]["pixels"]["other"] == 320
