"""What spares benchmarks what they do not score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks import common
from thcodec.bitstream import Packet, RecordType, SourceRecord, StreamHeader, Transition
from thcodec.models import registry
from thcodec.models.animator import Animator, Extraction
from thcodec.motion import Motion, MotionDecoder
from thcodec.pipeline.config import EncoderConfig
from thcodec.pipeline.decoder import Decoder
from thcodec.pipeline.encoder import Encoder
from thcodec.pipeline.prepared import PreparedSources
from thcodec.pipeline.synthesis import Planned, Synthesis
from thcodec.pipeline.view import View

Pictures = dict[int, np.ndarray]
BATCH = 8  # frames at a time, as in file mode


class SharedEyes(Animator):
    """Looks at no picture twice, however many encoders see it, nor at one from the same source, and
    aligns none twice; all else is as the animator.
    """

    def __init__(self, animator: Animator) -> None:
        self.identity, self.size = animator.identity, animator.size
        self.keypoint_model, self.eyes = animator.keypoint_model, animator.eyes
        self.compares = animator.compares
        self._animator, self._seen = animator, dict[int, Extraction]()
        self._motions: dict[tuple[int, int, bytes], Motion] = {}
        self._unlike: dict[tuple[int, int, bytes], float] = {}
        self._aligned: dict[tuple[int, int, int, bytes], Motion] = {}

    def extract(self, pictures: list[np.ndarray]) -> list[Extraction]:
        """One Extraction each."""
        keys = [crc32(np.ascontiguousarray(picture).data) for picture in pictures]
        for key, picture in zip(keys, pictures, strict=True):
            if key not in self._seen:
                self._seen[key] = self._animator.extract([picture])[0]
        return [self._seen[key] for key in keys]

    def motion(self, extraction: Extraction, canonical: np.ndarray, source: Extraction) -> Motion:
        """As the animator; both extractions must be of ``extract``, which keeps them."""
        key = id(extraction), id(source), canonical.tobytes()
        if key not in self._motions:
            self._motions[key] = self._animator.motion(extraction, canonical, source)
        return self._motions[key]

    def unlikeness(
        self,
        motion: Motion,
        extraction: Extraction,
        canonical: np.ndarray,
        own: Motion,
        source: Extraction,
    ) -> float:
        """As the animator, of its own motion."""
        key = id(extraction), id(source), canonical.tobytes()
        if key not in self._unlike:
            self._unlike[key] = self._animator.unlikeness(
                motion, extraction, canonical, own, source
            )
        return self._unlike[key]

    def align(
        self,
        motion: Motion,
        before: Motion,
        drift: np.ndarray,
        extraction: Extraction,
        canonical: np.ndarray,
        own: Motion,
        source: Extraction,
        rounds: int,
    ) -> Motion:
        """As the animator, of extractions of ``extract``: stills of other sizes or qualities change
        nothing.
        """
        motions = (motion_bytes(each) for each in (motion, before, own))
        numbers = b"".join((*motions, drift.tobytes(), canonical.tobytes()))
        digest = blake2b(numbers, digest_size=16).digest()
        key = id(extraction), id(source), rounds, digest
        if key not in self._aligned:
            self._aligned[key] = self._animator.align(
                motion, before, drift, extraction, canonical, own, source, rounds
            )
        return self._aligned[key]

    def prepare(self, picture: np.ndarray, canonical: np.ndarray, motion: Motion) -> Any:
        """As the animator."""
        return self._animator.prepare(picture, canonical, motion)

    def animate(self, source: Any, motions: list[Motion]) -> list[np.ndarray]:
        """As the animator."""
        return self._animator.animate(source, motions)

    def transfer(self, motions: list[Motion], of: Any, to: Any) -> list[Motion]:
        """As the animator."""
        return self._animator.transfer(motions, of, to)

    def blend(self, first: Any, second: Any, *frames: Any) -> list[np.ndarray]:
        """As the animator."""
        return self._animator.blend(first, second, *frames)


def motion_bytes(motion: Motion) -> bytes:
    """All numbers of a motion."""
    parts = motion.rotation, motion.translation, [motion.log_scale], motion.expression.ravel()
    return np.concatenate(parts).tobytes()


class Stream:
    """A coded clip, of which a benchmark has only those frames synthesised that it looks at.

    Attributes:
        length: frames.
        transition: what the header asks for.
        source_ids: of each frame.
        switches: first frames of new sources, without those of new shots.
    """

    def __init__(self, packets: Sequence[Packet], animator: Animator) -> None:
        self._packets, self._animator = packets, animator
        self._header = StreamHeader.parse(packets[0].payload)
        self._upscaler = registry.load_upscaler(self._header.upscaler.name, runtime="auto")
        self.transition = self._header.transition
        plans = [plan for plan, _ in self._walk(Transition(1, 1), ())]
        self.length = len(plans)
        self.source_ids = [frame.source_id for frame, _ in plans]
        self.switches = [
            frame.pts for frame, mixture in plans if mixture is not None and mixture.begins
        ]

    def decode(self, transition: Transition | None, wanted: Iterable[int]) -> Pictures:
        """The pictures of some frames, by number, with a transition; None cuts."""
        shown = set(wanted)
        return {
            frame.pts: picture
            for (frame, _), picture in self._walk(transition, shown)
            if picture is not None
        }

    def sampled(self, step: int) -> list[np.ndarray]:
        """Every ``step``-th picture as a user sees it."""
        wanted = range(0, self.length, step)
        pictures = self.decode(self.transition, wanted)
        return [pictures[pts] for pts in wanted]

    def _walk(
        self, transition: Transition | None, wanted: Iterable[int]
    ) -> Iterator[tuple[Planned, np.ndarray | None]]:
        """What every frame shows, and its picture if it is wanted."""
        sources = PreparedSources(self._header, self._animator, self._upscaler)
        synthesis = Synthesis(self._animator, sources, View(), transition)
        motion = MotionDecoder(self._header)
        for packet in self._packets:
            if packet.type == RecordType.SOURCE:
                taken = sources.add(SourceRecord.parse(packet.payload), packet.sequence)
                if taken is not None:
                    motion.add_source(taken)
            elif packet.type == RecordType.MOTION:
                planned = synthesis.plan(motion.decode(packet.payload))
                chosen = [(frame, mixture) for frame, mixture in planned if frame.pts in wanted]
                pictures = Pictures()
                for frames, made in synthesis.pictures(chosen, 8):
                    pictures |= zip((frame.pts for frame in frames), made or (), strict=True)
                for plan in planned:
                    yield plan, pictures.get(plan[0].pts)


def encoded(
    frames: Iterable[np.ndarray], animator: Animator, config: EncoderConfig, *, live: bool = False
) -> list[Packet]:
    """The packets of a clip."""
    encoder = Encoder(config, live=live, animator=animator)
    return [packet for frame in frames for packet in encoder.push(frame)] + encoder.flush()


def warm(frames: Sequence[np.ndarray], animator: Animator) -> None:
    """What a runtime compiles when it is first needed is not the work."""
    config, decoder = EncoderConfig(crop="none", size=animator.size), Decoder(animator=animator)
    for packet in encoded(frames[:BATCH], animator, config):
        decoder.push(packet)
    encoded(frames[:2], animator, config, live=True)


def kbit_rates(packets: Sequence[Packet], frames: int) -> dict[str, float]:
    """kbit/s of sources and of motion, whole records, of a clip of so many frames."""
    seconds = frames / common.FRAME_RATE
    return {
        kind.name.lower(): sum(len(p) for p in packets if p.type == kind) * 8 / seconds / 1000
        for kind in (RecordType.SOURCE, RecordType.MOTION)
    }
