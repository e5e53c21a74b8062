"""Aberrant slices: what is put in, what is counted, and that the figure is a picture of the numbers."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import torch
from small_data import small_studies

from ichor_training.measure.aberrant import COUNTS, Scan, judged, measure_fold, painted, scans_of, transplanted
from ichor_training.measure.aberrant_figure import section, svg
from ichor_training.models.networks import SequenceNet, SliceNet


def scan(value: float, slices: int = 10) -> Scan:
    logits = np.full((slices, 6), value, np.float32) + np.arange(slices)[:, None] / 100
    return Scan(np.zeros((slices, 8, 8), np.int16), np.full((slices, 3), value, np.float32), logits, value > 0)


def test_so_many_adjacent_slices_become_the_donors_and_the_others_stay():
    for count in COUNTS:
        features, logits = transplanted(scan(-5), scan(5), count, 0.5)
        changed = np.flatnonzero(features[:, 0] == 5)
        assert len(changed) == count and (count == 0 or changed[-1] - changed[0] == count - 1)
        assert (logits[changed] > 0).all() and (np.delete(logits, changed, 0) < 0).all()


def test_a_painted_artefact_changes_one_slice_only():
    torch.manual_seed(0)
    cnn = SliceNet("tiny_resnext").eval()
    (one, *_) = scans_of(cnn, small_studies(2, 6))
    features, _ = painted(cnn, one, 0.5)
    assert np.flatnonzero(np.abs(features - one.features).max(1) > 0).tolist() == [3]


def test_rates_section_and_figure_come_from_a_fold(tmp_path):
    torch.manual_seed(0)
    cnn = SliceNet("tiny_resnext").eval()
    sequence = SequenceNet(cnn.backbone.features, 4, hidden=8, layers=1).eval()
    fold = measure_fold(cnn, sequence, small_studies(6, 6, source="CT-ICH 1.0.0"), small_studies(4, 6, seed=1))
    found = judged([fold, fold], 1.0, 0.5)
    assert found["flagged"]["CT-ICH 1.0.0/0"]["cases"] == 6 and found["flagged"]["phantoms/patch"]["cases"] == 4
    assert all(0 <= rate[key] <= 1 for rate in found["flagged"].values() for key in ("cnn", "sequence"))
    assert section(found).count("| phantoms |") == len(COUNTS) + 1
    drawn = ElementTree.fromstring(svg(found, "small 1"))
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}circle")) == 4 * (len(COUNTS) + 1)
