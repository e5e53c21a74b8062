"""Every export of every backbone agrees with PyTorch; smaller ones within their limits; a bundle that does not is
refused."""

import base64
import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from small_data import small_studies

from ichor_training.bundle.experiment_export import export_experiment
from ichor_training.bundle.export import ExportRefused
from ichor_training.bundle.golden import head_like, influence, joint_gradient, session
from ichor_training.bundle.precision import FP32, Precision, store_weights_as_fp16
from ichor_training.models.backbones import BACKBONES
from ichor_training.models.explain import WithInner
from ichor_training.models.explanation import explanation_of
from ichor_training.models.graphs import CNN_OUTPUTS, export_cnn, export_gradient, export_sequence
from ichor_training.models.networks import CnnAlone, SequenceNet, SliceNet
from ichor_training.stages.configuration import experiment_of

ROOT = Path(__file__).resolve().parents[2]


def alive(net: torch.nn.Module) -> None:
    """Weights and normalisation as after some training: no branch is switched off, activations stay in range."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.0)
                module.bias.uniform_(-0.1, 0.1)
                module.momentum = None  # the running statistics become those of the one batch
    net.train()
    with torch.no_grad():
        net(torch.from_numpy(small_studies(2, 1).hu[:]))
    net.eval()


def nets(backbone: str = "tiny_resnext", selected: int = 12, head: bool = True) -> tuple[SliceNet, SequenceNet]:
    torch.manual_seed(3)
    cnn = SliceNet(backbone)
    alive(cnn)
    sequence = SequenceNet(cnn.backbone.features, selected, hidden=24, layers=2, predictions_at_head=head).eval()
    sequence.projection.normal_(0, 0.1)
    return cnn, sequence


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_gives_8_by_8_maps_and_its_graph_agrees_with_pytorch(backbone, tmp_path):
    torch.manual_seed(1)
    cnn = SliceNet(backbone)
    if backbone != "resnext101_32x8d":
        alive(cnn)
    cnn.eval()
    export_cnn(cnn, tmp_path / "cnn.onnx")
    hu = head_like()
    ours = session(tmp_path / "cnn.onnx").run(CNN_OUTPUTS, {"hu": hu})
    with torch.no_grad():
        expected = [one.numpy() for one in WithInner(cnn)(torch.from_numpy(hu))]
    assert ours[2].shape == (2, 6, 8, 8) and ours[3].shape == (2, cnn.backbone.features, 8, 8)
    for one, other in zip(ours, expected, strict=True):
        assert np.abs(one - other).max() <= 3e-4 * max(1.0, np.abs(other).max())


@pytest.mark.parametrize(("selected", "head"), [(12, True), (12, False), (0, True), (0, False)])
@pytest.mark.parametrize("slices", [1, 9])
def test_every_kind_of_sequence_model_agrees_with_pytorch_and_autograd(selected, head, slices, tmp_path):
    cnn, sequence = nets(selected=selected, head=head)
    export_sequence(cnn, sequence, tmp_path / "sequence.onnx")
    export_gradient(cnn, sequence, tmp_path / "gradient.onnx", explanation_of(cnn, sequence))
    features = torch.rand(slices, cnn.backbone.features)
    logits = cnn.head(features).detach()
    targets = [(slices - 1, 5), (0, 2)]
    scan = {"features": features.numpy(), "logits": logits.numpy()}
    joint = session(tmp_path / "sequence.onnx").run(["sequence_logits"], scan)[0]
    again, weights, strength = session(tmp_path / "gradient.onnx").run(
        ["sequence_logits", "weights", "influence"],
        scan | {"target_slice": np.array([t for t, _ in targets]), "target_class": np.array([c for _, c in targets])},
    )
    expected = sequence(features, logits).detach().numpy()
    assert np.abs(joint - expected).max() < 1e-4 and np.abs(again - expected).max() < 1e-4
    for index, (target, klass) in enumerate(targets):
        gradient = joint_gradient(cnn, sequence, features, target, klass)
        assert np.abs(weights[index] - gradient).max() <= 5e-3 * np.abs(gradient).max() + 1e-7
        felt = influence(sequence, features, logits, target, klass)
        assert np.abs(strength[:, index] - felt).max() <= 5e-3 * felt.max() + 1e-7


def test_a_cnn_alone_is_a_bundle_whose_sequence_changes_nothing(tmp_path):
    cnn, _ = nets()
    exported(tmp_path, cnn, CnnAlone(), selector=None)
    features, logits = (
        np.random.default_rng(0).random((3, cnn.backbone.features), np.float32),
        np.random.default_rng(1).random((3, 6), np.float32),
    )
    scan = {"features": features, "logits": logits}
    assert np.array_equal(session(tmp_path / "sequence.onnx").run(None, scan)[0], logits)
    weights, strength = session(tmp_path / "sequence_grad.onnx").run(
        ["weights", "influence"], scan | {"target_slice": np.array([2]), "target_class": np.array([4])}
    )
    assert np.array_equal(weights[0], cnn.head.weight[4].detach().numpy()) and strength[:, 0].tolist() == [0, 0, 1]
    assert json.loads((tmp_path / "manifest.json").read_text())["gradCam"] == "cnn"


PCA_12 = {"kind": "pca", "count": 12}


def exported(
    out: Path,
    cnn,
    sequence,
    precision: Precision = FP32,
    limit: float | None = None,
    selector: dict | None = PCA_12,
    backbone: str = "tiny_resnext",
) -> float:
    plan = {
        "backbone": backbone,
        "seed": 1,
        "version": "0.0.1",
        "selector": selector,
        "sequence": {"epochs": 1, "learning_rate": 0.001},
    }
    return export_experiment(
        experiment_of(plan, "test"),
        cnn,
        sequence,
        out,
        trained_on=[small_studies(6, 4)],
        outcome=None,
        precision=precision,
        limit=limit,
    )


PRECISIONS = {"fp32": Precision(), "fp16": Precision("fp16"), "int8": Precision(quantised=True)}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> dict[str, Path]:
    cnn, sequence = nets()
    folders = {name: tmp_path_factory.mktemp(name) for name in PRECISIONS}
    for name, out in folders.items():
        exported(out, cnn, sequence, PRECISIONS[name])
    return folders


@pytest.mark.parametrize("name", PRECISIONS)
def test_the_golden_values_hold_in_onnxruntime_within_the_bundles_own_tolerance(name, bundles):
    """As the worker's self-test does it, from the files alone."""
    folder = bundles[name]
    golden = json.loads((folder / "golden.json").read_text())

    def read(one):
        return np.frombuffer(
            base64.b64decode(one.get("int16Base64") or one["float32Base64"]),
            np.int16 if "int16Base64" in one else np.float32,
        ).reshape(one["shape"])

    inputs = {key: read(golden["sequence"][key]) for key in ("features", "logits")}
    targets = {
        "target_slice": np.array(golden["sequenceGrad"]["targetSlice"]),
        "target_class": np.array(golden["sequenceGrad"]["targetClass"]),
    }

    def run(file, names, feeds):
        return zip(names, onnxruntime.InferenceSession(str(folder / file)).run(names, feeds), strict=True)

    pairs = [
        (one, read(golden["cnn"][key]))
        for key, one in run("cnn.onnx", ["features", "logits", "cams"], {"hu": read(golden["cnn"]["hu"])})
    ]
    pairs += [
        (one, read(golden["sequence"]["sequenceLogits"]))
        for _, one in run("sequence.onnx", ["sequence_logits"], inputs)
    ]
    pairs += [
        (one, read(golden["sequenceGrad"][key]))
        for key, one in run("sequence_grad.onnx", ["weights", "influence"], inputs | targets)
    ]
    for ours, expected in pairs:
        assert ours.shape == expected.shape
        assert np.abs(ours - expected).max() <= golden["toleranceAbsolute"] * max(1.0, np.abs(expected).max())
    assert name != "fp32" or golden["toleranceAbsolute"] == 1e-3


def test_fp16_halves_the_files_and_keeps_float32_in_and_out(bundles):
    for file in ("cnn.onnx", "sequence.onnx", "sequence_grad.onnx"):
        assert (bundles["fp16"] / file).stat().st_size < 0.65 * (bundles["fp32"] / file).stat().st_size
        graph = onnx.load(bundles["fp16"] / file).graph
        assert not any(
            one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16 for one in [*graph.input, *graph.output]
        )


def test_int8_quantises_the_backbone_but_neither_preprocessing_nor_class_maps(bundles):
    graph = onnx.load(bundles["int8"] / "cnn.onnx").graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QuantizeLinear") >= 10
    makes = {output: node for node in graph.node for output in node.output}
    assert makes["cams"].op_type == "Conv" and makes["cams"].input[1] not in makes
    first_convolution = next(node for node in graph.node if node.op_type == "Conv")
    assert makes[first_convolution.input[1]].op_type == "DequantizeLinear"
    assert "Resize" in kinds[: kinds.index("QuantizeLinear")]


def test_an_export_that_differs_too_much_is_refused_and_leaves_no_manifest(tmp_path):
    cnn, sequence = nets()
    exported(tmp_path, cnn, sequence)
    with pytest.raises(ExportRefused, match="differs from PyTorch"):
        exported(tmp_path, cnn, sequence, Precision("fp16"), limit=1e-9)
    assert not (tmp_path / "manifest.json").exists()


def test_weights_in_fp16_that_overflow_stay_finite(tmp_path):
    cnn, _ = nets()
    cnn.head.weight.data[0, 0] = 1e6
    export_cnn(cnn, tmp_path / "cnn.onnx")
    store_weights_as_fp16(tmp_path / "cnn.onnx")
    assert np.isfinite(session(tmp_path / "cnn.onnx").run(["logits"], {"hu": head_like()})[0]).all()


def test_ichor_bundle_verify_accepts_every_export(bundles, tmp_path):
    node, main = ROOT / "node_modules" / "node" / "bin" / "node", ROOT / "apps" / "cli" / "src" / "main.ts"
    if not node.exists():
        pytest.fail("node_modules is missing: run npm ci in the repository")
    exported(tmp_path / "alone", nets()[0], CnnAlone(), selector=None)
    exported(tmp_path / "gelu", *nets("gelu_resnet"), backbone="gelu_resnet")
    for folder in [*bundles.values(), *tmp_path.iterdir()]:
        outcome = subprocess.run(
            [str(node), str(main), "bundle", "verify", str(folder)], capture_output=True, text=True, cwd=ROOT
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
