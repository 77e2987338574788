"""Check the sizes that are declared in a pickle before the pickle is loaded.

A pickle of a few bytes can declare a string, an integer or a memo with a size of many gigabytes.
The unpickler allocates this memory before it detects that the data are truncated. This module
therefore compares each declared size with the number of bytes that follow.
"""

from __future__ import annotations

import pickle
import pickletools
import re

LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: (1, False),
    pickletools.TAKEN_FROM_ARGUMENT4: (4, True),
    pickletools.TAKEN_FROM_ARGUMENT4U: (4, False),
    pickletools.TAKEN_FROM_ARGUMENT8U: (8, False),
}
"""Size in bytes of the length field, and whether it is signed, by opcode."""
OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
PUT, LONG_BINPUT, FRAME, STOP = b"p"[0], b"r"[0], 0x95, b"."[0]
LINES = {b"c"[0]: 2, b"i"[0]: 2}
"""Number of lines in the argument, for opcodes whose argument has more than one line."""


def _harmless() -> re.Pattern[bytes]:
    """Return a pattern that matches consecutive opcodes with small arguments of fixed size."""
    by_size: dict[int, list[bytes]] = {}
    for code, opcode in OPCODES.items():
        size = 0 if opcode.arg is None else opcode.arg.n
        if size >= 0 and code not in (LONG_BINPUT, FRAME, STOP):
            by_size.setdefault(size, []).append(b"\\x%02x" % code)
    kinds = [b"[%b].{%d}" % (b"".join(codes), size) for size, codes in sorted(by_size.items())]
    small_memo = rb"r..\x00\x00"  # memo index below 65,536
    return re.compile(b"(?s:G.{8}(?:G.{8})*+|%b|%b)*+" % (b"|".join(kinds), small_memo))


HARMLESS = _harmless()


def check(data: bytes) -> None:
    """Check all opcodes in a pickle until its STOP opcode.

    Raises
    ------
    pickle.UnpicklingError
        If an opcode declares more bytes than follow it, or if a memo index is larger than the
        number of preceding bytes. Invalid opcodes are not detected here but by the unpickler.
    """
    at = 0
    while True:
        found = HARMLESS.match(data, at)
        assert found
        at = found.end()
        if at >= len(data) or data[at] == STOP or data[at] not in OPCODES:
            return
        at = _after(data, at)


def _after(data: bytes, at: int) -> int:
    """Return the position after the opcode at position ``at`` and its argument."""
    opcode, start = OPCODES[data[at]], at + 1
    size = 0 if opcode.arg is None else opcode.arg.n
    if size == pickletools.UP_TO_NEWLINE:
        end = start
        for _ in range(LINES.get(data[at], 1)):
            end = data.find(b"\n", end) + 1
            if not end:
                raise pickle.UnpicklingError(f"the opcode {opcode.name} at byte {at} is truncated")
        if data[at] == PUT:
            _check_memo(_index(data[start : end - 1], at), at)
        return end
    if size >= 0:
        if start + size > len(data):
            raise pickle.UnpicklingError(f"the opcode {opcode.name} at byte {at} is truncated")
        value = int.from_bytes(data[start : start + size], "little")
        if data[at] == LONG_BINPUT:
            _check_memo(value, at)
        elif data[at] == FRAME:
            _check_size(opcode.name, value, at, start + size, data)
        return start + size
    width, signed = LENGTHS[size]
    length = int.from_bytes(data[start : start + width], "little", signed=signed)
    _check_size(opcode.name, length, at, start + width, data)
    return start + width + length


def _check_size(name: str, length: int, at: int, start: int, data: bytes) -> None:
    if not 0 <= length <= len(data) - start:
        raise pickle.UnpicklingError(
            f"the opcode {name} at byte {at} declares {length} bytes, but only "
            f"{max(0, len(data) - start)} bytes follow"
        )


def _index(text: bytes, at: int) -> int:
    if len(text) > 20 or not text.isdigit():
        raise pickle.UnpicklingError(f"the opcode PUT at byte {at} has an invalid memo index")
    return int(text)


def _check_memo(index: int, at: int) -> None:
    """Raise UnpicklingError if a memo index is too large. Valid indices are consecutive."""
    if index > at:
        raise pickle.UnpicklingError(f"the memo index {index} at byte {at} is too large")
