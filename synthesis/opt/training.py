"""The four trainings of OPT: audio disentanglement, sync expert, the mouth's expression, both joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.audio.mel import COLUMNS_PER_FRAME
from shared.data.marionette.lips import VISEMES
from synthesis.opt import losses
from synthesis.opt.config import ExpressionWeights, OptConfig, OptProfile, StageBudget
from synthesis.opt.expression import compose, kept_rest
from synthesis.opt.geometry import FaceGeometry, project
from synthesis.opt.network import (
    AudioDecoder,
    ContentEncoder,
    ExpressionNet,
    MouthContrast,
    SpeakerAdversary,
    SpeakerEncoder,
    Speech,
    raw_content,
)
from synthesis.opt.pictures import PictureLoop
from synthesis.opt.sync import SyncExpert

Batch = Mapping[str, Tensor]
Terms = dict[str, Tensor]


def speech_of(batch: Batch) -> Speech:
    """Return what a batch of :func:`synthesis.opt.batches.crop` hears."""
    return Speech(batch["mel"], batch["energy"], batch["voiced"])


def side_of(batch: Batch, number: str) -> dict[str, Tensor]:
    """Return one side, "1" or "2", of a batch of pairs, as a batch of its own."""
    ending = f"_{number}"
    return {key.removesuffix(ending): value for key, value in batch.items() if key.endswith(ending)}


def content_of(encoder: ContentEncoder, batch: Batch, config: OptConfig) -> Tensor:
    """Return the content ``(B, T, C)`` of a batch, or raw mel in the ablation "without AFDM"."""
    speech = speech_of(batch)
    return encoder(speech)[0] if config.disentangle else raw_content(speech)


def weighted(terms: Terms, weights: object) -> Tensor:
    """Return the sum of terms, each by its weight of the same name, 1 where there is none."""
    known = vars(weights)
    return torch.stack([known.get(name, 1.0) * value for name, value in terms.items()]).sum()


def _optimiser(groups: Any, budget: StageBudget) -> dict[str, Any]:
    optimiser = torch.optim.AdamW(groups, lr=budget.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, budget.steps))
    return {
        "optimizer": optimiser,
        "lr_scheduler": {"scheduler": schedule, "interval": "step"},
    }


class OptAudioModule(lightning.LightningModule):
    """Stage 1, audio feature disentanglement (AFDM): one content for two voices.

    Args:
        profile: Sizes, weights and budget.
        speakers: Number of speaker labels in the training data.
    """

    def __init__(self, profile: OptProfile, speakers: int) -> None:
        super().__init__()
        self.profile = profile
        config = profile.network
        self.content = ContentEncoder(config)
        self.speaker = SpeakerEncoder(config, speakers)
        self.decoder = AudioDecoder(config)
        self.adversary = SpeakerAdversary(config, speakers)
        self.contrast = MouthContrast(config)
        self.visemes = torch.nn.Linear(config.content_dim, len(VISEMES))

    @property
    def adversary_strength(self) -> float:
        """lambda_3, which grows over the first half of the steps."""
        done = self.global_step / max(1, self.profile.audio.steps // 2)
        return self.profile.audio_weights.adversary * min(1.0, float(done))

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the sum of the weighted terms and log each."""
        terms = self.terms(batch, self.adversary_strength)
        self.log_dict({f"audio/{name}": value.detach() for name, value in terms.items()})
        return weighted(terms, self.profile.audio_weights)

    def terms(self, batch: Batch, strength: float) -> Terms:
        """Return each term of the loss, not weighted but for the adversary's reversed gradient."""
        sides = [side_of(batch, number) for number in "12"]
        both = [speech_of(side) for side in sides]
        contents = [self.content(speech)[0] for speech in both]
        speakers, logits = zip(*(self.speaker(speech) for speech in both), strict=True)
        valid = batch["valid_1_at_2"]
        moved = [
            losses.at_time(contents[0], batch["position_1_at_2"]),
            losses.at_time(contents[1], batch["position_2_at_1"]),
        ]
        everything = torch.cat(contents)
        inside, speaker, said, spoken = (
            torch.cat([side[name] for side in sides])
            for name in ("inside", "speaker", "viseme", "energy")
        )
        whole, moment = self.adversary(everything, _spoken(spoken), strength)
        heard, seen = self.contrast(contents[0], batch["mouth_1"])
        weights = self.profile.audio_weights
        return {
            **self._decoded(both, contents, moved, speakers, batch),
            "invariance": losses.content_invariance(moved[0], contents[1], valid),
            "contrast": losses.mouth_contrast(heard, seen, batch["known_1"], weights.temperature),
            "viseme": losses.moment_entropy(self.visemes(everything), said),
            "guess": losses.speaker_entropy(whole, speaker)
            + losses.moment_entropy(moment, torch.where(inside, speaker[:, None], -1)),
            "speaker": losses.speaker_entropy(torch.cat(logits), speaker),
            "variance": losses.variance_guard(everything, inside),
            "covariance": losses.covariance_guard(everything, inside),
        }

    def _decoded(
        self,
        both: list[Speech],
        contents: list[Tensor],
        moved: list[Tensor],
        speakers: tuple[Tensor, ...],
        batch: Batch,
    ) -> Terms:
        """Return the terms of what the decoder says: own, crossed, and in a third voice."""
        sides = [speech.side for speech in both]
        own = self.decoder(torch.cat(contents), torch.cat(sides), torch.cat(speakers))
        crossed = self.decoder(
            torch.cat(moved), torch.cat([sides[1], sides[0]]), torch.cat([speakers[1], speakers[0]])
        )
        mels = [speech.mel for speech in both]
        inside = torch.cat([batch["inside_1"], batch["inside_2"]])
        crossed_valid = torch.cat([batch["valid_1_at_2"], batch["valid_2_at_1"]])
        terms = {
            "reconstruction": losses.reconstruction(own, torch.cat(mels), inside),
            "cross": losses.reconstruction(crossed, torch.cat([mels[1], mels[0]]), crossed_valid),
        }
        if self.profile.audio_weights.cycle:
            another = self.decoder(contents[0], sides[0], speakers[0].roll(1, dims=0))
            again = self.content(Speech(another, both[0].energy, both[0].voiced))[0]
            terms["cycle"] = losses.content_cycle(contents[0], again, batch["inside_1"])
        return terms

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a cosine."""
        return _optimiser(self.parameters(), self.profile.audio)


def _spoken(energy: Tensor) -> Tensor:
    """Return how much each frame ``(B, T)`` counts in the statistics of a clip."""
    frames = F.avg_pool1d(energy[:, None], COLUMNS_PER_FRAME)[:, 0]
    return (frames > SPOKEN_ENERGY).to(energy.dtype) + 1e-3


SPOKEN_ENERGY = 0.3


class OptSyncModule(lightning.LightningModule):
    """Stage 2, the sync expert: which mouth belongs to which sound of a clip.

    Args:
        profile: Sizes and budget.
    """

    def __init__(self, profile: OptProfile) -> None:
        super().__init__()
        self.profile = profile
        self.expert = SyncExpert(profile.network)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the expert's cross entropy on true recordings and log it."""
        logits = self.expert(speech_of(batch), batch["change"])
        loss = losses.sync_entropy(logits, batch["known"] & ~batch["pause"])
        self.log("sync/entropy", loss.detach())
        return loss

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a cosine."""
        return _optimiser(self.parameters(), self.profile.sync)


def mouth_terms(
    net: ExpressionNet,
    geometry: FaceGeometry,
    content: Tensor,
    batch: Batch,
    weights: ExpressionWeights,
    expert: SyncExpert | None,
) -> Terms:
    """Return each term of the expression net's loss on the clip's own person, not weighted.

    Args:
        net: The expression net.
        geometry: Landmarks of the head model.
        content: ``(B, T, C)``.
        batch: Of :func:`synthesis.opt.batches.crop`.
        weights: For ``closure_frames``.
        expert: Frozen; None leaves its term out.
    """
    identity, rest, known = batch["identity"], batch["rest"], batch["known"]
    change = net.decode(net(content, identity, rest))
    predicted, true = compose(rest, change), compose(rest, batch["change"])
    # The landmarks are those of the source's own shape, under both expressions.
    solid = [geometry(identity, expression) for expression in (predicted, true)]
    eyes = geometry.interocular(identity)
    turned = [project(points, batch["rotation"]) for points in solid]
    frontal = [project(points, None) for points in solid]
    source = project(geometry(identity, kept_rest(rest)[:, None]), None)[:, 0]
    closure = batch["closure"] & known
    heavy = known + (weights.closure_frames - 1) * closure
    terms = {
        "units": losses.masked_mean((change - batch["change"]).abs(), known),
        "landmark": losses.landmark_loss(turned[0], turned[1], eyes, heavy),
        "opening": losses.opening_loss(frontal[0], frontal[1], eyes, heavy),
        "width": losses.width_loss(frontal[0], frontal[1], eyes, known),
        "velocity": losses.velocity_loss(change, batch["change"], known),
        "identity": losses.identity_landmark_loss(frontal[0], source, eyes, batch["pause"] & known),
        "closure": losses.closure_loss(frontal[0], frontal[1], source, eyes, closure),
    }
    if expert is not None:
        spoken = known & ~batch["pause"]
        terms["sync"] = losses.sync_loss(expert(speech_of(batch), change), spoken)
    return terms


class OptExpressionModule(lightning.LightningModule):
    """Stage 3, the mouth expression feature: content and source face -> mouth, with landmark loss.

    Args:
        profile: Sizes, weights and budget.
        geometry: Landmarks of the head model.
        content: E_c of stage 1; frozen.
        expert: Of stage 2; frozen. None leaves its term out.
    """

    def __init__(
        self,
        profile: OptProfile,
        geometry: FaceGeometry,
        content: ContentEncoder,
        expert: SyncExpert | None = None,
    ) -> None:
        super().__init__()
        self.profile = profile
        self.expression = ExpressionNet(profile.network)
        self.geometry = geometry
        self.content = content.requires_grad_(False)
        self.expert = None if expert is None else expert.requires_grad_(False)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the sum of the weighted terms and log each."""
        terms = self.terms(batch)
        self.log_dict({f"expression/{name}": value.detach() for name, value in terms.items()})
        return weighted(terms, self.profile.expression_weights)

    def terms(self, batch: Batch) -> Terms:
        """Return each term of the loss, not weighted."""
        with torch.no_grad():
            content = content_of(self.content, batch, self.profile.network)
        return mouth_terms(
            self.expression, self.geometry, content, batch, self.profile.expression_weights,
            self.expert,
        )  # fmt: skip

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a cosine."""
        return _optimiser(self.expression.parameters(), self.profile.expression)


class OptJointModule(lightning.LightningModule):
    """Stage 4, everything together: strangers' voices on this face, in the pose of a third person.

    Both readings of a pair say the same, so that voice 1 on face 2, brought to the time of reading 2,
    has a known truth: what face 2 does when it says that.

    Args:
        profile: Sizes, weights and budget.
        geometry: Landmarks of the head model.
        content: E_c; goes on at a tenth of the rate with ``audio``, else frozen.
        expression: Of stage 3.
        audio: Stage 1, whose losses go on; None keeps E_c as it is.
        expert: Of stage 2; frozen.
        pictures: The image generator in the loop, or None.
    """

    def __init__(
        self,
        profile: OptProfile,
        geometry: FaceGeometry,
        content: ContentEncoder,
        expression: ExpressionNet,
        audio: OptAudioModule | None = None,
        expert: SyncExpert | None = None,
        pictures: PictureLoop | None = None,
    ) -> None:
        super().__init__()
        self.profile = profile
        self.geometry = geometry
        self.content = content.requires_grad_(audio is not None)
        self.expression = expression
        self.audio = audio
        self.expert = None if expert is None else expert.requires_grad_(False)
        self.pictures = pictures

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the sum of the weighted terms of all stages and log the new ones."""
        weights = self.profile.joint_weights
        own, strangers = self.terms(batch)
        total = weighted(own, self.profile.expression_weights) + weighted(strangers, weights)
        if self.audio is not None:
            heard = self.audio.terms(batch, self.profile.audio_weights.adversary)
            total = total + weights.audio * weighted(heard, self.profile.audio_weights)
        self.log_dict({f"joint/{name}": value.detach() for name, value in strangers.items()})
        return total

    def terms(self, batch: Batch) -> tuple[Terms, Terms]:
        """Return the terms of stage 3 on person 1, and those of voice 1 on person 2."""
        first, second = side_of(batch, "1"), side_of(batch, "2")
        content = content_of(self.content, first, self.profile.network)
        own = mouth_terms(
            self.expression, self.geometry, content, first, self.profile.expression_weights,
            self.expert,
        )  # fmt: skip
        identity, rest = second["identity"], second["rest"]
        change = self.expression.decode(self.expression(content, identity, rest))
        moved = losses.at_time(change, batch["position_1_at_2"])
        strangers = self._strangers(moved, second, batch["valid_1_at_2"] & second["known"])
        if self.pictures is not None:
            strangers["pictures"] = self.pictures(change, first["known"], self.global_step)
        return own, strangers

    def _strangers(self, change: Tensor, face: Batch, valid: Tensor) -> Terms:
        identity, rest = face["identity"], face["rest"]
        solid = [self.geometry(identity, compose(rest, c)) for c in (change, face["change"])]
        eyes = self.geometry.interocular(identity)
        source = project(self.geometry(identity, kept_rest(rest)[:, None]), None)[:, 0]
        turned = [project(points, face["rotation"]) for points in solid]
        gaps = [losses.opening_of(project(points, None), source, eyes) for points in solid]
        return {
            "stranger_landmark": losses.landmark_loss(turned[0], turned[1], eyes, valid),
            "stranger_opening": losses.relative_opening_loss(gaps[0], gaps[1], valid),
        }

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a cosine; what stage 1 taught goes on slowly."""
        budget = self.profile.joint
        groups: list[dict[str, Any]] = [{"params": list(self.expression.parameters())}]
        if self.audio is not None:
            slow = budget.learning_rate * self.profile.joint_weights.content_rate
            groups.append({"params": list(self.audio.parameters()), "lr": slow})
        if self.pictures is not None:
            groups.append({"params": list(self.pictures.learners())})
        return _optimiser(groups, budget)
