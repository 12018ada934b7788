"""Train appearance encoder, motion field and generator together on pairs of frames."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from thcodec.models.face_vid2vid.blocks import channels_last
from thcodec.models.face_vid2vid.config import COMPACT
from thcodec.models.face_vid2vid.dense_motion import MotionField, warp_picture
from thcodec.models.face_vid2vid.network import FaceVid2Vid, Placed, Synthesis
from thcodec.models.weights_file import write_weights
from thcodec.train.adversarial import Critic
from thcodec.train.checkpoint import Average, load_checkpoint, save_checkpoint
from thcodec.train.device import half_convolutions
from thcodec.train.losses import close_up_loss, flow_loss, mesh_loss, reconstruction_loss
from thcodec.train.pairs import PairBatch, PairStream, Track, fixed_pairs, stack
from thcodec.train.perceptual import LearnedPerceptualLoss
from thcodec.train.schedule import scheduled

PARTS = ("motion", "appearance", "generator")  # of the network, which a stage may train
SETTLING = 40  # batches over which the final norms are taken
REPORT_SECONDS = 120
TAUGHT_FIELD = 6.0  # weight of the teacher's field beside its picture's
DISTANCE = 100  # frames between source and driving frame in the evaluation: 4 s at 25 fps


@dataclass(frozen=True)
class Stage:
    """A part of the run at one picture size; ``minutes`` of wall clock.

    parts: what is trained of "motion", "appearance" and "generator"; without the last only the
    moved source is looked at. degraded: share of sources that went through a small still. two:
    share of batches with two sources for each driving frame, which takes the generator. perceptual:
    weight of this loss, on crops of ``crop`` pixels, on whole pictures if these are no larger;
    moved_perceptual: of the same for the moved source at half its size. adversarial: the critic's
    gradient at the picture, as a share of that of all other losses. pixels: weight of the painted
    picture's L1 at full size, which likes soft pictures best; coarser ones weigh 1. close_ups:
    weight of the L1 of eyes and mouth, enlarged. taught: weight of the L1 to what the trainer's
    teacher paints of one source, times ``TAUGHT_FIELD`` to the field that moves it. settled: the
    stage begins with the averaged weights, and their norms stand still.
    """

    size: int
    batch: int
    minutes: float
    rate: float
    parts: tuple[str, ...]
    crop: int = 96
    degraded: float = 0.3
    two: float = 0.0
    perceptual: float = 0.0
    moved_perceptual: float = 0.0
    adversarial: float = 0.0
    pixels: float = 1.0
    close_ups: float = 0.0
    taught: float = 0.0
    settled: bool = False


@dataclass(frozen=True)
class AnimatorTraining:
    """Stages in order, and the weights of the losses beside reconstruction's 1."""

    stages: tuple[Stage, ...]
    moved: float = 1.0
    mesh: float = 6.0
    flow: float = 6.0
    average: float = 0.998
    seed: int = 0


class AnimatorTrainer:
    """One run: resumes from its checkpoint, logs to ``animator.log``, writes the averaged weights
    and a preview sheet with every report, and the weights of every finished stage.

    ``workers`` processes make the batches, a thread where there are none; on "cuda" convolutions
    are in bfloat16. ``teacher`` is the network that a slimmer one was cut out of (``slim``).
    """

    def __init__(
        self,
        net: FaceVid2Vid,
        train: list[Track],
        val: list[Track],
        run: Path,
        settings: AnimatorTraining,
        *,
        teacher: FaceVid2Vid | None = None,
        device: str = "cpu",
        workers: int = 0,
    ) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._net, self._run, self._settings = channels_last(net.to(device)), run, settings
        self._device, self._workers = device, workers
        trained = [p for name in PARTS for p in getattr(net, name).parameters()]
        self._optimiser = torch.optim.AdamW(trained, lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
        self._average = Average(net, settings.average)
        wanted = any(stage.perceptual or stage.moved_perceptual for stage in settings.stages)
        self._perceptual = channels_last(LearnedPerceptualLoss().to(device)) if wanted else None
        self._critic = Critic().to(device)
        if teacher is None and any(stage.taught for stage in settings.stages):
            raise ValueError("a stage that is taught needs a teacher")
        self._teacher = teacher.to(device).eval() if teacher is not None else None
        half_convolutions(
            device, self._net, self._average.net, self._critic, self._perceptual, self._teacher
        )
        self._checkpoint = run / "animator.pt"
        self._step, self._spent = load_checkpoint(
            self._checkpoint, net, self._optimiser, self._average
        )
        self._tracks = train
        self._held_out = fixed_pairs(val, DISTANCE, 1)
        self._random = np.random.default_rng(settings.seed + self._step)

    @property
    def averaged(self) -> FaceVid2Vid:
        """The net with the moving average of all weights, which is what is kept of a run."""
        return self._average.net

    def run(self) -> FaceVid2Vid:
        """Train until the stages' minutes are spent. Returns the averaged net, norms settled."""
        begun = 0.0
        for number, stage in enumerate(self._settings.stages):
            end = begun + 60 * stage.minutes
            if self._spent < end:
                losses = self._train_stage(stage, begun)
                if not stage.settled:
                    self.settle(stage)
                self._spent = end  # not a step later: the next stage begins there
                self._write(f"stage-{number}")
                self._report(stage, end, losses)
            begun = end
        return self.averaged

    def settle(self, stage: Stage) -> None:
        """Give the averaged weights norms of their own: while training they borrow those of a few
        small batches, which costs 0.06 dB.
        """
        net, batches = self._average.net, self._batches(self._settings.seed, stage, two=0.0)
        net.eval()
        for name in PARTS:
            for module in getattr(net, name).train().modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.reset_running_stats()
                    module.momentum = None  # a plain mean over all batches
        with torch.no_grad():
            for _ in range(SETTLING):
                net.synthesise(place(net, next(batches).on(self._device)))
        net.eval()

    def _train_stage(self, stage: Stage, begun: float) -> list[torch.Tensor]:
        """Train until the stage's minutes are spent. Returns the losses not reported yet."""
        if stage.settled and self._spent <= begun:
            self._net.load_state_dict(self._average.net.state_dict())
        self.choose(stage)
        batches = self._batches(self._settings.seed + self._step + 1, stage, stage.two)
        start, saved, losses = time.monotonic() - self._spent, time.monotonic(), []
        while (progress := (time.monotonic() - start - begun) / 60 / stage.minutes) < 1:
            rate = scheduled(stage.rate, self._step, progress, 0.03)
            losses.append(self.update(next(batches).on(self._device), stage, rate))
            seconds = time.monotonic() - start  # a stage that is over is settled first
            if start + seconds - saved > REPORT_SECONDS and seconds < begun + 60 * stage.minutes:
                saved = start + seconds
                self._report(stage, seconds, losses)
                losses = []
        return losses

    def choose(self, stage: Stage) -> None:
        """Only the stage's parts learn; the others stand still, their norms too."""
        self._net.eval().requires_grad_(False)
        for name in stage.parts:
            getattr(self._net, name).train(not stage.settled).requires_grad_(True)

    def _batches(self, seed: int, stage: Stage, two: float) -> Iterator[PairBatch]:
        stream = PairStream(self._tracks, seed, stage.batch, stage.size, stage.degraded, two)
        return stream.start(self._workers)

    def update(self, batch: PairBatch, stage: Stage, rate: float) -> torch.Tensor:
        """One step on a batch of what ``choose`` chose, at a rate of learning; the loss."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        shown = self._shown(batch, stage)
        if "generator" in stage.parts:
            out = self._synthesise(batch)
            moved, fields = out.moved, out.fields
        else:
            motion = (batch.source_keypoints, batch.driving_keypoints, batch.jacobian)
            fields = (self._net.field(batch.source, *motion),)
            moved = warp_picture(batch.source, fields[0])
        loss = self._moving_loss(moved, fields, batch, stage, shown)
        # What the losses send back, to be carried through the net in one go.
        ends: list[tuple[torch.Tensor, torch.Tensor | None]] = []
        if loss.requires_grad:  # not where the field stands still
            ends.append((loss, None))
        if "generator" in stage.parts:
            painting, gradient = self._painting_loss(out.picture, batch, stage, shown)
            ends.append((out.picture, gradient))
            loss = loss + painting
        tensors, gradients = zip(*ends, strict=True)
        torch.autograd.backward(tensors, gradients)
        nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
        self._optimiser.step()
        self._average.update(self._net)
        self._step += 1
        return loss.detach()

    def _synthesise(self, batch: PairBatch) -> Synthesis:
        first = place(self._net, batch)
        if batch.second is None:
            return self._net.synthesise(first)
        weight = torch.from_numpy(self._random.uniform(0, 1, len(batch.source)).astype(np.float32))
        return self._net.blend(first, place(self._net, batch.second), weight.to(self._device))

    def _moving_loss(
        self,
        moved: torch.Tensor,
        fields: tuple[MotionField, ...],
        batch: PairBatch,
        stage: Stage,
        shown: Synthesis | None,
    ) -> torch.Tensor:
        """Of the source's pixels as they were moved, and of the fields that did it."""
        settings = self._settings
        loss = settings.moved * reconstruction_loss(moved, batch)
        for field, pairs in zip(fields, (batch, batch.second), strict=False):
            if pairs is not None:
                loss = loss + settings.mesh / len(fields) * mesh_loss(field, pairs)
                loss = loss + settings.flow / len(fields) * flow_loss(field, pairs)
        if stage.moved_perceptual and self._perceptual is not None:
            small = (functional.avg_pool2d(picture, 2) for picture in (moved, batch.driving))
            loss = loss + stage.moved_perceptual * self._perceptual(*small)
        if shown is not None:
            apart = functional.l1_loss(fields[0].picture, shown.fields[0].picture)
            loss = loss + TAUGHT_FIELD * stage.taught * apart
        return loss

    def _shown(self, batch: PairBatch, stage: Stage) -> Synthesis | None:
        """What the teacher makes of a batch with one source, if it teaches."""
        if not stage.taught or self._teacher is None or batch.second is not None:
            return None
        with torch.no_grad():
            return self._teacher.synthesise(place(self._teacher, batch))

    def _painting_loss(
        self, picture: torch.Tensor, batch: PairBatch, stage: Stage, shown: Synthesis | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the painted picture, without the critic's part; and the gradient with it, which is
        measured against that of the rest: neither drowns the other.
        """
        picture = picture.detach().requires_grad_()
        loss = reconstruction_loss(picture, batch, stage.pixels)
        painted, real = self._crops(picture, batch, stage.crop)
        if stage.perceptual and self._perceptual is not None:
            loss = loss + stage.perceptual * self._perceptual(painted, real)
        if stage.close_ups:
            loss = loss + stage.close_ups * close_up_loss(picture, batch)
        if shown is not None:
            loss = loss + stage.taught * functional.l1_loss(picture, shown.picture)
        (gradient,) = torch.autograd.grad(loss, picture)
        if stage.adversarial:
            self._critic.learn(picture.detach(), batch.driving, stage.rate)
            (other,) = torch.autograd.grad(self._critic.loss(picture), picture)
            size = gradient.norm() / other.norm().clamp(min=1e-12)
            gradient = gradient + stage.adversarial * size * other
        return loss.detach(), gradient

    def _crops(
        self, picture: torch.Tensor, batch: PairBatch, side: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same squares of both pictures: half round an eye or the mouth, half anywhere."""
        size, pairs = picture.shape[-1], []
        if side >= size:
            return picture, batch.driving
        keypoints = batch.driving_keypoints.cpu().numpy()
        for index in range(len(picture)):
            centre = self._random.uniform(-1, 1, 2)
            if self._random.random() < 0.5:
                centre = keypoints[index, self._random.choice(COMPACT.detail), :2]
            x, y = (int(np.clip((c + 1) / 2 * size - side / 2, 0, size - side)) for c in centre)
            window = (index, slice(None), slice(y, y + side), slice(x, x + side))
            pairs.append((picture[window], batch.driving[window]))
        a, b = (torch.stack(part) for part in zip(*pairs, strict=True))
        return a, b

    def _write(self, name: str) -> None:
        write_weights(self._average.net.state_dict(), self._run / f"{name}.safetensors", {})

    def _report(self, stage: Stage, seconds: float, losses: list[torch.Tensor]) -> None:
        scores, sheet = evaluate(self._average.net, self._held_out, self._device)
        self._write("average")
        report = {
            "step": self._step,
            "minutes": round(seconds / 60, 2),
            "size": stage.size,
            "loss": float(torch.stack(losses).mean()) if losses else None,
            **scores,
        }
        with (self._run / "animator.log").open("a") as log:
            log.write(json.dumps(report) + "\n")
        Image.fromarray(sheet).save(self._run / "preview.png")
        settings = asdict(self._settings)
        save_checkpoint(
            self._checkpoint,
            self._net,
            self._optimiser,
            self._average,
            self._step,
            seconds,
            settings,
        )


def place(net: FaceVid2Vid, batch: PairBatch) -> Placed:
    """The sources of a batch, ready for synthesis."""
    motion = (batch.source_keypoints, batch.driving_keypoints, batch.jacobian)
    return Placed(net.appearance(batch.source), *motion)


def synthesised(
    net: FaceVid2Vid, pairs: list[tuple[np.ndarray, ...]], device: str = "cpu"
) -> Iterator[list[torch.Tensor]]:
    """Of each pair: driving frame, picture, moved source, source; (1, 3, S, S) in [0, 1]."""
    net.eval()
    for pair in pairs:
        batch = stack([pair]).on(device)
        with torch.inference_mode():
            out = net.synthesise(place(net, batch))
        yield [batch.driving, out.picture.clamp(0, 1), out.moved, batch.source]


def evaluate(
    net: FaceVid2Vid, pairs: list[tuple[np.ndarray, ...]], device: str = "cpu", shown: int = 10
) -> tuple[dict[str, float], np.ndarray]:
    """Mean PSNR in dB of the picture, the moved source and the repeated source; and a preview sheet
    of a few pairs.
    """
    scores: list[list[float]] = []
    rows: list[np.ndarray] = []
    for index, results in enumerate(synthesised(net, pairs, device)):
        scores.append([_psnr(picture, results[0]) for picture in results[1:]])
        if index % max(1, len(pairs) // shown) == 0 and len(rows) < shown:
            rows.append(torch.cat(results, 3)[0].permute(1, 2, 0).mul(255).byte().cpu().numpy())
    mean = np.mean(scores, 0)
    return {
        "psnr": float(mean[0]),
        "moved": float(mean[1]),
        "repeated": float(mean[2]),
    }, np.concatenate(rows)


def _psnr(picture: torch.Tensor, target: torch.Tensor) -> float:
    return float(-10 * torch.log10(((picture - target) ** 2).mean() + 1e-8))
