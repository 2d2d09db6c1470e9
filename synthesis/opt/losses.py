"""OPT's losses: one function, one formula. "Sec." counts sections of the notes in README.md.

All are means, so that weights do not depend on the batch. Names: c content, s speaker, x mel,
P landmarks, e mouth expression; a hat marks what the network says.
"""

from __future__ import annotations

import torch
from einops import einsum, rearrange
from torch import Tensor
from torch.nn import functional as F

INNER_LIP, OUTER_LIP, JAW = range(60, 68), range(48, 60), range(17)
UPPER_INNER, LOWER_INNER, LEFT_CORNER, RIGHT_CORNER = 62, 66, 48, 54
SHUT = 0.01
"""Lips that are less than this share of the interocular distance beyond rest are shut."""


def landmark_weights() -> Tensor:
    """Return ``(68,)`` w_i: inner lip 5, outer lip 3, jaw 1, the rest 0.5."""
    weights = torch.full((68,), 0.5)
    for points, weight in ((INNER_LIP, 5.0), (OUTER_LIP, 3.0), (JAW, 1.0)):
        weights[list(points)] = weight
    return weights


def masked_mean(value: Tensor, valid: Tensor) -> Tensor:
    """Return the mean over the frames that count.

    Args:
        value: ``(B, T, ...)``.
        valid: ``(B, T)`` bool, or weights.
    """
    per_frame = value.flatten(2).mean(dim=-1) if value.dim() > 2 else value
    weight = valid.to(per_frame.dtype)
    return (per_frame * weight).sum() / weight.sum().clamp(min=1.0)


def reconstruction(predicted: Tensor, mel: Tensor, valid: Tensor) -> Tensor:
    """L1 of the decoded mel: mean |D(c, s) - x|.

    With c and s of one recording this is the self reconstruction, with s of another recording of
    the speaker the swap, and with c of another *voice*, brought to this one's time, the cross
    reconstruction |D(c^1, s^2) - x^2|.

    Args:
        predicted: ``(B, 80, 4 T)``.
        mel: ``(B, 80, 4 T)``.
        valid: ``(B, T)`` frames that count.
    """
    error = (predicted - mel).abs()
    return masked_mean(rearrange(error, "b m (t c) -> b t m c", t=valid.shape[1]), valid)


def at_time(sequence: Tensor, positions: Tensor) -> Tensor:
    """Read a sequence at fractional frames, linearly: what brings reading A to reading B's time.

    Args:
        sequence: ``(B, T, C)``.
        positions: ``(B, T')`` frames; held at the ends.

    Returns:
        ``(B, T', C)``.
    """
    last = sequence.shape[1] - 1
    place = positions.clamp(0, last)
    before = place.floor().long()
    share = (place - before)[..., None]

    def take(index: Tensor) -> Tensor:
        return sequence.gather(1, index[..., None].expand(-1, -1, sequence.shape[-1]))

    return take(before) * (1 - share) + take((before + 1).clamp(max=last)) * share


def content_invariance(content_1: Tensor, content_2: Tensor, valid: Tensor) -> Tensor:
    """One content for two voices: mean (c^1 - c^2)^2 over aligned frames, ``(B, T, C)``."""
    return masked_mean((content_1 - content_2).square(), valid)


def content_cycle(content: Tensor, again: Tensor, valid: Tensor) -> Tensor:
    """Content of what was said anew in another voice: mean |E_c(D_a(c, s')) - c|, ``(B, T, C)``."""
    return masked_mean((again - content).abs(), valid)


def variance_guard(content: Tensor, valid: Tensor) -> Tensor:
    """Keep every dimension alive: mean_j max(0, 1 - std(c_j)) (VICReg), ``(B, T, C)``."""
    flat = content[valid]
    deviation = (flat.var(dim=0) + 1e-4).sqrt()
    return F.relu(1 - deviation).mean()


def covariance_guard(content: Tensor, valid: Tensor) -> Tensor:
    """Keep dimensions different: sum_{i != j} Cov(c)_ij^2 / C (VICReg), ``(B, T, C)``."""
    flat = content[valid]
    centred = flat - flat.mean(dim=0)
    covariance = einsum(centred, centred, "n i, n j -> i j") / (len(flat) - 1)
    off_diagonal = covariance - torch.diag(covariance.diagonal())
    return off_diagonal.square().sum() / flat.shape[1]


def speaker_entropy(logits: Tensor, speaker: Tensor) -> Tensor:
    """CE(C(c), speaker): learned by the adversary, unlearned through its reversed gradient."""
    return F.cross_entropy(logits, speaker)


def moment_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over the frames whose label is known.

    Args:
        logits: ``(B, T, K)``.
        labels: ``(B, T)``, -1 where unknown.
    """
    error = F.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="sum"
    )
    return error / (labels >= 0).sum().clamp(min=1)


def mouth_contrast(
    audio: Tensor, mouth: Tensor, valid: Tensor, temperature: float, every: int = 5
) -> Tensor:
    """InfoNCE of audio and mouth, both ways, with the negatives from the same clip.

    The negatives share the person, the voice and the room, so that only what is said at that moment
    can tell them apart. Every fifth frame is used: neighbours look alike and are no negatives.

    Args:
        audio: ``(B, T, D)`` unit vectors.
        mouth: ``(B, T, D)`` unit vectors.
        valid: ``(B, T)`` frames that count.
        temperature: Divides the cosines.
        every: Frames between candidates.
    """
    audio, mouth, valid = audio[:, ::every], mouth[:, ::every], valid[:, ::every]
    similarity = einsum(audio, mouth, "b i d, b j d -> b i j") / temperature
    total = similarity.new_zeros(())
    for scores in (similarity, similarity.transpose(1, 2)):
        hidden = scores.masked_fill(~valid[:, None, :], -1e4)
        right = hidden.log_softmax(dim=-1).diagonal(dim1=1, dim2=2)
        total = total - masked_mean(right, valid)
    return total / 2


def sync_entropy(logits: Tensor, valid: Tensor, apart: int = 5) -> Tensor:
    """BCE of the sync expert: -mean_t log p_tt - mean_{|i - j| >= apart} log(1 - p_ij).

    Both counter-examples and examples come from one clip, so that only the moment can tell.

    Args:
        logits: ``(B, T, T)`` sound of moment i with the mouth of moment j.
        valid: ``(B, T)`` frames that count.
        apart: Frames between moments that do not belong together.
    """
    place = torch.arange(logits.shape[1], device=logits.device)
    far = (place[:, None] - place).abs() >= apart
    others = far & valid[:, :, None] & valid[:, None, :]
    wrong = F.softplus(logits)[others].sum() / others.sum().clamp(min=1)
    return sync_loss(logits, valid) + wrong


def sync_loss(logits: Tensor, valid: Tensor) -> Tensor:
    """-mean_t log p_tt: how surely the frozen expert takes the predicted mouth for the sound's."""
    return masked_mean(F.softplus(-logits.diagonal(dim1=1, dim2=2)), valid)


def landmark_loss(points: Tensor, target: Tensor, interocular: Tensor, valid: Tensor) -> Tensor:
    """L_lm = mean_t sum_i w_i |P_i - P*_i|_1 / (sum_i w_i IOD).

    Args:
        points: ``(B, T, 68, 2)`` the source person's landmarks under the predicted expression.
        target: ``(B, T, 68, 2)`` under the true one, in the same pose.
        interocular: ``(B,)`` distance of the outer eye corners in the same unit.
        valid: ``(B, T)``.
    """
    weights = landmark_weights().to(points)
    error = ((points - target).abs().sum(dim=-1) * weights).sum(dim=-1) / weights.sum()
    return masked_mean(error / interocular[:, None], valid)


def distance_between(points: Tensor, first: int, second: int) -> Tensor:
    """Return the distance of two landmarks, ``(B, T)``, of ``(B, T, 68, D)``."""
    return (points[..., first, :] - points[..., second, :]).square().sum(-1).add(1e-12).sqrt()


def opening_of(points: Tensor, source: Tensor, interocular: Tensor) -> Tensor:
    """Return (d(62, 66) - d_rest) / IOD ``(B, T)``: the gap of the inner lips relative to the face.

    Args:
        points: ``(B, T, 68, 2)`` from in front.
        source: ``(B, 68, 2)`` at rest.
        interocular: ``(B,)``.
    """
    rest = distance_between(source, UPPER_INNER, LOWER_INNER)[:, None]
    return (distance_between(points, UPPER_INNER, LOWER_INNER) - rest) / interocular[:, None]


def relative_opening_loss(opening: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """|a - a*| of :func:`opening_of`, ``(B, T)`` each: a stranger's voice opens this face alike."""
    return masked_mean((opening - target).abs(), valid)


def opening_loss(points: Tensor, target: Tensor, interocular: Tensor, valid: Tensor) -> Tensor:
    """|d(62, 66) - d*(62, 66)| / IOD: the gap of the inner lips."""
    gaps = [distance_between(p, UPPER_INNER, LOWER_INNER) for p in (points, target)]
    return masked_mean((gaps[0] - gaps[1]).abs() / interocular[:, None], valid)


def closure_loss(
    points: Tensor, target: Tensor, source: Tensor, interocular: Tensor, closure: Tensor
) -> Tensor:
    """max(0, d - d_rest) / IOD of the inner lips where p, b and m shut the true ones.

    Args:
        points: ``(B, T, 68, 2)`` under the predicted expression, from in front.
        target: ``(B, T, 68, 2)`` under the true one.
        source: ``(B, 68, 2)`` at rest.
        interocular: ``(B,)``.
        closure: ``(B, T)`` frames of such phones.
    """
    gap, true = (opening_of(p, source, interocular) for p in (points, target))
    return masked_mean(F.relu(gap), closure & (true < SHUT))


def width_loss(points: Tensor, target: Tensor, interocular: Tensor, valid: Tensor) -> Tensor:
    """|d(48, 54) - d*(48, 54)| / IOD: the distance of the mouth's corners."""
    widths = [distance_between(p, LEFT_CORNER, RIGHT_CORNER) for p in (points, target)]
    return masked_mean((widths[0] - widths[1]).abs() / interocular[:, None], valid)


def velocity_loss(predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean |Delta e - Delta e*| over frames whose predecessor counts, too, ``(B, T, C)``."""
    error = (predicted.diff(dim=1) - target.diff(dim=1)).abs()
    return masked_mean(error, valid[:, 1:] & valid[:, :-1])


def identity_landmark_loss(
    points: Tensor, source: Tensor, interocular: Tensor, pause: Tensor
) -> Tensor:
    """L_lm-id: in pauses, from in front, the landmarks are the source's own.

    Args:
        points: ``(B, T, 68, 2)`` under the predicted expression, pose zero.
        source: ``(B, 68, 2)`` of the source at rest, pose zero.
        interocular: ``(B,)``.
        pause: ``(B, T)`` frames in which nobody speaks.
    """
    error = (points - source[:, None]).norm(dim=-1).mean(dim=-1)
    return masked_mean(error / interocular[:, None], pause)
