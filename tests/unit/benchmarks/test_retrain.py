"""What `make retrain-smoke` runs: every shipped model has its recipe, in commands that exist."""

from benchmarks.retrain import SAMPLE, sample_pictures, steps
from benchmarks.targets.pictures import PARTS


def test_every_recipe_is_a_command_and_none_writes_outside_its_folder(tmp_path):
    made = steps(tmp_path)
    assert {step.name for step in made} >= {"renderer", "opt", "focus", "pixel", "latent"}
    for step in made:
        folders = [
            part for part in step.command if part.startswith("/") and "bin/python" not in part
        ]
        assert all(part.startswith((str(tmp_path), str(SAMPLE))) for part in folders)


def test_the_sample_pack_gives_pictures_of_three_people():
    pictures = sample_pictures(count=2)
    assert set(pictures.parts) == set(PARTS) and len(pictures) == 2 * len(PARTS)
    assert len(set(pictures.identities)) == len(PARTS)
    assert pictures.images.std() > 20
