"""The graph behind the heat maps against autograd, for every kind of backbone; what a bundle's CNN gives beside it."""

import numpy as np
import pytest
import torch
from torch import nn

from ichor_training.bundle.golden import head_like, session
from ichor_training.models.explain import STRIDE, WithInner, aligned, export_explain, halves, maps_by_autograd, shift
from ichor_training.models.graphs import export_cnn
from ichor_training.models.networks import SliceNet

BACKBONES = [
    "tiny_resnext",
    "slim_resnext",
    "efficientnet_lite0",
    "mobilenet_v2",
    "efficientnet_b4",
    "gelu_resnet",
    "tiny_resnext+efficientnet_lite0",
]


def network(backbone: str) -> SliceNet:
    """With random weights everywhere, also where training starts at zero."""
    torch.manual_seed(3)
    cnn = SliceNet(backbone).eval()
    for module in cnn.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return cnn


@pytest.mark.parametrize("backbone", BACKBONES)
def test_maps_equal_autograd(backbone, tmp_path):
    cnn = network(backbone)
    hu = torch.from_numpy(head_like()[1:])
    weights = torch.randn(3, cnn.backbone.features)
    with torch.no_grad():
        inner = WithInner(cnn)(hu)[4]
    export_explain(cnn, tmp_path / "explain.onnx")
    ours = session(tmp_path / "explain.onnx").run(["maps"], {"inner": inner.numpy(), "weights": weights.numpy()})[0]
    expected = maps_by_autograd(cnn, hu, weights).numpy()
    assert ours.shape == (3, 16, 16) and expected.max() > 0
    np.testing.assert_allclose(ours, expected, atol=1e-3 * expected.max())


@pytest.mark.parametrize("backbone", ["tiny_resnext", "tiny_resnext+efficientnet_lite0"])
def test_the_cnn_graph_gives_the_inner_activations_beside_what_it_gave(backbone, tmp_path):
    cnn = network(backbone)
    hu = head_like()
    export_cnn(cnn, tmp_path / "cnn.onnx")
    ours = session(tmp_path / "cnn.onnx").run(["features", "logits", "cams", "activations", "inner"], {"hu": hu})
    with torch.no_grad():
        expected = [*cnn(torch.from_numpy(hu)), WithInner(cnn)(torch.from_numpy(hu))[4]]
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-4 * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("backbone", ["slim_resnext", "efficientnet_lite0", "mobilenet_v2"])
def test_the_shift_is_where_a_cell_looks(backbone):
    """Found by what a cell's value depends on: the middle of the pixels whose change changes it."""
    cnn = network(backbone)
    early, _ = halves(cnn.backbone)
    pixels = torch.zeros(1, 3, 768, 768).normal_().requires_grad_(True)
    cell = 24
    seen = (
        torch.autograd.grad(early(pixels)[0, :, cell, cell].abs().sum(), pixels)[0]
        .abs()
        .sum((0, 1, 2))
        .nonzero()
        .squeeze()
    )
    middle = float(seen.min() + seen.max()) / 2
    assert middle + STRIDE * shift(early) == pytest.approx(STRIDE * cell + (STRIDE - 1) / 2, abs=1.0)


def test_alignment_moves_a_map_and_keeps_its_sum_inside():
    row = np.zeros(16, np.float32)
    row[5] = 1
    assert (
        (aligned(16, 0) @ row == row).all()
        and (aligned(16, 1) @ row).argmax() == 4
        and (aligned(16, -1) @ row).argmax() == 6
    )
    half = aligned(16, 0.5) @ row
    assert half[4] == half[5] == 0.5 and half.sum() == 1
    assert (aligned(16, 0.4).sum(1) == pytest.approx(1)) and (aligned(16, -20)[:, 0] == 1).all()
