"""The command line: what it offers, and the whole way from a checkpoint to a page."""

import json
from dataclasses import asdict

import pytest
import torch
from typer.testing import CliRunner

from benchmarks.cli import app
from shared.errors import InputError, WeightsError
from shared.zoo.checkpoints import save_checkpoint
from synthesis.renderer.config import PRESETS
from synthesis.renderer.network import RendererNetwork

runner = CliRunner()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A renderer of the smoke size as `synthesis train` would leave it."""
    folder = tmp_path_factory.mktemp("checkpoint")
    torch.manual_seed(0)
    network, config = RendererNetwork(PRESETS["smoke"]), {"network": asdict(PRESETS["smoke"])}
    facts = {"kind": "renderer", "trained": True, "profile": "smoke"}
    save_checkpoint(folder, {"network": network}, config, "# A card", facts)
    return folder


def test_help_teaches():
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    names = ("speed", "renderer", "ablations", "memory", "fitting", "corpus", "opt", "tables")
    assert all(name in result.output for name in names)


def test_from_a_checkpoint_to_a_page(checkpoint, evaluation_folder, tmp_path):
    record, page = tmp_path / "records" / "renderer.json", tmp_path / "results.md"
    result = runner.invoke(
        app,
        ["renderer", "--weights", str(checkpoint), "--people", "1", "--record", str(record),
         "--evaluation", str(evaluation_folder)],
        catch_exceptions=False,
    )  # fmt: skip
    assert result.exit_code == 0
    content = json.loads(record.read_text("utf-8"))
    assert content["weights"]["renderer"]
    rows = {fact["figure"]: fact for fact in content["result"]["rows"]}
    assert rows["PSNR"]["status"] == "smoke"
    assert rows["PSNR"]["n"] == 1
    assert "25 takes" in rows["PSNR"]["protocol"]
    runner.invoke(app, ["tables", str(record.parent), "--page", str(page)], catch_exceptions=False)
    assert "| mouth gain, jaw wide open |" in page.read_text("utf-8")


def test_footage_needs_no_evaluation_set(checkpoint, corpus, tmp_path):
    record = tmp_path / "renderer.json"
    arguments = ["renderer", "--weights", str(checkpoint), "--corpus", str(corpus.root)]
    result = runner.invoke(app, [*arguments, "--record", str(record)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "test clips" in json.loads(record.read_text("utf-8"))["result"]["rows"][0]["protocol"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["tables", "nowhere"], InputError),
        (["renderer", "--weights", "nowhere"], WeightsError),
        (["opt", "nowhere", "--driver", "nowhere"], WeightsError),
    ],
)
def test_what_is_missing_is_a_coded_error(arguments, error):
    assert isinstance(runner.invoke(app, arguments).exception, error)


def test_a_corpus_is_measured(corpus, tmp_path):
    record = tmp_path / "corpus.json"
    arguments = ["corpus", str(corpus.root), "--record", str(record)]
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    figures = {fact["figure"] for fact in json.loads(record.read_text("utf-8"))["result"]["rows"]}
    assert "detection: CenterFace recall" in figures


def test_memory_that_grows_fails(monkeypatch, tmp_path):
    from benchmarks.memory import growth_row

    def measured(name: str) -> list[dict[str, object]]:
        peaks = [
            {"figure": f"{s} s", "value": v, "seconds": s, "table": name}
            for s, v in ((1, 100.0), (9, 150.0))
        ]
        return [*peaks, growth_row(peaks, 0.1 if name == "video" else None)]

    monkeypatch.setattr("benchmarks.memory.peak_rows", measured)
    result = runner.invoke(app, ["memory", "--record", str(tmp_path / "memory.json")])
    assert result.exit_code == 1
    assert "50.0 %" in result.output
