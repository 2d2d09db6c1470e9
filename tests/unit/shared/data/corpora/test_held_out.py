"""Who becomes ``val``: whole groups, of both labels, and never all of a label."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shared.data.corpora.held_out import hold_out, lacking
from shared.data.corpora.video import LabelledVideo


def videos_of(groups: list[tuple[int, int]]) -> list[LabelledVideo]:
    """Return videos of people of whom each has so many (authentic, forged)."""
    return [
        LabelledVideo(Path(f"{person}-{label}-{number}"), label, "train", persons=(str(person),))
        for person, counts in enumerate(groups)
        for label, count in zip(("authentic", "forged"), counts, strict=True)
        for number in range(count)
    ]


def test_one_great_group_is_never_held_out():
    pairs = [(str(n), str((n + 1) % 30)) for n in range(30)]
    ring = [LabelledVideo(Path(pair[0]), "forged", "train", "x", pair) for pair in pairs]
    assert {video.split for video in hold_out(ring)} == {"train"}


def test_a_tenth_of_each_label_is_held_out():
    count = Counter((v.split, v.label) for v in hold_out(videos_of([(1, 0)] * 200 + [(0, 1)] * 20)))
    assert (count["val", "authentic"], count["val", "forged"]) == (20, 2)


def test_few_forgeries_are_on_both_sides():
    """Authentic people alone would fill a tenth."""
    held = hold_out(videos_of([(1, 0)] * 30 + [(0, 8), (0, 4)]))
    count = Counter((v.split, v.label) for v in held)
    assert (count["train", "forged"], count["val", "forged"]) == (8, 4)
    assert count["val", "authentic"] == 3


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8))
def test_every_label_is_on_both_sides_wherever_groups_allow_it(groups):
    videos = videos_of(groups)
    held = hold_out(videos)
    assert held == hold_out(videos)
    labels = {video.label for video in videos}
    sides = {(video.split, video.label) for video in held}
    possible = all(sum(group[at] > 0 for group in groups) > 1
                   for at, label in enumerate(("authentic", "forged")) if label in labels)  # fmt: skip
    assert sides == {
        (s, one) for s in (("train", "val") if possible else ("train",)) for one in labels
    }
    people = Counter((video.persons[0]) for video in {v.persons: v for v in held}.values())
    assert len({(v.persons, v.split) for v in held}) == len(people)
    assert 2 * sum(video.split == "val" for video in held) <= len(held)


def test_what_a_training_will_miss_is_told():
    everything = {(split, label) for split in ("train", "val") for label in ("authentic", "forged")}
    assert lacking(everything) == [] == lacking({("test", "forged")})
    assert lacking(everything - {("train", "authentic")}) == ["train holds no authentic video"]
