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
"""For each type of argument, the size of its length field in bytes, and whether it is signed."""
OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes}
PUT, LONG_BINPUT, FRAME, STOP = b"p"[0], b"r"[0], 0x95, b"."[0]
TWO_LINES = b"ci"
"""Opcodes whose argument has two lines."""


def _harmless() -> re.Pattern[bytes]:
    """Return a pattern that matches consecutive opcodes that do not declare a large size."""
    by_size: dict[int, list[bytes]] = {}
    for code, opcode in OPCODES.items():
        size = 0 if opcode.arg is None else opcode.arg.n
        if code not in (PUT, LONG_BINPUT, FRAME, STOP, *TWO_LINES):
            by_size.setdefault(size, []).append(b"\\x%02x" % code)
    lines = b"".join(by_size[pickletools.UP_TO_NEWLINE])
    kinds = [
        *(b"[%b].{%d}" % (b"".join(codes), n) for n, codes in sorted(by_size.items()) if n >= 0),
        rb"[%b][^\n]*+\n|[%b][^\n]*+\n[^\n]*+\n" % (lines, TWO_LINES),
        rb"r..\x00\x00|p[0-9]{1,6}\n",  # small memo indices
    ]
    return re.compile(b"(?s:G.{8}(?:G.{8})*+|%b)*+" % b"|".join(kinds))


HARMLESS = _harmless()


def check(data: bytes) -> None:
    """Check all opcodes in a pickle until its STOP opcode.

    Raises
    ------
    pickle.UnpicklingError
        If an opcode declares more bytes than follow it, or if a memo index is too large. Invalid
        and truncated opcodes are not detected here but by the unpickler.
    """
    at = 0
    while (found := HARMLESS.match(data, at)) and found.end() < len(data):
        at = found.end()
        if data[at] == STOP or data[at] not in OPCODES:
            return
        opcode = OPCODES[data[at]]
        if data[at] == PUT:
            index = data[at + 1 :].partition(b"\n")[0][:20].decode("ascii", "replace")
            raise pickle.UnpicklingError(f"the memo index {index} at byte {at} is too large")
        if opcode.arg is None or opcode.arg.n == pickletools.UP_TO_NEWLINE:
            return
        length, signed = LENGTHS.get(opcode.arg.n, (opcode.arg.n, False))
        start = at + 1 + length
        value = int.from_bytes(data[at + 1 : start], "little", signed=signed)
        if data[at] == LONG_BINPUT:  # Valid memo indices are consecutive.
            if value > at:
                raise pickle.UnpicklingError(f"the memo index {value} at byte {at} is too large")
            at = start
            continue
        if not 0 <= value <= len(data) - start:
            raise pickle.UnpicklingError(
                f"the opcode {opcode.name} at byte {at} declares {value} bytes, but only "
                f"{max(0, len(data) - start)} bytes follow"
            )
        at = start if data[at] == FRAME else start + value
