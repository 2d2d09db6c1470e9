"""The forensic command line as a shell sees it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from shared.media.image import write_image


def forensics(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from forensics.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("command", [(), ("audit",), ("marks",)])
def test_help_explains(command):
    done = forensics(*command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout and len(done.stdout) > 300


def test_a_model_that_cannot_be_audited_has_a_code_and_no_traceback(tmp_path):
    photo = write_image(tmp_path / "a.png", np.full((32, 32, 3), 90, np.uint8))
    (tmp_path / "model").mkdir()
    index = json.dumps({"_class_name": "FluxPipeline"})
    (tmp_path / "model" / "model_index.json").write_text(index, "utf-8")
    done = forensics("audit", tmp_path / "model", photo, "--report", tmp_path / "out.html")
    assert done.returncode == 5
    assert "error [weights-error]" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out.html").exists()
