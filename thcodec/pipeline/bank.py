"""The sender's side of the source bank. Spec section 6.2."""

from __future__ import annotations

from thcodec.pipeline.coded_source import CodedSource

_IDS = 1 << 16


class Bank:
    """The sources that were sent and not given up.

    Sources of earlier shots keep their slots, since they may still be on the screen, but are no
    longer candidates: another shot may show another person.

    Args:
        size: slots, 2 or more.
    """

    def __init__(self, size: int) -> None:
        self._slots: list[CodedSource | None] = [None] * size
        self._turns = [0] * size  # sources that each slot has held
        self._used = [0] * size  # when each slot was last of use
        self._clock = 0
        self._shot = 0
        self._shots = [0] * size

    @property
    def candidates(self) -> list[CodedSource]:
        """The sources of the present shot."""
        return [
            source
            for source, shot in zip(self._slots, self._shots, strict=True)
            if source is not None and shot == self._shot
        ]

    def begin_shot(self) -> None:
        """What was sent before is no candidate any more."""
        self._shot += 1

    def next_id(self, keep: CodedSource | None) -> int:
        """Id of the next source: it takes a free slot, or gives up the source that was shown
        longest ago, though never ``keep``.
        """
        held = [slot for slot, source in enumerate(self._slots) if source is not keep or not source]
        slot = min(held, key=lambda at: (self._slots[at] is not None, self._used[at]))
        size = len(self._slots)
        return slot + size * (self._turns[slot] % (_IDS // size))

    def enter(self, source: CodedSource) -> None:
        """Put a source into the slot that its id names."""
        slot = source.id % len(self._slots)
        self._slots[slot], self._shots[slot] = source, self._shot
        self._turns[slot] += 1
        self.use(source)

    def use(self, source: CodedSource) -> None:
        """Note that a source is shown."""
        self._clock += 1
        self._used[source.id % len(self._slots)] = self._clock
