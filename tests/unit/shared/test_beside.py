"""Outputs replace no device and no file of another kind."""

import os
from pathlib import Path

import pytest

from shared.beside import replacing, require_own
from shared.errors import OutputError


def test_a_device_is_not_replaced_and_a_link_keeps_leading_where_it_did(tmp_path):
    for device in ("/dev/null", "/dev/stdout"):
        with pytest.raises(OutputError, match="device"), replacing(device):
            pass
    shared_memory = Path("/dev/shm")
    if os.access(shared_memory, os.W_OK):
        place = shared_memory / f"twinface-{os.getpid()}.txt"
        with replacing(place) as temporary:
            temporary.write_text("whole")
        assert place.read_text() == "whole"
        place.unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="pipe"), replacing(tmp_path / "pipe"):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "new"


def test_a_file_of_another_kind_is_not_written_over(tmp_path):
    place = tmp_path / "a.png"
    require_own(place, b"{")
    place.write_bytes(b'{"task": 1}')
    require_own(place, b"{")
    place.write_bytes(b"\x89PNG")
    with pytest.raises(OutputError, match="another kind"):
        require_own(place, b"{")
