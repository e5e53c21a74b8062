"""The hand-derived gradient graph agrees with autograd; every export agrees with PyTorch."""

import numpy as np
import onnxruntime
import pytest
import torch

from ichor_training.bundle.export import export_cnn, export_sequence, joint_gradient
from ichor_training.models.networks import SequenceNet, SliceNet
from ichor_training.models.sequence_gradient import sequence_gradient


@pytest.fixture(scope="module")
def nets():
    torch.manual_seed(3)
    cnn = SliceNet("slim_resnext").eval()
    for module in cnn.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
    sequence = SequenceNet(cnn.backbone.features).eval()
    sequence.projection.normal_(0, 0.05)
    for parameter in sequence.parameters():
        parameter.data.mul_(2)
    return cnn, sequence


@pytest.mark.parametrize("slices", [1, 2, 35])
def test_weights_equal_autograd_for_any_number_of_slices(nets, slices):
    cnn, sequence = nets
    torch.manual_seed(slices)
    features = torch.rand(slices, cnn.backbone.features)
    logits = cnn.head(features).detach()
    session = onnxruntime.InferenceSession(
        sequence_gradient(sequence, cnn.head.weight.detach().numpy()).SerializeToString()
    )
    targets = [(s, c) for s in {0, slices // 2, slices - 1} for c in range(6)]
    inputs = {
        "features": features.numpy(),
        "logits": logits.numpy(),
        "target_slice": np.array([t for t, _ in targets]),
        "target_class": np.array([c for _, c in targets]),
    }
    joint, weights, influence = session.run(["sequence_logits", "weights", "influence"], inputs)
    assert np.abs(joint - sequence(features, logits).detach().numpy()).max() < 1e-4
    assert influence.shape == (slices, len(targets))
    for index, (target, klass) in enumerate(targets):
        expected = joint_gradient(cnn, sequence, features, target, klass)
        assert np.abs(weights[index] - expected).max() <= 5e-3 * np.abs(expected).max() + 1e-7


def test_joint_grad_cam_of_the_closed_form_equals_autograd_on_the_activations(nets):
    cnn, sequence = nets
    torch.manual_seed(5)
    hu = torch.randint(-100, 200, (4, 96, 96), dtype=torch.int16)
    activations = cnn(hu)[3].detach().requires_grad_(True)
    features = activations.mean((2, 3))
    logit = sequence(features, cnn.head(features))[2, 5]
    gradient = torch.autograd.grad(logit, activations)[0][2]
    expected = torch.relu((gradient.mean((1, 2))[:, None, None] * activations[2]).sum(0)).detach().numpy()
    weights = joint_gradient(cnn, sequence, features.detach(), 2, 5)
    closed = np.maximum(0, np.einsum("k,kij->ij", weights, activations[2].detach().numpy())) / activations[2, 0].numel()
    assert np.abs(closed - expected).max() <= 1e-4 * max(expected.max(), 1e-12)


def test_the_cnn_export_agrees_with_pytorch_for_any_matrix(nets, tmp_path):
    cnn, _ = nets
    export_cnn(cnn, tmp_path / "cnn.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "cnn.onnx"))
    for shape in ((1, 512, 512), (3, 300, 260)):
        hu = np.random.default_rng(1).integers(-200, 300, shape).astype(np.int16)
        with torch.no_grad():
            expected = cnn(torch.from_numpy(hu))
        for ours, theirs in zip(
            session.run(["features", "logits", "cams", "activations"], {"hu": hu}), expected, strict=True
        ):
            assert np.abs(ours - theirs.numpy()).max() <= 1e-3 * max(1, np.abs(theirs.numpy()).max())


def test_the_sequence_export_agrees_with_pytorch_for_any_number_of_slices(nets, tmp_path):
    cnn, sequence = nets
    export_sequence(cnn, sequence, tmp_path / "sequence.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "sequence.onnx"))
    for slices in (1, 12, 67):
        features, logits = torch.rand(slices, cnn.backbone.features), torch.randn(slices, 6)
        expected = sequence(features, logits).detach().numpy()
        ours = session.run(["sequence_logits"], {"features": features.numpy(), "logits": logits.numpy()})[0]
        assert np.abs(ours - expected).max() < 1e-4
