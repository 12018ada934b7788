"""What a piece of work came to: frames, bytes and where they went, speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from thcodec.bitstream import Packet, RecordType

_KINDS = {RecordType.SOURCE: "sources", RecordType.MOTION: "motion", RecordType.AUDIO: "audio"}


@dataclass(frozen=True)
class Progress:
    """How far some work has come; ``share`` is 0..1, or None when the end is not known."""

    frames: int
    bytes: int
    share: float | None


ProgressCallback = Callable[[Progress], None]


@dataclass
class ByteCount:
    """Bytes of a stream: payloads by kind, and all the rest as framing."""

    sources: int = 0
    motion: int = 0
    audio: int = 0
    framing: int = 0

    @property
    def total(self) -> int:
        """All bytes."""
        return self.sources + self.motion + self.audio + self.framing

    def add(self, packet: Packet) -> None:
        """Count one packet."""
        kind = _KINDS.get(packet.type) if isinstance(packet.type, RecordType) else None
        if kind is None:
            self.framing += len(packet)
        else:
            setattr(self, kind, getattr(self, kind) + len(packet.payload))
            self.framing += len(packet) - len(packet.payload)


@dataclass(frozen=True)
class Summary:
    """Result of ``encode`` and ``decode``.

    Attributes:
        frames, sources: how many were coded.
        duration: of the pictures, seconds.
        bytes: size of the stream by kind.
        elapsed: time the work took, seconds.
        notes: things worth knowing, one line each.
        damage: what was wrong with the input; the output holds what could be read.
        warnings: what was done otherwise than the stream says, one line each.
    """

    frames: int
    sources: int
    duration: float
    bytes: ByteCount
    elapsed: float
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def kbits(self, count: int) -> float:
        """Rate in kbit/s that `count` bytes over the stream's duration make."""
        return count * 8 / 1000 / self.duration if self.duration > 0 else 0.0

    def line(self) -> str:
        """The figures in one line."""
        split = ", ".join(
            f"{kind} {self.kbits(getattr(self.bytes, kind)):.2f}"
            for kind in ("sources", "motion", "audio", "framing")
        )
        speed = self.frames / self.elapsed if self.elapsed > 0 else 0.0
        return (
            f"{self.frames} frames, {self.sources} sources, {self.bytes.total} bytes, "
            f"{self.kbits(self.bytes.total):.2f} kbit/s ({split}), {speed:.1f} frames/s"
        )


@dataclass
class Meter:
    """Adds up a summary while the work goes on and reports progress."""

    progress: ProgressCallback | None = None
    bytes: ByteCount = field(default_factory=ByteCount)
    frames: int = 0
    sources: int = 0
    _started: float = field(default_factory=monotonic)

    def count(self, packet: Packet) -> None:
        """Count a packet of the stream."""
        self.bytes.add(packet)
        self.sources += packet.type == RecordType.SOURCE

    def report(self, share: float | None) -> None:
        """Tell the caller where the work stands."""
        if self.progress is not None:
            self.progress(Progress(self.frames, self.bytes.total, share))

    def summary(
        self,
        duration: float,
        size: int,
        notes: list[str],
        damage: list[str],
        warnings: Sequence[str] = (),
    ) -> Summary:
        """The figures at the end; `size` is that of the whole stream, 0 if unknown."""
        self.bytes.framing += max(0, size - self.bytes.total)
        elapsed = monotonic() - self._started
        return Summary(
            self.frames,
            self.sources,
            duration,
            self.bytes,
            elapsed,
            tuple(notes),
            tuple(damage),
            tuple(warnings),
        )
