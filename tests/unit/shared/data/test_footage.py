"""Layouts: who is in which file, from generated trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.data.footage import find_footage
from shared.errors import InputError


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_plain_takes_the_first_folder_or_the_file(tmp_path: Path):
    tree(tmp_path, "anna/a.mp4", "anna/more/b.MOV", "bert.webm", "notes.txt", ".hidden.mp4")
    found = find_footage(tmp_path)
    assert [(item.id, item.person) for item in found] == [
        ("anna-a", "anna"),
        ("anna-more-b", "anna"),
        ("bert", "bert"),
    ]
    assert all(item.audio == item.path for item in found)


def test_voxceleb2_takes_the_id_and_the_sister_sound(tmp_path: Path):
    tree(
        tmp_path,
        "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4",
        "dev/aac/id00012/21Uxsk56VDQ/00001.m4a",
        "dev/mp4/id00017/abc/00002.mp4",
        "dev/readme/how/to.mp4",
    )
    first, second = find_footage(tmp_path, "voxceleb2")
    assert (first.person, second.person) == ("id00012", "id00017")
    assert first.audio == tmp_path / "dev/aac/id00012/21Uxsk56VDQ/00001.m4a"
    assert second.audio == second.path


def test_hdtf_strips_series_part_and_video_number(tmp_path: Path):
    names = (
        "RD_Radio10_000",
        "WDA_BarackObama_000",
        "WDA_BarackObama_001",
        "WRA_AdamKinzinger1_000",
    )
    tree(tmp_path, *(f"{name}.mp4" for name in names), "other.mp4")
    people = [item.person for item in find_footage(tmp_path, "hdtf")]
    assert people == ["Radio10", "BarackObama", "BarackObama", "AdamKinzinger"]


def test_names_stay_distinct_and_harmless(tmp_path: Path):
    tree(tmp_path, "a b/c.mp4", "a b/c.mkv", "a_b/c.mp4", "søn/ü ?.mp4")
    ids = [item.id for item in find_footage(tmp_path)]
    assert len(set(ids)) == 4
    assert not any(set(name) & set(" ?/") for name in ids)


def test_what_cannot_be_found_is_said(tmp_path: Path):
    with pytest.raises(InputError, match=r"unknown layout .*plain \| voxceleb2 \| hdtf"):
        find_footage(tmp_path, "ucf101")
    with pytest.raises(InputError, match="no folder"):
        find_footage(tmp_path / "none")
    tree(tmp_path, "a/b/c.mp4")
    with pytest.raises(InputError, match=r"fits the layout hdtf .*1 videos"):
        find_footage(tmp_path, "hdtf")
