"""Marshals: where sources are kept with what people and models say of them.

What may go wrong with a request that changes something is told apart by what is known of it:
was it done, was it not, or is that to be looked up.
"""

from __future__ import annotations

from astrodome import AstrodomeError


class Refused(AstrodomeError):
    """The marshal said no; nothing was done, and asking again will not help."""


class Busy(AstrodomeError):
    """The marshal asks to come back in ``after`` seconds; nothing was done."""

    def __init__(self, message: str, after: float) -> None:
        super().__init__(message, "Try again later, or set fritz.rate (requests a second).")
        self.after = after


class Unsure(AstrodomeError):
    """The answer was lost: it may have been done, or not."""


class Unreachable(AstrodomeError):
    """Nobody answers, again and again; nothing was done."""


class Redirected(Refused):
    """A request that changes something was redirected; nothing was changed."""


class Denied(AstrodomeError):
    """The token is not, or no longer, accepted; nothing was done."""
