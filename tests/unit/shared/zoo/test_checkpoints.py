from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from shared.errors import NotTrained, WeightsError
from shared.zoo.checkpoints import load_checkpoint, register_checkpoint, save_checkpoint


@dataclass(frozen=True)
class TinyConfig:
    width: int = 4


def save(folder, **meta):
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    facts = {"kind": "tiny", "trained": True, **meta}
    return net, save_checkpoint(folder, {"net": net}, TinyConfig(), "# Tiny", facts)


def test_round_trip_gives_the_module_back_in_float32(tmp_path):
    net, sha256 = save(tmp_path / "t", note="x")
    tensors, facts = load_checkpoint(tmp_path / "t", "tiny")
    again = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    again.load_state_dict(tensors["net"])
    torch.testing.assert_close(again[0].weight, net[0].weight, atol=1e-3, rtol=1e-3)
    assert again[0].weight.dtype == torch.float32
    assert again[1].num_batches_tracked.dtype == torch.int64
    assert facts["sha256"] == sha256
    assert facts["config"] == {"width": 4}
    assert facts["meta"]["note"] == "x"
    assert (tmp_path / "t" / "card.md").read_text() == "# Tiny\n"


def test_a_shipped_name_is_checked_against_the_registry(tmp_path):
    save(tmp_path / "weights" / "small")
    register_checkpoint("small", zoo=tmp_path)
    tensors, _ = load_checkpoint("small", "tiny", zoo=tmp_path)
    assert set(tensors) == {"net"}
    save(tmp_path / "weights" / "small")  # other random weights, with their own valid hash
    with pytest.raises(WeightsError, match="were changed"):
        load_checkpoint("small", "tiny", zoo=tmp_path)


def test_one_changed_byte_is_noticed(tmp_path):
    save(tmp_path)
    path = tmp_path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="were changed"):
        load_checkpoint(tmp_path, "tiny")


def test_untrained_is_refused(tmp_path):
    save(tmp_path, trained=False)
    with pytest.raises(NotTrained):
        load_checkpoint(tmp_path, "tiny")


def test_another_kind_is_refused(tmp_path):
    save(tmp_path)
    with pytest.raises(WeightsError, match="another kind"):
        load_checkpoint(tmp_path, "large")


def test_missing_says_what_there_is(tmp_path):
    save(tmp_path / "weights" / "small")
    register_checkpoint("small", zoo=tmp_path)
    with pytest.raises(WeightsError, match="small"):
        load_checkpoint("nothing-here", "tiny", zoo=tmp_path)


def test_missing_weights_and_broken_config_are_named(tmp_path):
    save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        load_checkpoint(tmp_path, "tiny")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_checkpoint(tmp_path, "tiny")
    (tmp_path / "config.json").write_text(json.dumps({"kind": "tiny"}))
    with pytest.raises(WeightsError, match="no config"):
        load_checkpoint(tmp_path, "tiny")


def test_a_broken_weights_file_is_refused(tmp_path):
    save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    facts = json.loads((tmp_path / "config.json").read_text())
    facts["sha256"] = hashlib.sha256(b"not tensors").hexdigest()
    (tmp_path / "config.json").write_text(json.dumps(facts))
    with pytest.raises(WeightsError, match="cannot be read"):
        load_checkpoint(tmp_path, "tiny")
