"""Shipped pipelines: found by name, and refused when a file is not what was shipped."""

from __future__ import annotations

import pytest

from shared.errors import WeightsError
from shared.zoo.pipelines import find_pipeline, register_pipeline, shipped_pipelines


@pytest.fixture
def zoo(tmp_path):
    folder = tmp_path / "weights" / "small"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "unet" / "model.safetensors").write_bytes(b"weights")
    register_pipeline("small", zoo=tmp_path)
    return tmp_path


def test_a_registered_pipeline_is_found(zoo):
    assert shipped_pipelines(zoo=zoo) == ("small",)
    assert find_pipeline("small", zoo=zoo) == zoo / "weights" / "small"


@pytest.mark.parametrize("content", [b"other", None])
def test_a_changed_or_missing_file_is_refused(zoo, content):
    path = zoo / "weights/small/unet/model.safetensors"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"unet/model\.safetensors"):
        find_pipeline("small", zoo=zoo)


def test_unknown_names_are_refused(zoo):
    with pytest.raises(WeightsError, match="expected small"):
        find_pipeline("large", zoo=zoo)
    with pytest.raises(WeightsError, match="no pipeline in"):
        register_pipeline("large", zoo=zoo)


def test_what_is_shipped_is_whole():
    for name in shipped_pipelines():
        folder = find_pipeline(name)
        assert (folder / "card.md").is_file()
        files = [path for path in folder.rglob("*") if path.is_file()]
        pictures = sum(path.stat().st_size for path in files if path.suffix == ".png")
        assert sum(path.stat().st_size for path in files) - pictures < 5_000_000
        assert pictures < 1_000_000
