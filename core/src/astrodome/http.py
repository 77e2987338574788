"""Send HTTP requests with timeouts and retries. Error messages contain no secrets."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from . import __version__
from .errors import AstrodomeError

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 60.0)
"""Connect timeout and read timeout, in seconds."""
RETRIED = (429, 500, 502, 503, 504)
READING = ("GET", "HEAD", "OPTIONS")
"""HTTP methods that do not change data. Only these methods are retried and follow redirects."""
HARMLESS = frozenset({"user-agent", "accept", "accept-encoding", "connection", "range"})
"""Headers that are kept if a redirect leads to another server."""
SECRET_PARAMETER = re.compile(r"(?i)\b(token|password|api_?key|secret)=[^&\s]+")


class NetworkError(AstrodomeError):
    """Raised if a service does not respond, or does not send the complete response."""

    default_code = "network"


class StatusError(NetworkError):
    """Raised if a service responds with an error status.

    ``retry_after`` is the waiting time in seconds, or None if the service did not specify it.
    """

    status: int = 0
    retry_after: float | None = None


class RedirectError(NetworkError):
    """Raised if a request that may modify data is redirected. The redirect is not followed."""


def session(
    *,
    token: str = "",
    scheme: str = "Bearer",
    retries: int = 5,
    backoff: float = 0.5,
    connections: int = 8,
    timeout: tuple[float, float] = TIMEOUT,
    headers: Mapping[str, str] | None = None,
) -> requests.Session:
    """Return a session that reuses connections and retries idempotent requests.

    GET, HEAD and OPTIONS requests are retried with exponential backoff after a connection
    failure or one of the status codes in ``RETRIED``. The ``Retry-After`` header is respected.
    POST requests are never retried.

    Only GET, HEAD and OPTIONS follow redirects. Other methods raise :class:`RedirectError`.
    If a redirect leads to another scheme, host or port, the token, the cookies and all headers
    except those in ``HARMLESS`` are removed.

    Parameters
    ----------
    token
        Token for the ``Authorization`` header.
    scheme
        Authentication scheme, for example ``Bearer``. It may be empty.
    retries
        Maximum number of retries for each request.
    backoff
        Backoff factor for the delay between retries, in seconds.
    connections
        Maximum number of connections per server.
    timeout
        Connect timeout and read timeout, in seconds.
    headers
        Additional headers sent with every request.
    """
    import logging

    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    logger = logging.getLogger("urllib3.connectionpool")
    if logger.level == logging.NOTSET:  # URLs in its log records can contain tokens.
        logger.setLevel(logging.ERROR)

    class Adapter(HTTPAdapter):
        def send(self, request: Any, **kwargs: Any) -> Any:  # type: ignore[override]
            kwargs["timeout"] = kwargs.get("timeout") or timeout
            return super().send(request, **kwargs)

    policy = Retry(
        total=retries,
        status_forcelist=RETRIED,
        allowed_methods=READING,
        backoff_factor=backoff,
        backoff_jitter=backoff,
        backoff_max=30,
        raise_on_status=False,
    )

    class Session(requests.Session):
        def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
            first = (response.history or [response])[0].url
            if self.should_strip_auth(first, prepared_request.url):  # type: ignore[no-untyped-call]
                for name in [n for n in prepared_request.headers if n.lower() not in HARMLESS]:
                    del prepared_request.headers[name]
            super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]

    made = Session()
    refuse_redirected_changes(made)
    made.max_redirects = 5
    made.headers.update({"User-Agent": f"astrodome/{__version__}", **(headers or {})})
    if token:
        made.headers["Authorization"] = f"{scheme} {token}".strip()
        made.auth = _keep_token
    for prefix in ("https://", "http://"):
        made.mount(prefix, Adapter(max_retries=policy, pool_maxsize=connections))
    return made


def refuse_redirected_changes(client: requests.Session) -> None:
    """Configure a session to raise :class:`RedirectError` if a change is redirected.

    Requests other than GET, HEAD and OPTIONS are considered changes. Use this function for
    sessions that a library creates; sessions from :func:`session` are already configured. By
    default, requests resends a redirected POST request as GET, or sends its body to the other host.
    """
    if _refuse_redirect not in client.hooks["response"]:
        client.hooks["response"].append(_refuse_redirect)


def _refuse_redirect(response: requests.Response, **_: Any) -> None:
    method = response.request.method or ""
    if method in READING or not 300 <= response.status_code < 400:
        return
    source = shown(response.url)
    target = urljoin(source, response.headers.get("Location", ""))
    response.close()
    raise RedirectError(
        f"{method} {source} was redirected to {shown(target)} (status {response.status_code}). The "
        "redirect was not followed, and nothing was changed.",
        "Check the URL of the service in the settings.",
    )


def _keep_token(request: Any) -> Any:
    """Return the request unchanged; without an ``auth`` function, requests would use ~/.netrc."""
    return request


def get(client: requests.Session, url: str, service: str, **options: Any) -> requests.Response:
    """Send a GET request.

    Parameters
    ----------
    client
        Session that sends the request; see :func:`session`.
    url
        URL to request.
    service
        Name of the service in error messages.
    **options
        Keyword arguments for ``requests.Session.get``, for example ``params``.

    Raises
    ------
    StatusError
        If the status code of the response is 400 or higher.
    NetworkError
        If the service does not respond.
    """
    import requests

    try:
        response = client.get(url, **options)
    except requests.RequestException as error:
        raise NetworkError(
            f"{service} did not respond at {shown(url)}: {cause(error)}.",
            "Try again later, or check the URL of the service in the settings.",
        ) from error
    if response.status_code >= 400:
        refused = StatusError(
            f"{service} returned {response.status_code} {response.reason} for "
            f"{shown(response.url)}.",
            "The token may be missing or expired." if response.status_code in (401, 403) else "",
        )
        refused.status = response.status_code
        refused.retry_after = retry_after(response.headers.get("Retry-After", ""))
        response.close()
        raise refused
    return response


def content(
    response: requests.Response, service: str, *, deadline: float, limit: int = 1 << 30
) -> bytes:
    """Return the body of a response to a request with ``stream=True``.

    Raises NetworkError if the body is truncated, is larger than ``limit`` bytes, or is not
    complete within ``deadline`` seconds. The read timeout of the session alone does not limit the
    total duration of a slow response.
    """
    from urllib3.exceptions import HTTPError

    last = time.monotonic() + deadline
    blocks: list[bytes] = []
    size = 0
    try:
        while block := response.raw.read1(1 << 16, decode_content=True):
            blocks.append(block)
            size += len(block)
            if size > limit:
                response.raw.close()
                raise NetworkError(
                    f"The {service} response for {shown(response.url)} is larger than {limit} "
                    "bytes."
                )
            if time.monotonic() > last:
                response.raw.close()
                raise NetworkError(
                    f"{service} did not send the complete response for {shown(response.url)} "
                    f"within {deadline:g} s."
                )
    except (HTTPError, OSError) as error:
        raise NetworkError(
            f"The connection to {service} failed during the transfer of {shown(response.url)}: "
            f"{cause(error)}."
        ) from error
    return b"".join(blocks)


def retry_after(text: str) -> float | None:
    """Convert a ``Retry-After`` header, which contains a number or a date, to seconds."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return Retry().parse_retry_after(text)
    except InvalidHeader:
        return None


def shown(url: str) -> str:
    """Return a URL without user name, password and tokens, for use in messages.

    Examples
    --------
    >>> shown("https://user:pw@example.org/stars?token=abc&n=3")
    'https://example.org/stars?token=***&n=3'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return SECRET_PARAMETER.sub(r"\1=***", urlunsplit(parts._replace(netloc=host)))


def cause(error: Exception) -> str:
    """Return the message of the innermost exception in a chain of connection errors."""
    while isinstance(
        inner := getattr(error, "reason", None) or (error.args or [None])[0], Exception
    ):
        error = inner
    if "Timeout" in type(error).__name__:
        return "timeout"
    text = re.sub(r"<[^>]*>:?\s*", "", str(error.args[-1] if error.args else error))
    return SECRET_PARAMETER.sub(r"\1=***", " ".join(str(text).split())) or type(error).__name__


def unreachable(services: Mapping[str, str], timeout: float = 10.0) -> list[str]:
    """Return a problem description for each service that cannot be reached.

    Parameters
    ----------
    services
        URLs of services, keyed by the names that the messages contain. Services without a URL are
        skipped. A response with a status below 500 means that the service is reachable.
    timeout
        Timeout in seconds.
    """
    found = []
    with session(retries=0, timeout=(timeout, timeout)) as connection:
        for name, url in services.items():
            if not url:
                continue
            try:
                get(connection, url, name, stream=True).close()
            except StatusError as error:
                if error.status >= 500:
                    found.append(error.message)
            except AstrodomeError as error:
                found.append(error.message)
    return found
