"""The forensic command line as a shell sees it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shared.media.image import write_image

MAIN = [sys.executable, "-c", "from forensics.cli import main; main()"]


def forensics(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*MAIN, *map(str, arguments)]
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


@pytest.mark.parametrize("arguments", [("--help",), ("marks",), ("marks", "--json")])
@pytest.mark.parametrize(("full", "code"), [(True, 7), (False, 1)])
def test_a_full_or_closed_standard_output_is_no_traceback(tmp_path, arguments, full, code):
    photo = write_image(tmp_path / "a.png", np.full((32, 32, 3), 90, np.uint8))
    files = [photo] if "marks" in arguments else []
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("w") if full else os.fdopen(writer, "w") as out:
        done = subprocess.run(
            [*MAIN, *arguments, *files], stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == code and "Traceback" not in done.stderr
    assert ("error [output-error]: standard output" in done.stderr) is full


def test_a_full_standard_error_changes_no_exit_code(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*MAIN, "marks", tmp_path / "gone"], stderr=full, check=False)
    assert done.returncode == 2
