"""Writes records to a file or pipe. Spec sections 4, 11 and 12."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import BinaryIO, Self

from thcodec.bitstream.packet import Packet, PacketNumbering, RecordType
from thcodec.bitstream.signature import PREAMBLE
from thcodec.bitstream.tally import Tally
from thcodec.errors import OutputExistsError, SequenceError


class Writer:
    """Writes a stream; use as a context manager.

    A path is written under a temporary name in its folder and gets its own name in `finish`, so
    no half file ever carries it. Leaving the context without `finish` removes what was written.

    Args:
        target: a path, "-" for standard output, or a binary file object (left open; never read
            or rewound).
        overwrite: whether an existing path is replaced.
        in_place: write under the path's own name, for readers that follow along; what was written
            stays there whatever happens.

    Raises:
        OutputExistsError: the path exists and `overwrite` is False.
        OSError: the file cannot be written.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        overwrite: bool = True,
        in_place: bool = False,
    ) -> None:
        self._overwrite = overwrite
        self._final: Path | None = None
        self._temporary: Path | None = None
        self._owned = False
        if target == "-":
            self._file: BinaryIO = sys.stdout.buffer
        elif isinstance(target, str | os.PathLike):
            self._file = self._open(Path(os.path.realpath(target)), in_place)
            self._owned = True
        else:
            self._file = target
        self._numbering = PacketNumbering()
        self._tally = Tally()
        self._finished = False
        self.bytes_written = 0
        self._emit(PREAMBLE)

    def _open(self, final: Path, in_place: bool) -> BinaryIO:
        if final.exists() and not final.is_file():  # a named pipe or a device keeps its name
            return final.open("wb")
        self._refuse_existing(final)
        if in_place:
            return final.open("wb" if self._overwrite else "xb")
        self._final = final
        self._temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
        return self._temporary.open("xb")

    def _refuse_existing(self, final: Path) -> None:
        if not self._overwrite and final.exists():
            raise OutputExistsError(f"{final} exists; pass --overwrite to replace it")

    def write(self, packet: Packet) -> None:
        """Append a packet. The header comes first; INDEX and END are the writer's own business
        and are dropped, so that a reader's packets can be passed on as they are.

        Raises SequenceError for a header that is not first and for records of networks, and the
        errors of a payload that does not parse.
        """
        if self._finished:
            raise SequenceError("the stream is finished")
        if (packet.type == RecordType.HEADER) != (self._tally.header is None):
            raise SequenceError(f"{packet.name} where the header belongs, or a second header")
        if packet.type in (RecordType.FRAGMENT, RecordType.FEEDBACK):
            raise SequenceError(f"{packet.name} is for networks, not for files")
        if packet.type in (RecordType.INDEX, RecordType.END):
            return
        self._tally.add(packet, self.bytes_written)
        self._emit(packet.to_bytes())

    def finish(self, duration: int | None = None) -> None:
        """Write index and end record, and give the file its name.

        `duration` in ticks says when the last frame ends, where the usual frame duration does
        not tell. Raises SequenceError when there is no header.
        """
        if self._tally.header is None:
            raise SequenceError("the stream has no header")
        index_offset = self.bytes_written
        index = self._numbering.packet(RecordType.INDEX, self._tally.index.to_payload())
        self._tally.add(index, index_offset)
        self._emit(index.to_bytes())
        end = self._tally.end(index_offset, duration)
        self._emit(self._numbering.packet(RecordType.END, end.to_payload()).to_bytes())
        self._file.flush()
        if self._owned:
            self._file.close()
        if self._final is not None and self._temporary is not None:
            self._refuse_existing(self._final)
            self._temporary.replace(self._final)
        self._finished = True

    def abort(self) -> None:
        """Close and remove the temporary file; does nothing after `finish`."""
        if self._owned and not self._finished:
            with contextlib.suppress(OSError):  # closing flushes: the disk may be full
                self._file.close()
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def _emit(self, data: bytes) -> None:
        self._file.write(data)
        self.bytes_written += len(data)
        if self._tally.header is not None and self._tally.header.live:
            self._file.flush()  # a live packet is of use now or never
