"""The graph behind the heat maps against autograd, for every kind of backbone; what a bundle's CNN gives beside it."""
import numpy as np
import pytest
import torch
from torch import nn

from ichor_training.explain import WithInner, export_explain, maps_by_autograd
from ichor_training.golden import head_like, session
from ichor_training.graphs import export_cnn
from ichor_training.models import SliceNet

BACKBONES = ["tiny_resnext", "slim_resnext", "efficientnet_lite0", "mobilenet_v2", "efficientnet_b4", "tiny_resnext+efficientnet_lite0"]


def network(backbone: str) -> SliceNet:
    """With random weights everywhere, also where training starts at zero."""
    torch.manual_seed(3)
    cnn = SliceNet(backbone).eval()
    for module in cnn.modules():
        if isinstance(module, nn.BatchNorm2d):
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
    for one, other in zip(ours, expected):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-4 * max(1.0, float(other.abs().max())))
