"""2.5D: slices amid their neighbours, never those of another study, and the same for training and export."""

import numpy as np
import torch
from small_data import small_studies

from ichor_training.bundle.golden import head_like, session, slices_for
from ichor_training.data.neighbours import amid_neighbours, slices_of
from ichor_training.models.graphs import CNN_OUTPUTS, export_cnn
from ichor_training.models.networks import SliceNet
from ichor_training.models.start_weights import load_saved
from ichor_training.stages.policies import POLICIES, alike


def test_a_slice_at_the_end_of_its_study_stands_for_the_neighbour_that_it_lacks():
    studies = small_studies(3, 4)
    for rows, scan in ((one, studies.hu[one]) for one in studies.ranges()):
        expected = amid_neighbours(scan, 2)
        assert np.array_equal(slices_of(studies, rows, 2), expected)
        assert np.array_equal(expected[0], scan[[0, 0, 0, 1, 2]]) and np.array_equal(expected[3], scan[[1, 2, 3, 3, 3]])


def test_a_slice_and_its_neighbours_are_varied_alike():
    slice_hu = torch.from_numpy(small_studies(1, 1).hu.astype(np.float32))
    for one in POLICIES.values():
        torch.manual_seed(4)
        varied = alike(one.on_hu, slice_hu.unsqueeze(1).repeat(1, 3, 1, 1), 96)
        assert torch.equal(varied[:, 0], varied[:, 1]) and torch.equal(varied[:, 1], varied[:, 2])


def test_a_network_without_neighbours_is_where_one_with_them_begins(tmp_path):
    torch.manual_seed(0)
    flat, deep = SliceNet("tiny_resnext").eval(), SliceNet("tiny_resnext", neighbours=1).eval()
    torch.save(flat.state_dict(), tmp_path / "flat.pt")
    load_saved(deep, tmp_path / "flat.pt")
    hu = head_like()
    with torch.no_grad():
        one, other = flat(torch.from_numpy(hu))[1], deep(torch.from_numpy(slices_for(deep, hu)))[1]
    assert torch.allclose(one, other, atol=1e-5)


def test_the_graph_with_neighbours_agrees_with_pytorch_and_shows_every_channel(tmp_path):
    torch.manual_seed(0)
    cnn = SliceNet("tiny_resnext", neighbours=2).eval()
    export_cnn(cnn, tmp_path / "cnn.onnx")
    hu = amid_neighbours(np.random.default_rng(0).integers(-200, 300, (4, 70, 90)).astype(np.int16), 2)
    found = dict(zip(CNN_OUTPUTS, session(tmp_path / "cnn.onnx").run(CNN_OUTPUTS, {"hu": hu}), strict=True))
    with torch.no_grad():
        expected = cnn(torch.from_numpy(hu))[1].numpy()
    assert np.abs(found["logits"] - expected).max() < 1e-4
    assert found["channels"].shape == (4, 15, 256, 256)
