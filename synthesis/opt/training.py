"""The two trainings of OPT: audio disentanglement, then the mouth's expression."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch import Tensor

from shared.data.marionette.lips import VISEMES
from synthesis.opt import losses
from synthesis.opt.config import OptProfile, StageBudget
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
)

Batch = dict[str, Tensor]


def _optimiser(module: torch.nn.Module, budget: StageBudget) -> dict[str, Any]:
    optimiser = torch.optim.AdamW(module.parameters(), lr=budget.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, budget.steps)
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
        terms = self.terms(batch)
        weights = vars(self.profile.audio_weights)
        self.log_dict({f"audio/{name}": value.detach() for name, value in terms.items()})
        return torch.stack([weights.get(name, 1.0) * value for name, value in terms.items()]).sum()

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return each term of the loss, not weighted but for the adversary's reversed gradient."""
        both = [Speech(batch[f"mel_{k}"], batch[f"energy_{k}"], batch[f"voiced_{k}"]) for k in "12"]
        contents = [self.content(speech)[0] for speech in both]
        speakers, logits = zip(*(self.speaker(speech) for speech in both), strict=True)
        labels = [batch[f"speaker_{k}"] for k in "12"]
        inside = torch.cat([batch["inside_1"], batch["inside_2"]])
        valid = batch["valid_1_at_2"]
        moved = [
            losses.at_time(contents[0], batch["position_1_at_2"]),
            losses.at_time(contents[1], batch["position_2_at_1"]),
        ]
        everything = torch.cat(contents)
        sides = [speech.side for speech in both]
        own = self.decoder(everything, torch.cat(sides), torch.cat(speakers))
        crossed = self.decoder(
            torch.cat(moved), torch.cat([sides[1], sides[0]]), torch.cat([speakers[1], speakers[0]])
        )
        mels = torch.cat([speech.mel for speech in both])
        crossed_mels = torch.cat([both[1].mel, both[0].mel])
        crossed_valid = torch.cat([valid, batch["valid_2_at_1"]])
        whole, moment = self.adversary(everything, self.adversary_strength)
        speaker = torch.cat(labels)
        speaker_now = torch.where(inside, speaker[:, None], -1)
        said = torch.cat([batch["viseme_1"], batch["viseme_2"]])
        heard, seen = self.contrast(contents[0], batch["mouth_1"])
        weights = self.profile.audio_weights
        return {
            "reconstruction": losses.reconstruction(own, mels, inside),
            "cross": losses.reconstruction(crossed, crossed_mels, crossed_valid),
            "invariance": losses.content_invariance(moved[0], contents[1], valid),
            "contrast": losses.mouth_contrast(heard, seen, batch["known_1"], weights.temperature),
            "viseme": losses.moment_entropy(self.visemes(everything), said),
            "guess": losses.speaker_entropy(whole, speaker)
            + losses.moment_entropy(moment, speaker_now),
            "speaker": losses.speaker_entropy(torch.cat(logits), speaker),
            "variance": losses.variance_guard(everything, inside),
            "covariance": losses.covariance_guard(everything, inside),
        }

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a cosine."""
        return _optimiser(self, self.profile.audio)


class OptExpressionModule(lightning.LightningModule):
    """Stage 2, the mouth expression feature: content and source face -> mouth, with landmark loss.

    The content encoder is frozen: batches hold its output (see ``synthesis.opt.recipes``).

    Args:
        profile: Sizes, weights and budget.
        geometry: Landmarks of the head model.
    """

    def __init__(self, profile: OptProfile, geometry: FaceGeometry) -> None:
        super().__init__()
        self.profile = profile
        self.expression = ExpressionNet(profile.network)
        self.geometry = geometry

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the sum of the weighted terms and log each."""
        terms = self.terms(batch)
        weights = vars(self.profile.expression_weights)
        self.log_dict({f"expression/{name}": value.detach() for name, value in terms.items()})
        return torch.stack([weights[name] * value for name, value in terms.items()]).sum()

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return each term of the loss, not weighted."""
        identity, rest, known = batch["identity"], batch["rest"], batch["known"]
        code = self.expression(batch["content"], identity, rest)
        change = self.expression.decode(code)
        predicted, true = compose(rest, change), compose(rest, batch["change"])
        # The landmarks are those of the source's own shape, under both expressions.
        solid = [self.geometry(identity, expression) for expression in (predicted, true)]
        eyes = self.geometry.interocular(identity)
        turned = [project(points, batch["rotation"][:, None]) for points in solid]
        frontal = [project(points, None) for points in solid]
        source = project(self.geometry(identity, kept_rest(rest)[:, None]), None)[:, 0]
        closure = batch["closure"] & known
        heavy = known + (self.profile.expression_weights.closure_frames - 1) * closure
        return {
            "units": losses.masked_mean((change - batch["change"]).abs(), known),
            "landmark": losses.landmark_loss(turned[0], turned[1], eyes, heavy),
            "opening": losses.opening_loss(frontal[0], frontal[1], eyes, heavy),
            "width": losses.width_loss(frontal[0], frontal[1], eyes, known),
            "velocity": losses.velocity_loss(change, batch["change"], known),
            "identity": losses.identity_landmark_loss(
                frontal[0], source, eyes, batch["pause"] & known
            ),
            "closure": losses.closure_loss(frontal[0], frontal[1], source, eyes, closure),
        }

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a cosine."""
        return _optimiser(self, self.profile.expression)
