"""A target goes into the box with the pictures that one needs to audit it."""

from __future__ import annotations

import csv
import json

import pytest

from benchmarks.targets import shipping
from forensics.membership.target import open_target
from shared.errors import InputError
from shared.zoo.pipelines import find_pipeline


def test_a_shipped_target_can_be_audited(latent_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "_ASKED", 1)
    rows = [
        {"table": "latent, 2 epochs", "figure": "AUC of DRC", "value": 0.75, "protocol": "two"},
        {"table": "latent, 1 epochs", "figure": "AUC of PIA", "value": 0.5, "protocol": "one"},
    ]
    record = tmp_path / "membership.json"
    record.write_text(json.dumps({"result": {"rows": rows}}))
    shipping.ship(latent_folder, "tiny", "# Tiny", pictures=3, record=record, zoo=tmp_path)
    folder = find_pipeline("tiny", zoo=tmp_path)
    assert open_target(folder).image_size == 16
    assert "| AUC of DRC | 0.750 |" in (folder / "card.md").read_text()
    assert "PIA" not in (folder / "card.md").read_text()
    learnt = set(json.loads((folder / "members.json").read_text())["learnt"])
    shown, others, asked = (
        {path.name for path in (folder / part).iterdir()}
        for part in ("members", "nonmembers", "asked")
    )
    assert len(shown) == len(others) == 3
    assert shown < learnt
    assert not others & learnt
    with (folder / "captions.csv").open() as table:
        assert {row["image"] for row in csv.DictReader(table)} == shown | others | asked
    assert len(asked) == 2
    assert len(asked & learnt) == 1
    assert not asked & (shown | others)


def test_too_large_a_target_is_refused(pixel_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "LIMIT", 1000)
    monkeypatch.setattr(shipping, "_ASKED", 1)
    with pytest.raises(InputError, match="too large"):
        shipping.ship(pixel_folder, "tiny", "# Tiny", pictures=2, zoo=tmp_path)
    with pytest.raises(InputError, match="no finished target"):
        shipping.ship(tmp_path, "tiny", "# Tiny", zoo=tmp_path)
