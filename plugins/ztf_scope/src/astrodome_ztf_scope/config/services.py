"""Settings of the services that SCoPe talks to; reading them contacts nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from astrodome import AstrodomeError, settings
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from .schema import Section

Kind = TypeVar("Kind", bound="ServiceSettings")
SECRETS = Path("secrets.json")
"""SCoPe's file of accounts, in the folder where the command is given."""

Protocol = Literal["https", "http"]
Port = Annotated[int, Field(ge=1, le=65535)]


class ServiceSettings(Section):
    """Where a service is, as one ``url`` or in SCoPe's parts, and the token for it."""

    protocol: Protocol = "https"
    host: str = ""
    port: Port = 443
    url: str = Field(default="", validate_default=True)
    token: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _from_parts(cls, url: str, info: ValidationInfo) -> str:
        """``url`` is filled from the parts, so that one place says where a token goes."""
        if url or not {"protocol", "host", "port"} <= info.data.keys():
            return url.rstrip("/")
        standard = {"https": 443, "http": 80}[info.data["protocol"]]
        port = "" if info.data["port"] == standard else f":{info.data['port']}"
        return f"{info.data['protocol']}://{info.data['host']}{port}"


class KowalskiCollections(Section):
    """Names of Kowalski's catalogues."""

    gaia: str = "Gaia_EDR3"
    sources: str = "ZTF_sources_20240117"
    features: str = "ZTF_source_features_DR16"
    classifications: str = "ZTF_source_classifications_DR16"
    alerts: str = "ZTF_alerts"


class KowalskiInstance(Section):
    """One of several Kowalski instances; what is not given is as in the section."""

    protocol: Protocol | None = None
    host: str | None = None
    port: Port | None = None
    token: SecretStr | None = None
    timeout: float | None = Field(default=None, gt=0)


class KowalskiSettings(ServiceSettings):
    """Section ``kowalski``: the catalogues; ``timeout`` in s, ``max_timestamp_hjd`` in days."""

    host: str = "kowalski.caltech.edu"
    hosts: dict[str, KowalskiInstance | None] = Field(default_factory=dict)
    alt_token: SecretStr | None = None
    timeout: float = Field(default=300, gt=0)
    collections: KowalskiCollections = KowalskiCollections()
    max_timestamp_hjd: float | None = 2459951.5


class FritzSettings(ServiceSettings):
    """Section ``fritz``: the marshal; ``rate`` in requests a second.

    ``sleep_time`` is the longest pause before an attempt is repeated, ``timeout`` how long an
    answer is waited for, and ``settle`` how long a request whose answer was lost may still be
    at work there, all in seconds.
    """

    host: str = "fritz.science"
    rate: float | None = Field(default=None, gt=0)
    max_attempts: int = Field(default=10, ge=1)
    sleep_time: float = Field(default=5, ge=0)
    timeout: float = Field(default=60, gt=0)
    settle: float = Field(default=3, ge=0)


class WandbSettings(Section):
    """Section ``wandb``: where runs are logged when that is asked for."""

    entity: str | None = None
    project: str = "scope"
    token: SecretStr | None = None
    sweep_config_dnn: dict[str, Any] = Field(default_factory=dict)


class GcsSettings(Section):
    """Section ``gcs``: Google Cloud Storage with SCoPe's ``bucket`` of data sets and models.

    ``credentials`` is a JSON file of a service account or of ``gcloud``; ``token`` an access
    token. With neither, those that ``gcloud auth application-default login`` left are used.
    """

    url: str = "https://storage.googleapis.com"
    bucket: str = "ztf-scope"
    project: str = ""
    credentials: str | None = None
    token: SecretStr | None = None


def connection(name: str, model: type[Kind], token: str = "") -> tuple[Kind, str]:
    """Where a service is, and the token for it: ``token`` of the command line, or a configured one.

    ``secrets.json`` is looked at when nothing else names a token. Raises AstrodomeError when the
    token was not set for that address.
    """
    found = settings.current()
    if not token and not found.section(name, model).token:
        given = secrets().get(name)
        given = {"token": given} if isinstance(given, str) else given
        if isinstance(given, Mapping) and given.get("token"):
            layers = [(str(SECRETS.resolve()), {name: dict(given)}), *found.layers]
            found = settings.Settings(layers, found.environ)
    secret = found.credential(name, model, given=token).strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise AstrodomeError(
            f"The token of {name} has characters that no token has.",
            "Copy it once more.",
            exit_code=2,
        )
    return found.section(name, model), secret


def secrets(path: Path = SECRETS) -> dict[str, Any]:
    """What ``secrets.json`` holds, by service; nothing when there is no such file.

    Raises AstrodomeError, without quoting it, when it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AstrodomeError(
            f"{path.resolve()} is no JSON object.", 'It should be like {"fritz": {"token": "…"}}.'
        )
    return document


def kowalski() -> KowalskiSettings:
    """The section of the catalogues."""
    return settings.section("kowalski", KowalskiSettings)
