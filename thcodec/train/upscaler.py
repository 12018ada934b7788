"""Train the compact face upscaler on stills as the codec sends them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from thcodec.bitstream.header import StillCodec
from thcodec.models.esrgan.compact import CompactNet
from thcodec.models.face_vid2vid.blocks import channels_last
from thcodec.models.weights_file import write_weights
from thcodec.sources.stills import resize_still
from thcodec.train.checkpoint import Average, load_checkpoint, save_checkpoint
from thcodec.train.device import half_convolutions
from thcodec.train.discriminator import Discriminator, judge_loss, maker_loss
from thcodec.train.perceptual import LearnedPerceptualLoss
from thcodec.train.schedule import scheduled
from thcodec.train.stills import (
    Job,
    StillBatch,
    StillStream,
    coded,
    load_stills,
    prepare_stills,
    stack,
)

DESCRIBED = {"network": "face", "version": "1", "licence": "Apache-2.0"}  # the weights
REPORT_SECONDS = 240


@dataclass(frozen=True)
class Stage:
    """``minutes`` of wall clock with these weights of the losses beside L1's 1.

    Samples are squares of ``patch`` pixels of stills; perceptual and adversarial losses see
    ``crop`` pixels a side of what is made of them.
    """

    batch: int
    patch: int
    minutes: float
    rate: float
    crop: int
    perceptual: float
    adversarial: float = 0.0


@dataclass(frozen=True)
class UpscalerTraining:
    """What is enlarged to what, in which stages; ``frames`` of each clip and the ``portraits``'
    share of the samples.
    """

    jobs: tuple[Job, ...]
    stages: tuple[Stage, ...]
    frames: int = 48
    portraits: float = 0.4
    average: float = 0.999
    seed: int = 0


def upscaler_training(table: dict[str, Any]) -> UpscalerTraining:
    """Settings of a config's table. Raises KeyError or TypeError for missing or unknown ones."""
    rest = dict(table)
    jobs = tuple(Job(**job) for job in rest.pop("jobs"))
    stages = tuple(Stage(**stage) for stage in rest.pop("stages"))
    return UpscalerTraining(jobs, stages, **rest)


def train_upscaler(
    data: Path, work: Path, settings: UpscalerTraining, *, device: str = "cpu", workers: int = 0
) -> Path:
    """Prepare ``data``, train, and write ``work/face-1.safetensors``; again to go on after a stop.

    Raises WeightsError when the perceptual loss's package is missing.
    """
    cache = work / "cache"
    prepare_stills(data, cache, settings.frames)
    trainer = UpscalerTrainer(cache, work, settings, device=device, workers=workers)
    target = work / "face-1.safetensors"
    write_weights(trainer.run().state_dict(), target, DESCRIBED)
    return target


class UpscalerTrainer:
    """One run: resumes from its checkpoint, logs to ``upscaler.log``, writes the averaged weights
    and a preview sheet with every report.

    ``workers`` processes make the batches, a thread where there are none; on "cuda" convolutions
    are in bfloat16.
    """

    def __init__(
        self,
        cache: Path,
        run: Path,
        settings: UpscalerTraining,
        *,
        device: str = "cpu",
        workers: int = 0,
    ) -> None:
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        self._run, self._settings = run, settings
        self._device, self._workers = device, workers
        self._net = channels_last(CompactNet().to(device))
        self._judge = channels_last(Discriminator().to(device))
        both = nn.ModuleDict({"net": self._net, "judge": self._judge})
        self._both = both
        self._optimiser = torch.optim.Adam(
            [{"params": self._net.parameters()}, {"params": self._judge.parameters()}],
            betas=(0.9, 0.99),
        )
        self._average = Average(self._net, settings.average)
        wanted = any(stage.perceptual for stage in settings.stages)
        self._perceptual = channels_last(LearnedPerceptualLoss().to(device)) if wanted else None
        half_convolutions(device, both, self._average.net, self._perceptual)
        self._checkpoint = run / "upscaler.pt"
        self._step, self._spent = load_checkpoint(
            self._checkpoint, both, self._optimiser, self._average
        )
        self._stills = load_stills(cache, "train")
        self._held_out = held_out(load_stills(cache, "val")[0], settings.jobs)
        self._random = np.random.default_rng(settings.seed + self._step)

    def run(self) -> CompactNet:
        """Train until the stages' minutes are spent. Returns the averaged net."""
        begun = 0.0
        for stage in self._settings.stages:
            if self._spent < (begun + stage.minutes) * 60:
                self._train_stage(stage, begun * 60)
            begun += stage.minutes
        return self._average.net

    def _train_stage(self, stage: Stage, begun: float) -> None:
        batches = StillStream(
            self._stills,
            self._settings.jobs,
            self._settings.portraits,
            self._settings.seed + self._step + 1,
            (stage.batch, stage.patch),
        ).start(self._workers)
        start, saved = time.monotonic() - self._spent, time.monotonic()
        losses: list[dict[str, torch.Tensor]] = []
        while (progress := (time.monotonic() - start - begun) / 60 / stage.minutes) < 1:
            rate = scheduled(stage.rate, self._step, progress, 0.02)
            for group in self._optimiser.param_groups:
                group["lr"] = rate
            losses.append(self._update(next(batches).on(self._device), stage))
            if time.monotonic() - saved > REPORT_SECONDS:
                saved = time.monotonic()
                self._report(saved - start, losses)
                losses = []
        self._spent = time.monotonic() - start
        self._report(self._spent, losses)

    def _update(self, batch: StillBatch, stage: Stage) -> dict[str, torch.Tensor]:
        self._net.train()
        self._optimiser.zero_grad(set_to_none=True)
        made = self._net(batch.still, batch.scale)
        losses = {"l1": reconstruction_loss(made, batch.target)}
        total = losses["l1"]
        crops = self._crops((made, batch.target, bicubic(batch)), stage.crop)
        if stage.perceptual and self._perceptual is not None:
            losses["perceptual"] = self._perceptual(crops[0], crops[1])
            total = total + stage.perceptual * losses["perceptual"]
        if stage.adversarial:
            self._judge.requires_grad_(False)
            losses["maker"] = maker_loss(self._judge, *crops)
            total = total + stage.adversarial * losses["maker"]
            self._judge.requires_grad_(True)
        total.backward()
        if stage.adversarial:
            losses["judge"] = judge_loss(self._judge, *crops)
            losses["judge"].backward()
        nn.utils.clip_grad_norm_(self._net.parameters(), 0.5)
        self._optimiser.step()
        self._average.update(self._net)
        self._step += 1
        return {name: loss.detach() for name, loss in losses.items()}

    def _crops(self, pictures: tuple[torch.Tensor, ...], side: int) -> tuple[torch.Tensor, ...]:
        """The same square of all pictures, at another place for each sample."""
        size = pictures[0].shape[-1]
        side = min(side, size)
        corners = self._random.integers(0, size - side + 1, (len(pictures[0]), 2))
        return tuple(
            torch.stack(
                [
                    item[:, y : y + side, x : x + side]
                    for item, (y, x) in zip(picture, corners, strict=True)
                ]
            )
            for picture in pictures
        )

    def _report(self, seconds: float, losses: list[dict[str, torch.Tensor]]) -> None:
        scores, sheet = evaluate(self._average.net, self._held_out, self._perceptual, self._device)
        names = sorted({name for loss in losses for name in loss})
        means = {
            name: torch.stack([loss[name] for loss in losses if name in loss]).mean()
            for name in names
        }
        report = {
            "step": self._step,
            "minutes": round(seconds / 60, 2),
            **{name: round(float(mean), 5) for name, mean in means.items()},
            **scores,
        }
        with (self._run / "upscaler.log").open("a") as log:
            log.write(json.dumps(report) + "\n")
        Image.fromarray(sheet).save(self._run / "preview.png")
        write_weights(self._average.net.state_dict(), self._run / "average.safetensors", DESCRIBED)
        save_checkpoint(
            self._checkpoint,
            self._both,
            self._optimiser,
            self._average,
            self._step,
            seconds,
            asdict(self._settings),
        )


def bicubic(batch: StillBatch) -> torch.Tensor:
    """The stills, enlarged by interpolation."""
    return functional.interpolate(
        batch.still, scale_factor=batch.scale, mode="bicubic", align_corners=False
    )


def reconstruction_loss(picture: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """L1 at full size, a quarter and a sixteenth: the coarse ones hold colour and shading."""
    loss = (picture - target).abs().mean()
    for _ in range(2):
        picture, target = functional.avg_pool2d(picture, 4), functional.avg_pool2d(target, 4)
        loss = loss + 0.5 * (picture - target).abs().mean()
    return loss


def held_out(pictures: np.ndarray, jobs: tuple[Job, ...], count: int = 8) -> list[StillBatch]:
    """Whole stills of people not trained on, of every job and by both codecs at quality 60."""
    batches: list[StillBatch] = []
    for job in jobs:
        for index in np.linspace(0, len(pictures) - 1, count).astype(int):
            picture = resize_still(np.array(pictures[index]), job.size)
            codec = StillCodec.WEBP if len(batches) % 2 else StillCodec.JPEG
            still = coded(resize_still(picture, job.still), codec, 60)
            batches.append(stack([(still, picture)], job.scale))
    return batches


def evaluate(
    net: CompactNet,
    stills: list[StillBatch],
    perceptual: LearnedPerceptualLoss | None,
    device: str = "cpu",
) -> tuple[dict[str, float], np.ndarray]:
    """Mean PSNR in dB and perceptual distance (where there is such a loss) of the net and of
    bicubic enlargement, the net's error of the mean colour in 1/255, and a preview sheet of the
    pictures' middles: bicubic, the net's, the original's.
    """
    net.eval()
    scores: list[list[float]] = []
    rows = []
    for batch in (still.on(device) for still in stills):
        with torch.inference_mode():
            pictures = [net(batch.still, batch.scale).clamp(0, 1), bicubic(batch).clamp(0, 1)]
            middle = slice((size := batch.target.shape[-1]) // 2 - 64, size // 2 + 64)
            shown = [item[..., middle, middle] for item in (*pictures, batch.target)]
            found = [_psnr(picture, batch.target) for picture in pictures]
            found.append(255 * (pictures[0] - batch.target).mean((2, 3)).abs().max().item())
            if perceptual is not None:
                found += [perceptual(picture, shown[2]).item() for picture in shown[:2]]
            scores.append(found)
        rows.append(torch.cat([shown[1], shown[0], shown[2]], 3)[0])
    names = ("psnr", "psnr_bicubic", "colour", "distance", "distance_bicubic")
    mean = {
        name: round(float(value), 4) for name, value in zip(names, np.mean(scores, 0), strict=False)
    }
    rows += [torch.zeros_like(rows[0])] * (-len(rows) % 4)
    columns = [torch.cat(rows[i::4], 1) for i in range(4)]
    sheet = torch.cat(columns, 2).permute(1, 2, 0).mul(255).round().byte().cpu().numpy()
    return mean, sheet


def _psnr(picture: torch.Tensor, target: torch.Tensor) -> float:
    return float(-10 * torch.log10(((picture - target) ** 2).mean() + 1e-8))
