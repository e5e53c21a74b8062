"""Augmentation changes what scanners and positioning change, and nothing else."""

import numpy as np
import pytest
import torch
from small_data import small_studies

from ichor_training.models.networks import SliceNet
from ichor_training.stages.policies import (
    POLICIES,
    Variation,
    brightness_contrast,
    flip_shift_scale_rotate,
    policy,
    resize,
)
from ichor_training.stages.train_cnn import augmented


@pytest.fixture(scope="module")
def heads() -> torch.Tensor:
    return torch.from_numpy(small_studies(4).hu[:].astype(np.float32))


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_gives_the_side_asked_for_the_same_under_a_seed_and_finite_values(name, heads):
    net = SliceNet("tiny_resnext")
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(augmented(net, heads.clone(), Variation(name), 96))
    assert draws[0].shape == (len(heads), 3, 96, 96) and torch.isfinite(draws[0]).all()
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2]) == (name == "none")


@pytest.mark.parametrize("name", ["scanner", "paper"])
def test_brain_stays_brain_on_average_and_the_surroundings_stay_air(name, heads):
    torch.manual_seed(3)
    moved = torch.stack([policy(name).on_hu(heads.clone(), 128) for _ in range(8)])
    assert abs(float(moved[..., 54:74, 54:74].median()) - 32) < 8
    assert float((moved[..., 0, 0] < -200).float().mean()) > 0.8


def test_without_augmentation_the_channels_are_those_of_production_but_at_edges(heads):
    """Training resizes before windowing, production after: they differ where bone meets air."""
    net = SliceNet("tiny_resnext")
    assert (
        (augmented(net, heads, Variation("none"), 256) - net.preprocessing(heads)).abs() < 0.05
    ).float().mean() > 0.95
    assert resize(heads, 160).shape == (len(heads), 160, 160)


def test_half_of_the_slices_are_flipped_and_a_flip_only_mirrors(heads):
    """Slices that the geometry only flips, or leaves as they are, equal the original or its mirror image."""
    torch.manual_seed(4)
    many = heads[:1].repeat(64, 1, 1)
    moved = flip_shift_scale_rotate(many, many.shape[-1])
    same = [(one - many[0]).abs().max() < 1 for one in moved]
    mirrored = [(one - many[0].flip(-1)).abs().max() < 1 for one in moved]
    assert 4 < sum(same) < 28 and 4 < sum(mirrored) < 28


def test_brightness_and_contrast_stay_in_the_window_and_leave_half_alone():
    torch.manual_seed(5)
    channels = torch.rand(400, 3, 4, 4)
    changed = brightness_contrast(channels)
    assert changed.min() >= 0 and changed.max() <= 1
    untouched = (changed == channels).flatten(1).all(1).float().mean()
    assert 0.4 < untouched < 0.6
    assert (changed - channels).abs().max() <= 0.4 + 1e-6


def test_an_unknown_policy_is_refused_by_name():
    with pytest.raises(ValueError, match="scanner, paper, none"):
        policy("strong")


def test_with_windows_first_and_no_augmentation_the_channels_are_those_of_production(heads):
    """The paper's order: windows at the resolution that slices are kept at, then resize."""
    net = SliceNet("tiny_resnext")
    varied = augmented(net, heads, Variation("none", windows_first=True), 256)
    assert torch.allclose(varied, net.preprocessing(heads), atol=1e-6)


def test_the_papers_augmentation_moves_windows_as_it_moves_hounsfield_units(heads):
    net = SliceNet("tiny_resnext")
    torch.manual_seed(6)
    first = augmented(net, heads, Variation("paper", windows_first=True), 128)
    torch.manual_seed(6)
    last = augmented(net, heads, Variation("paper"), 128)
    assert ((first - last).abs() < 0.3).float().mean() > 0.9 and not torch.equal(first, last)
