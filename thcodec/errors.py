"""Every fault that thcodec reports on purpose, one named class each."""

from __future__ import annotations


class ThvError(Exception):
    """Root of all errors of this package.

    Args:
        message: one line that says what is wrong and, where it helps, what to do.
        offset: byte position of the fault in the file or packet, where there is one.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        return self.message if self.offset is None else f"{self.message} (at byte {self.offset})"

    def moved(self, base: int) -> ThvError:
        """This error as seen from a container in which its bytes begin at `base`."""
        return type(self)(self.message, base + (self.offset or 0))

    def located(self, offset: int | None) -> ThvError:
        """This error, at byte `offset` unless it already knows a place."""
        return self if self.offset is not None else type(self)(self.message, offset)


class TruncatedError(ThvError, EOFError):
    """The data ends inside a structure."""


class SignatureError(ThvError, ValueError):
    """The file does not begin as a .thv file does, or a text-mode transfer damaged it."""


class UnsupportedVersionError(ThvError):
    """The file asks for a newer reader."""


class ChecksumError(ThvError):
    """The CRC-32 of a record does not match its bytes."""


class LimitError(ThvError, ValueError):
    """A size or value lies outside the range that the specification allows."""


class MalformedError(ThvError, ValueError):
    """The bytes contradict the specification."""


class UnknownRecordError(ThvError):
    """A record type that this reader does not know is marked as critical."""


class UnknownModelError(ThvError, LookupError):
    """The stream or the caller names a network that is not registered."""


class WeightsError(ThvError):
    """Weights are missing, unreadable, or not those the stream was made with."""


class SequenceError(ThvError):
    """A packet needs one that was lost, or packets arrive in an impossible order."""


class TimingError(ThvError, ValueError):
    """Presentation times do not increase, or lie outside their range."""


class MediaError(ThvError):
    """The input or output media file cannot be used."""


class NoFaceError(MediaError):
    """No face was found where one is needed."""


class OutputExistsError(ThvError, FileExistsError):
    """The output file exists and overwriting was not asked for."""
