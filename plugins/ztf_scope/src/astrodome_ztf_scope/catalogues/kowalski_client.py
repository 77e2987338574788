"""Connect to the configured Kowalski instances, and validate their responses.

SCoPe configures either a single instance (``kowalski.host``, ``kowalski.token``) or several
instances (``kowalski.hosts``, each at ``<name>.caltech.edu`` with a separate token). A token is
sent only to the host for which it was configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from astrodome import AstrodomeError, InvalidInputError, http, settings

from ..config import services

DOMAIN = "caltech.edu"
RETRIES, BACKOFF = 3, 0.5
TOKEN_HINT = (
    "Specify a token (--token), set ASTRODOME_KOWALSKI_TOKEN or kowalski.token, or write "
    'secrets.json: {"kowalski": {"token": "…"}}. Local files require no token: '
    "--catalogue local:FOLDER."
)
CATALOGUES = {"query_type": "info", "query": {"command": "catalog_names"}}


def connect(instance: str = "", token: str = "", connections: int = 8) -> Any:
    """Return a penquins client for all instances that have a token, or only for ``instance``.

    Raises AstrodomeError if no token is configured, or if the connection to an instance fails. The
    message does not contain the token.
    """
    found = accounts(token)
    if instance:
        if instance not in found:
            known = ", ".join(found) or "none"
            raise InvalidInputError(
                f"No token found for the Kowalski instance '{instance}'.",
                f"Configure a token for this instance. Instances with a token: {known}.",
            )
        found = {instance: found[instance]}
    if not found:
        raise InvalidInputError("No token found for Kowalski.", TOKEN_HINT)
    Client = _client_class()
    try:
        client = Client(
            instances=found,
            timeout=services.kowalski().timeout,
            max_retries=RETRIES,
            backoff_factor=BACKOFF,
            pool_maxsize=connections,
        )
    except Exception as error:  # penquins raises ValueError for all errors.
        if isinstance(error.__context__, http.RedirectError):
            raise redirected(error.__context__) from None
        names = ", ".join(f"{name} ({one['host']}:{one['port']})" for name, one in found.items())
        secrets = (one.get(key) for one in found.values() for key in ("token", "password"))
        inner = error.__context__ if isinstance(error.__context__, Exception) else error
        raise AstrodomeError(
            f"Cannot connect to Kowalski at {names}: {reason(inner, secrets)}.",
            "Check the settings kowalski.url and kowalski.token.",
        ) from None
    for name, account in client.instances.items():
        if not account.get("catalogs"):  # penquins ignores the response status.
            data(client.single_query((CATALOGUES, name)), "the list of catalogues")
    return client


def _client_class() -> Any:
    """Return a subclass of the penquins client that does not follow redirects of POST requests.

    Queries and logins are POST requests. If the library requests followed a redirect, it would send
    a query as a GET request without the body, or send the user name and password to a different
    host.
    """
    from penquins import Kowalski  # Importing penquins takes half a second.

    class Client(Kowalski):  # type: ignore[misc]
        def authenticate(self, name: Any = None) -> Any:
            http.refuse_redirected_changes(self.instances[name]["session"])
            return super().authenticate(name)

        def get_catalogs(self, name: Any = None) -> Any:
            http.refuse_redirected_changes(self.instances[name]["session"])
            return super().get_catalogs(name)

    return Client


def redirected(error: http.RedirectError) -> AstrodomeError:
    """Return an exception for a query or login request that was redirected."""
    message = error.message.removesuffix(": the change was not made.")
    return AstrodomeError(
        f"Kowalski: {message}.",
        "Set kowalski.url to the final URL of Kowalski, without redirects.",
    )


def accounts(token: str = "") -> dict[str, dict[str, Any]]:
    """Return the account for each Kowalski instance, keyed by the name of the instance.

    An account contains the protocol, the host, the port, and either the token or the user name and
    the password.
    """
    found: dict[str, dict[str, Any]] = {}
    main, credential = services.connection("kowalski", services.KowalskiSettings, token)
    if credential:
        found["kowalski"] = {**_address(main.url), "token": credential}
    for name in services.kowalski().hosts:
        if name not in found and (account := _from_hosts(name)):
            found[name] = account
    # In SCoPe versions from 2022, secrets.json had the layout {"gloria": {"token" or "username":
    # ..., ...}}, which also contained the host.
    for name, entry in services.secrets().items():
        other = name not in found and name not in ("fritz", "wandb")
        if other and isinstance(entry, Mapping) and {"token", "username"} & entry.keys():
            found[name] = _from_secrets(name, entry)
    return found


def _default_address(name: str) -> dict[str, Any]:
    return {"protocol": "https", "host": f"{name}.{DOMAIN}", "port": 443}


def _from_secrets(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account for an entry in secrets.json.

    If the entry contains no host, the default host ``<name>.caltech.edu`` is used.
    """
    address = {key: entry[key] for key in ("protocol", "host", "port") if key in entry}
    names = ("token",) if entry.get("token") else ("username", "password")
    login = {key: entry.get(key) for key in names}
    return _checked(name, {**_default_address(name), **address, **login})


def _from_hosts(name: str) -> dict[str, Any] | None:
    """Return the account for an instance in ``kowalski.hosts``, or None if it has no token.

    Raises AstrodomeError if the token and the URL were configured in different files.
    """
    layers: list[tuple[str, dict[str, Any]]] = []
    for origin, layer in settings.current().layers:
        entry = ((layer.get("kowalski") or {}).get("hosts") or {}).get(name) or {}
        layers.append((origin, {name: {k: v for k, v in entry.items() if v is not None}}))
    found = settings.Settings(layers)
    token = found.credential(name, services.KowalskiInstance)
    if not token:
        return None
    section = found.section(name, services.KowalskiInstance)
    address = section.model_dump(include={"protocol", "host", "port"}, exclude_none=True)
    return _checked(name, {**_default_address(name), **address, "token": token})


def _checked(name: str, account: dict[str, Any]) -> dict[str, Any]:
    url = f"{account['protocol']}://{account['host']}:{account['port']}"
    if not settings.safe_for_secrets(url):
        raise AstrodomeError(
            f"Kowalski instance {name}: the token was not sent, because {url} does not use HTTPS.",
            "Set the protocol of the instance to https.",
        )
    return account


def _address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    default_port = 443 if parts.scheme == "https" else 80
    return {"protocol": parts.scheme, "host": parts.hostname, "port": parts.port or default_port}


def instance_with(client: Any, catalogue: str) -> str:
    """Return the name of the instance that contains a catalogue.

    Raises AstrodomeError if no instance contains the catalogue. The message contains the names of
    similar catalogues.
    """
    for name, instance in client.instances.items():
        if catalogue in (instance.get("catalogs") or ()):
            return str(name)
    known = sorted({c for one in client.instances.values() for c in one.get("catalogs") or ()})
    close = [name for name in known if name.rpartition("_")[0] == catalogue.rpartition("_")[0]]
    raise AstrodomeError(
        f"Catalogue '{catalogue}' not found in any Kowalski instance.",
        f"Existing catalogues: {', '.join(close or known) or 'none'}.",
    )


def data(response: Any, subject: str) -> Any:
    """Return the data in a response from penquins.

    Responses from penquins 2, which are grouped by instance, are also supported. Raises
    AstrodomeError if the status of the response is not ``success``.
    """
    if isinstance(response, Mapping) and "status" not in response and len(response) == 1:
        (response,) = response.values()
    if not isinstance(response, Mapping):
        raise AstrodomeError(f"Invalid response from Kowalski for {subject}: expected JSON.")
    if response.get("status") != "success":
        message = " ".join(str(response.get("message") or "no reason given").split())[:200]
        raise AstrodomeError(f"Kowalski failed to return {subject}: {message}.")
    return response.get("data")


def reason(error: Exception, secrets: Iterable[Any]) -> str:
    """Return a short description of a request error, in which the secrets are masked."""
    text = http.cause(error)
    for secret in filter(None, secrets):
        text = text.replace(str(secret), "***")
    return text[:200]
