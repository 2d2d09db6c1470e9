"""Was this picture in the training set? Membership inference on diffusion models.

Three lines score a folder of pictures; a fourth shows why a picture got its score::

    target = open_target("path/to/stable-diffusion")
    pictures = read_images(find_images("path/to/photos"), target.image_size)
    scores = score_images(attack("secmi"), target, pictures, captions=None, cache_path="scores.jsonl")
    evidence_of(attack("secmi"), target, pictures[0]).sentence

``scores.oriented`` is larger for members, whatever the attack. A score is no verdict: that needs pictures of known
standing, and the controls (``attacks()`` lists them with ``control = True``) run beside the attack.

Example:
    A model that knows its members by heart, so that the answer is known:

    >>> import torch
    >>> from forensics.membership.closed_form import ClosedFormTarget
    >>> faces = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> target = ClosedFormTarget(faces[:4])
    >>> scores = score_images(attack("secmi"), target, as_pictures(faces), captions=None)
    >>> bool(scores.oriented[:4].min() > scores.oriented[4:].max())
    True
"""

from forensics.membership.pictures import as_pictures, find_images, read_images
from forensics.membership.protocol import Attack, Evidence, Scores
from forensics.membership.registry import attack, attacks
from forensics.membership.run import evidence_of, score_images
from forensics.membership.target import Target, open_target

__all__ = [
    "Attack",
    "Evidence",
    "Scores",
    "Target",
    "as_pictures",
    "attack",
    "attacks",
    "evidence_of",
    "find_images",
    "open_target",
    "read_images",
    "score_images",
]
