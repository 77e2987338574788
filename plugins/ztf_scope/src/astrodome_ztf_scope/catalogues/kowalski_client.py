"""Which Kowalski instances there are, how to log in there, and what their answers say.

SCoPe knows one instance (``kowalski.host``, ``kowalski.token``) or several (``kowalski.hosts``,
each ``<name>.caltech.edu`` with a token of its own). A token goes only where it was set for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from astrodome import AstrodomeError, http, settings

from ..config import services

DOMAIN = "caltech.edu"
RETRIES, BACKOFF = 3, 0.5
CATALOGUES = {"query_type": "info", "query": {"command": "catalog_names"}}
VARIABLES = ("{}_INSTANCE_TOKEN", "{}_TOKEN")
"""SCoPe's own variables of the environment."""


def section() -> services.KowalskiSettings:
    """The settings of the catalogues."""
    return settings.section("kowalski", services.KowalskiSettings)


def connect(wanted: str = "", token: str = "", connections: int = 8) -> Any:
    """penquins with every instance that there is a token for, or with the one called ``wanted``.

    Raises AstrodomeError when there is none or one cannot be reached; its text has no token.
    """
    found = accounts(token)
    if wanted:
        if wanted not in found:
            known = ", ".join(found) or "none"
            raise AstrodomeError(
                f"There is no Kowalski instance '{wanted}' with a token.", f"Known: {known}."
            )
        found = {wanted: found[wanted]}
    if not found:
        raise AstrodomeError(
            "There is no token for Kowalski.",
            "Set ASTRODOME_KOWALSKI_TOKEN, or kowalski.token in the settings, or secrets.json; "
            "--catalogue local:FOLDER needs none.",
        )
    Client = _client()
    try:
        client = Client(
            instances=found,
            timeout=section().timeout,
            max_retries=RETRIES,
            backoff_factor=BACKOFF,
            pool_maxsize=connections,
        )
    except Exception as error:  # penquins wraps everything into ValueError
        if isinstance(error.__context__, http.RedirectError):
            raise redirected(error.__context__) from None
        names = ", ".join(f"{name} ({one['host']}:{one['port']})" for name, one in found.items())
        raise AstrodomeError(
            f"Kowalski cannot be used at {names}: {reason(error)}.",
            "Check the address and the token.",
        ) from None
    for name, instance in client.instances.items():
        if not instance.get("catalogs"):  # penquins does not look at the status
            data(client.single_query((CATALOGUES, name)), "its list of catalogues")
    return client


def _client() -> Any:
    """Return the client class of penquins with sessions that do not follow redirects of a POST.

    Queries and logins are POST requests. requests would repeat a redirected query as a GET without
    its content, or send the user name and password of a login to the other host.
    """
    from penquins import Kowalski  # The import takes half a second.

    class Client(Kowalski):  # type: ignore[misc]
        def authenticate(self, name: Any = None) -> Any:
            http.refuse_redirected_changes(self.instances[name]["session"])
            return super().authenticate(name)

        def get_catalogs(self, name: Any = None) -> Any:
            http.refuse_redirected_changes(self.instances[name]["session"])
            return super().get_catalogs(name)

    return Client


def redirected(error: http.RedirectError) -> AstrodomeError:
    """Return the error for a query or login that was redirected."""
    message = error.message.removesuffix(": the change was not made.")
    return AstrodomeError(
        f"Kowalski: {message}.",
        "Check kowalski.url in the settings: it must be the address of Kowalski itself.",
    )


def accounts(token: str = "") -> dict[str, dict[str, Any]]:
    """By name of the instance what penquins needs: protocol, host, port, and token or user name."""
    own, found = section(), {}
    given = services.secrets()
    main, credential = services.connection("kowalski", services.KowalskiSettings, token)
    if credential:
        found["kowalski"] = {**_address(main.url), "token": credential}
    elif isinstance(given.get("kowalski"), Mapping) and "username" in given["kowalski"]:
        found["kowalski"] = _of_secrets("kowalski", given["kowalski"])
    for name, instance in own.hosts.items():
        if name in found:
            continue
        account = _of_instance(name, instance)
        if account:
            found[name] = account
    # secrets.json of 2022: {"gloria": {"token" or "username", ...}}, with the address inside.
    for name, entry in given.items():
        if (
            name in found
            or name in ("kowalski", "fritz", "wandb")
            or not isinstance(entry, Mapping)
        ):
            continue
        if {"token", "username"} & entry.keys():
            found[name] = _of_secrets(name, entry)
    return found


def _of_secrets(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account of an entry in secrets.json, with its address or the default address."""
    where = {key: entry[key] for key in ("protocol", "host", "port") if key in entry}
    place = {"protocol": "https", "host": f"{name}.{DOMAIN}", "port": 443} | where
    return _checked(name, {**place, **_login(entry)})


def _login(entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry.get("token"):
        return {"token": str(entry["token"])}
    return {key: entry.get(key) for key in ("username", "password")}


def _of_instance(name: str, instance: services.KowalskiInstance | None) -> dict[str, Any] | None:
    """The account of an instance of ``kowalski.hosts``.

    Its token must come from the file that gives its address, or the address be the usual one.
    """
    found = settings.current()
    usual = {"protocol": "https", "host": f"{name}.{DOMAIN}", "port": 443}
    place: dict[str, Any] = {}
    for origin, layer in found.layers:
        entry = ((layer.get("kowalski") or {}).get("hosts") or {}).get(name) or {}
        own = {key: entry[key] for key in usual if entry.get(key) is not None}
        if entry.get("token"):
            if any(value != usual[key] for key, value in place.items()) and place != own:
                raise AstrodomeError(
                    f"The address of the Kowalski instance {name} does not come from {origin}, as "
                    "its token does: it is not sent there.",
                    "Set both in the same file.",
                )
            return _checked(name, usual | own | {"token": str(entry["token"])})
        place = {**own, **place}
    for pattern in VARIABLES:
        if token := found.environ.get(pattern.format(name.upper())):
            if any(value != usual[key] for key, value in place.items()):
                raise AstrodomeError(
                    f"The token of {name} comes from the environment, but its address does not: "
                    "it is not sent there.",
                    "Set both in the same file.",
                )
            return {**usual, "token": token}
    return None


def _checked(name: str, account: dict[str, Any]) -> dict[str, Any]:
    url = f"{account['protocol']}://{account['host']}:{account['port']}"
    if not settings.safe_for_secrets(url):
        raise AstrodomeError(
            f"The token of the Kowalski instance {name} is not sent over plain http.",
            "Use https.",
        )
    return account


def _address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    usual = 443 if parts.scheme == "https" else 80
    return {"protocol": parts.scheme, "host": parts.hostname, "port": parts.port or usual}


def holder(client: Any, catalogue: str) -> str:
    """The instance that has a catalogue; AstrodomeError names those that are there."""
    for name, instance in client.instances.items():
        if catalogue in (instance.get("catalogs") or ()):
            return str(name)
    known = sorted({c for one in client.instances.values() for c in one.get("catalogs") or ()})
    close = [name for name in known if name.rpartition("_")[0] == catalogue.rpartition("_")[0]]
    raise AstrodomeError(
        f"No Kowalski instance has the catalogue {catalogue}.",
        f"There are {', '.join(close or known) or 'none'}.",
    )


def data(answer: Any, wanted: str) -> Any:
    """What an answer holds, in the form of penquins 2 (by instance) or of 1 (the answer alone).

    Raises AstrodomeError when Kowalski says that something went wrong.
    """
    if isinstance(answer, Mapping) and "status" not in answer and len(answer) == 1:
        (answer,) = answer.values()
    if not isinstance(answer, Mapping):
        raise AstrodomeError(f"Kowalski answered a question for {wanted} with no object.")
    if answer.get("status") != "success":
        said = " ".join(str(answer.get("message") or "it does not say why").split())[:200]
        raise AstrodomeError(f"Kowalski could not answer a question for {wanted}: {said}.")
    return answer.get("data")


def reason(error: BaseException) -> str:
    """Why there was no answer, in a few words and without what was sent."""
    text = f"{type(error).__name__} {error}".lower()
    for words, told in (
        (("timed out", "timeout"), "it took too long"),
        (("too many 429",), "it asks for fewer requests"),
        (("too many 5", "too many 405"), "the server has an error"),
        (("refused", "resolve", "unreachable"), "there is no connection"),
        (("401", "unauthorized", "token", "auth"), "it refuses the token"),
        (("json", "expecting value"), "what it said is no JSON"),
        (("aborted", "reset", "incomplete", "disconnected"), "the connection broke"),
    ):
        if any(word in text for word in words):
            return told
    return type(error).__name__
