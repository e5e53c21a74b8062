"""Published weights reach the layers that they were trained for."""

import numpy as np
import onnxruntime
import pytest
import torch

from ichor_training.__main__ import MOBILENET
from ichor_training.models.networks import SliceNet
from ichor_training.models.start_weights import start


def published_of(net: SliceNet) -> dict[str, torch.Tensor]:
    """The backbone's own state under foreign names, with a classifier at the end, as published files are."""
    state = {
        f"layer_{index}.{key.rsplit('.', 1)[-1]}": value
        for index, (key, value) in enumerate(net.backbone.state_dict().items())
    }
    return state | {"fc.weight": torch.zeros(10, 3), "fc.bias": torch.zeros(10)}


@pytest.mark.parametrize("backbone", ["tiny_resnext", "efficientnet_lite0"])
def test_a_published_file_fills_the_backbone_layer_by_layer(backbone, tmp_path):
    torch.manual_seed(1)
    theirs, ours = SliceNet(backbone).eval(), SliceNet(backbone).eval()
    torch.save(published_of(theirs), tmp_path / "published.pth")
    start(ours, backbone, str(tmp_path / "published.pth"), MOBILENET)
    for one, other in zip(theirs.backbone.state_dict().values(), ours.backbone.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(theirs.head.weight, ours.head.weight)


def test_a_saved_network_brings_its_head_too(tmp_path):
    theirs, ours = SliceNet("tiny_resnext"), SliceNet("tiny_resnext")
    torch.save(theirs.state_dict(), tmp_path / "saved.pt")
    start(ours, "tiny_resnext", str(tmp_path / "saved.pt"), MOBILENET)
    assert torch.equal(theirs.head.weight, ours.head.weight)


def test_weights_of_another_architecture_and_missing_ones_are_refused(tmp_path):
    torch.save(published_of(SliceNet("tiny_resnext")), tmp_path / "published.pth")
    with pytest.raises(ValueError, match="tensors"):
        start(SliceNet("efficientnet_lite0"), "efficientnet_lite0", str(tmp_path / "published.pth"), MOBILENET)
    with pytest.raises(FileNotFoundError, match="nowhere.pth"):
        start(SliceNet("tiny_resnext"), "tiny_resnext", str(tmp_path / "nowhere.pth"), MOBILENET)
    with pytest.raises(ValueError, match="no ImageNet weights"):
        start(SliceNet("tiny_resnext"), "tiny_resnext", "imagenet", MOBILENET)


@pytest.mark.skipif(
    not MOBILENET.exists(), reason=f"{MOBILENET} is absent: MobileNetV2's published weights are not checked"
)
def test_mobilenet_v2_with_its_imagenet_weights_computes_what_the_published_graph_computes():
    net = SliceNet("mobilenet_v2").eval()
    start(net, "mobilenet_v2", "imagenet", MOBILENET)
    state = torch.load(MOBILENET, weights_only=True)
    image = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours = net.backbone(image).mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    theirs = onnxruntime.InferenceSession(str(MOBILENET.with_suffix(".onnx"))).run(None, {"x": image.numpy()})[0]
    assert np.abs(ours.numpy() - theirs).max() < 1e-4
