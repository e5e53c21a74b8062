"""Where training computes in bf16, and where phantoms are drawn."""

import pytest
import torch

from ichor_training.data import phantoms
from ichor_training.stages.device import mixed_precision


@pytest.mark.parametrize(
    "capabilities, expected",
    [({"avx2": True}, torch.float32), ({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16)],
)
def test_a_processor_without_bf16_instructions_computes_in_float32(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with mixed_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected


def test_bf16_that_is_not_wanted_is_not_used(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    with mixed_precision(torch.device("cpu"), enabled=False):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_phantoms_land_in_a_folder_named_relative_to_where_training_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    drawn = phantoms.phantoms(phantoms.Path("runs/some"), 1, 4_321, 4, 64)
    assert len(list((tmp_path / drawn).rglob("*.dcm"))) == 4
