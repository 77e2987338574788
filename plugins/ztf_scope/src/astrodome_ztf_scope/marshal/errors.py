"""Errors of requests to a marshal, classified by whether something was changed."""

from __future__ import annotations

from astrodome import AstrodomeError


class RequestRejected(AstrodomeError):
    """The marshal rejected the request: nothing was changed, and a retry would be rejected too."""


class RateLimited(AstrodomeError):
    """The marshal accepts the request only after ``retry_after`` seconds; nothing was changed."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, "Try again later, or set fritz.rate (requests per second).")
        self.retry_after = retry_after


class OutcomeUnknown(AstrodomeError):
    """The response was lost, so it is unknown whether the change was made."""


class MarshalUnavailable(AstrodomeError):
    """The marshal does not respond after several attempts; nothing was changed."""


class MarshalAccessError(AstrodomeError):
    """The address or the token is invalid, so that every request fails; nothing was changed."""
