"""Where a decision comes from, at the network's last but one 16 × 16 layer: a forward and hand-derived backward ONNX
graph of what follows it.

`maps` [T, h, w] = ReLU(Σ_c A_c ⊙ ∂/∂A_c Σ_k weights_k mean(activations_k)), A the inner activations of one slice:
Grad-CAM with the
gradient kept at its place instead of averaged (HiResCAM; Draelos, Carin, arXiv 2011.08891). On the last layer this is
Grad-CAM itself.
A strided convolution's cells do not lie where an even division of the image would put them: with the usual paddings
cell i of a ResNet sees
around pixel 16 i, not 16 i + 7.5. The maps are resampled to the even division (`aligned`); otherwise they lie half a
cell away.
The backward graph is derived from the exported forward graph, operation by operation, so that every backbone made of
these can have it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from .backbones import Ensemble
from .backward import Backward, exported
from .networks import SIDE, SliceNet, inputs_of
from .sequence_gradient import IR_VERSION, OPSET, value

STRIDE = 16
"""Of the layer that is explained: at a stride of 32 what is seen at a place has spread too far."""


def members(backbone: nn.Module) -> list[nn.Module]:
    return list(backbone.members) if isinstance(backbone, Ensemble) else [backbone]


def halves(backbone: nn.Module) -> tuple[nn.Sequential, nn.Sequential]:
    """The layers up to and with the last but one at STRIDE, and those after it: the last sees less sharply, and more of
    them cost memory.
    @param backbone no ensemble @raises ValueError when it has no such layer
    """
    x, at_stride = torch.zeros(1, inputs_of(backbone), SIDE, SIDE), []
    with torch.no_grad():
        for index, layer in enumerate(backbone.eval().layers):
            x = layer(x)
            if x.shape[2:] == (SIDE // STRIDE, SIDE // STRIDE):
                at_stride.append(index)
    if not at_stride:
        raise ValueError(f"no layer is at a stride of {STRIDE}")
    count = at_stride[-2:][0] + 1
    return backbone.layers[:count].eval(), backbone.layers[count:].eval()


def shift(early: nn.Sequential) -> float:
    """How far, in cells, the centre of an evenly divided cell lies behind what that cell of the layer sees. Shortcuts
    see the same."""
    centre, jump = 0.0, 1
    for name, module in early.named_modules():
        if "shortcut" in name:
            continue

        def first(one):
            return one[0] if isinstance(one, tuple) else one

        if isinstance(module, nn.ZeroPad2d):
            centre -= module.padding[0] * jump
        elif isinstance(module, (nn.Conv2d, nn.MaxPool2d)):
            centre += ((first(module.kernel_size) - 1) / 2 - first(module.padding)) * jump
            jump *= first(module.stride)
    return ((jump - 1) / 2 - centre) / jump


def aligned(cells: int, by: float) -> np.ndarray:
    """float32 [cells, cells]: interpolates between cells, a map's rows or columns moved by so many cells; the border
    cell stands beyond it."""
    matrix = np.zeros((cells, cells), np.float32)
    for cell in range(cells):
        at = min(max(cell + by, 0), cells - 1)
        low = min(int(at), cells - 2)
        matrix[cell, low : low + 2] = 1 - (at - low), at - low
    return matrix


class WithInner(nn.Module):
    """A SliceNet that also gives its inner activations, those of an ensemble's members joined by channel.

    forward: int16 HU as SliceNet → features, logits, cams, activations as SliceNet, inner [N, C, 16, 16], and what the
    preprocessing makes of the slices, channels [N, 3 K, 256, 256].
    """

    def __init__(self, cnn: SliceNet) -> None:
        super().__init__()
        self.cnn = cnn
        self.parts = [halves(member) for member in members(cnn.backbone)]
        self.eval()

    def forward(self, hu: Tensor) -> tuple[Tensor, ...]:
        channels = self.cnn.preprocessing(hu)
        inner = [early(channels) for early, _ in self.parts]
        activations = joined([late(one) for (_, late), one in zip(self.parts, inner, strict=True)])
        return *self.cnn.judged(activations), joined(inner), channels


def joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


@torch.enable_grad()
def maps_by_autograd(cnn: SliceNet, hu: Tensor, weights: Tensor) -> Tensor:
    """What the graph must give. @param hu int16 [1, H, W] @param weights [T, F] @returns [T, 16, 16]"""
    with torch.no_grad():
        channels, parts = cnn.preprocessing(hu), [halves(member) for member in members(cnn.backbone)]
        inner = [early(channels) for early, _ in parts]
    inner = [one.requires_grad_(True) for one in inner]
    places = [torch.from_numpy(aligned(SIDE // STRIDE, shift(early))) for early, _ in parts]
    features = torch.cat([late(one) for (_, late), one in zip(parts, inner, strict=True)], 1).mean((2, 3))
    maps = []
    for target in weights:
        gradients = torch.autograd.grad((features[0] * target).sum(), inner, retain_graph=True)
        maps.append(
            sum(
                at @ (gradient * one).sum(1)[0] @ at.T
                for gradient, one, at in zip(gradients, inner, places, strict=True)
            ).relu()
        )
    return torch.stack(maps).detach()


def export_explain(cnn: SliceNet, path: Path) -> None:
    """inner [1, C, 16, 16] and weights [T, F] → maps [T, 16, 16]. @raises ValueError for a backbone with other
    operations"""
    side, parts = SIDE // STRIDE, [halves(member) for member in members(cnn.backbone)]
    inner = [early(torch.zeros(1, inputs_of(early), SIDE, SIDE)).shape[1] for early, _ in parts]
    features = [member.features for member in members(cnn.backbone)]
    nodes, constants, products = [], [], []

    def split(what, sizes, axis, names):
        return nodes.append(helper.make_node("Split", [what, f"{what}_sizes"], names, axis=axis))

    for what, sizes, axis in (("inner", inner, 1), ("weights", features, 1)):
        constants.append(numpy_helper.from_array(np.array(sizes, np.int64), f"{what}_sizes"))
        split(what, sizes, axis, [f"{what}_{index}" for index in range(len(sizes))])
    for index, (early, late) in enumerate(parts):
        back = Backward(exported(late, inner[index], side), f"m{index}_", f"inner_{index}")
        gradient = back.run(f"weights_{index}")
        product, at = (
            back.reduced("ReduceSum", back.op("Mul", gradient, f"inner_{index}"), [1], keepdims=0),
            aligned(side, shift(early)),
        )
        products.append(back.op("MatMul", back.op("MatMul", back.constant(at), product), back.constant(at.T)))
        nodes += back.nodes
        constants += back.constants
    nodes += [helper.make_node("Sum", products, ["signed"]), helper.make_node("Relu", ["signed"], ["maps"])]
    inputs = [value("inner", 1, sum(inner), side, side), value("weights", "T", sum(features))]
    body = helper.make_graph(nodes, "explain", inputs, [value("maps", "T", side, side)], constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    onnx.save(model, path)
