"""The command line as a shell sees it: help that teaches, exit codes, one red line instead of a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data

from shared.media.image import write_image


def synthesis(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from synthesis.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", [(), ("talk",), ("batch",), ("prepare",), ("train",)])
def test_help_explains(command):
    done = synthesis(*command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout and len(done.stdout) > 300


def test_a_bad_photo_has_a_code_and_no_traceback(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    done = synthesis("talk", tmp_path / "a.jpg", tmp_path / "b.wav", "-o", tmp_path / "out.mp4")
    assert done.returncode == 2
    assert "error [bad-input]" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out.mp4").exists()


def test_a_photo_without_a_face_has_another_code(tmp_path):
    photo = write_image(tmp_path / "grass.png", skimage.data.grass()[..., None].repeat(3, -1))
    speech = Path(__file__).parents[2] / "synthesis" / "samples" / "speech.flac"
    done = synthesis("talk", photo, speech, "-o", tmp_path / "out.mp4")
    assert done.returncode == 3
    assert "error [face-not-found]" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grass.png"]


def test_an_unknown_training_is_refused(tmp_path):
    done = synthesis("train", "nothing", "--corpus", tmp_path, "-o", tmp_path / "run")
    assert done.returncode == 2
    assert "renderer | opt" in done.stderr


def test_the_command_line_does_not_load_what_help_does_not_need():
    script = "import sys, synthesis.cli; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0
