"""Sound: any input becomes Opus packets on a 48 kHz clock that starts with the video's."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from thcodec.bitstream.header import AudioParameters

OPUS = 1  # codec id of the stream header
OPUS_RATE = 48000
OPUS_TIME_BASE = Fraction(1, OPUS_RATE)
DEFAULT_BITRATE = 24000
# Containers round audio times to a millisecond and some jitter by a packet; only a larger step is a
# real gap that must be filled to stay in sync.
GAP_TOLERANCE = OPUS_RATE * 40 // 1000
MAXIMUM_GAP = OPUS_RATE * 3600


@dataclass(frozen=True)
class AudioPacket:
    """One Opus packet.

    ``pts`` (1/48000 s, signed) is when its first decoded sample belongs on the video's clock; the
    encoder's look-ahead makes the first packet start at ``-pre_skip``. ``duration`` is in the same
    unit.
    """

    pts: int
    duration: int
    data: bytes


class OpusEncoder:
    """Turns decoded audio frames of one stream, of any rate and format, into Opus packets.

    The sound is laid on one gapless clock from time 0 on: gaps become silence, what lies before 0
    or overlaps is dropped. More than two channels are mixed down to two.
    """

    def __init__(self, channels: int, bitrate: int = DEFAULT_BITRATE) -> None:
        self._channels = min(max(channels, 1), 2)
        self._layout = "mono" if self._channels == 1 else "stereo"
        self._encoder: Any = av.CodecContext.create("libopus", "w")
        self._encoder.sample_rate = OPUS_RATE
        self._encoder.layout = self._layout
        self._encoder.format = "flt"
        self._encoder.bit_rate = bitrate
        self._encoder.time_base = OPUS_TIME_BASE
        self._encoder.open()
        self._resampler: Any = None
        self._signature: tuple[str, str, int] | None = None
        self._position = 0  # samples laid down so far
        self._waiting = np.zeros((0, self._channels), np.float32)
        self._encoded = 0  # samples given to the encoder so far

    @property
    def parameters(self) -> AudioParameters:
        """What the stream header says about these packets."""
        head = bytes(self._encoder.extradata)
        (pre_skip,) = struct.unpack_from("<H", head, 10)
        return AudioParameters(OPUS, OPUS_RATE, self._channels, pre_skip, head)

    def encode(self, frame: av.AudioFrame, origin: Fraction) -> list[AudioPacket]:
        """Take one decoded frame and return the packets that are complete.

        Args:
            frame: decoded audio with its time in ``frame.time_base``.
            origin: the moment of the file, in seconds, that is time 0.
        """
        if frame.pts is not None and frame.time_base is not None:
            start = round((frame.pts * Fraction(frame.time_base) - origin) * OPUS_RATE)
        else:
            start = None
        samples = self._resample(frame)
        if start is None:
            return self._lay(samples)
        gap = self._gap(start)
        packets: list[AudioPacket] = []
        while gap > 0:  # a second at a time: memory must not grow with the gap
            silence = min(gap, OPUS_RATE)
            packets += self._lay(np.zeros((silence, self._channels), np.float32))
            gap -= silence
        return packets + self._lay(samples[-gap:] if gap < 0 else samples)

    def flush(self) -> list[AudioPacket]:
        """End the sound and return its last packets."""
        packets = self._lay(self._resample(None))
        if len(self._waiting):
            packets += self._send(self._waiting)
        return packets + [_packet(packet) for packet in self._encoder.encode(None)]

    def _resample(self, frame: av.AudioFrame | None) -> np.ndarray:
        """Return float samples (n, channels) at 48 kHz; ``None`` empties the resampler."""
        if frame is None:
            frames = self._resampler.resample(None) if self._resampler is not None else []
            self._resampler = None
            return self._samples(frames)
        # The resampler's own time is not used: it would drift from the file's where packets are
        # missing.
        frame.pts = None
        signature = (frame.format.name, frame.layout.name, frame.sample_rate)
        before: list[Any] = []
        if self._resampler is not None and signature != self._signature:
            before = self._resampler.resample(None)
            self._resampler = None
        if self._resampler is None:
            self._signature = signature
            self._resampler = av.AudioResampler("flt", self._layout, OPUS_RATE)
        return self._samples([*before, *self._resampler.resample(frame)])

    def _samples(self, frames: list[Any]) -> np.ndarray:
        parts = [frame.to_ndarray().reshape(-1, self._channels) for frame in frames]
        return np.concatenate(parts) if parts else np.zeros((0, self._channels), np.float32)

    def _gap(self, start: int) -> int:
        """Return the samples to fill (> 0) or to drop (< 0) to keep the sound on the clock."""
        gap = start - self._position
        # What lies further off than this is a broken time stamp, not silence.
        if abs(gap) > MAXIMUM_GAP:
            return 0
        return gap if self._position == 0 or abs(gap) > GAP_TOLERANCE else 0

    def _lay(self, samples: np.ndarray) -> list[AudioPacket]:
        self._position += len(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        size = self._encoder.frame_size
        packets: list[AudioPacket] = []
        whole = len(self._waiting) // size * size
        for begin in range(0, whole, size):
            packets += self._send(self._waiting[begin : begin + size])
        self._waiting = self._waiting[whole:]
        return packets

    def _send(self, samples: np.ndarray) -> list[AudioPacket]:
        block = np.ascontiguousarray(samples.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(block, format="flt", layout=self._layout)
        frame.sample_rate = OPUS_RATE
        frame.time_base = OPUS_TIME_BASE
        frame.pts = self._encoded
        self._encoded += len(samples)
        return [_packet(packet) for packet in self._encoder.encode(frame)]


def _packet(packet: Any) -> AudioPacket:
    return AudioPacket(int(packet.pts), int(packet.duration), bytes(packet))
