"""Exceptions for requests to a marshal, classified by whether a change was made."""

from __future__ import annotations

from astrodome import AstrodomeError


class RequestRejected(AstrodomeError):
    """The marshal rejected the request. Nothing was changed; a retry would be rejected too."""


class RateLimited(AstrodomeError):
    """The rate limit was exceeded. Nothing was changed; retry after ``retry_after`` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, "Try again later, or limit the rate with the setting fritz.rate.")
        self.retry_after = retry_after


class OutcomeUnknown(AstrodomeError):
    """The response to a request was lost, so it is unknown whether the change was made."""


class MarshalUnavailable(AstrodomeError):
    """The marshal did not respond after several attempts. Nothing was changed."""


class MarshalAccessError(AstrodomeError):
    """The URL or the token is invalid, so every request fails. Nothing was changed."""
