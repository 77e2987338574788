"""Settings for external services. Reading the settings does not send any request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from astrodome import AstrodomeError, InvalidInputError, settings
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from .schema import Section

Settings = TypeVar("Settings", bound="ServiceSettings")
SECRETS = Path("secrets.json")
"""File in the current directory in which SCoPe stores tokens and passwords."""

Protocol = Literal["https", "http"]
Port = Annotated[int, Field(ge=1, le=65535)]


class ServiceSettings(Section):
    """URL and token of a service. SCoPe specifies the URL as protocol, host and port."""

    protocol: Protocol = "https"
    host: str = ""
    port: Port = 443
    url: str = Field(default="", validate_default=True)
    token: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _from_parts(cls, url: str, info: ValidationInfo) -> str:
        """Return the URL, or build it from the protocol, host and port if it is empty."""
        if url or not {"protocol", "host", "port"} <= info.data.keys():
            return url.rstrip("/")
        standard = {"https": 443, "http": 80}[info.data["protocol"]]
        port = "" if info.data["port"] == standard else f":{info.data['port']}"
        return f"{info.data['protocol']}://{info.data['host']}{port}"


class KowalskiCollections(Section):
    """Names of the Kowalski collections."""

    gaia: str = "Gaia_EDR3"
    sources: str = "ZTF_sources_20240117"
    features: str = "ZTF_source_features_DR16"
    classifications: str = "ZTF_source_classifications_DR16"
    alerts: str = "ZTF_alerts"


class KowalskiInstance(Section):
    """A Kowalski instance. The values in the section ``kowalski`` are used for missing keys."""

    protocol: Protocol | None = None
    host: str | None = None
    port: Port | None = None
    token: SecretStr | None = None
    timeout: float | None = Field(default=None, gt=0)


class KowalskiSettings(ServiceSettings):
    """Section ``kowalski``: connection to the catalogue service Kowalski.

    ``timeout`` is in seconds. ``max_timestamp_hjd`` is a heliocentric Julian date in days.
    """

    host: str = "kowalski.caltech.edu"
    hosts: dict[str, KowalskiInstance | None] = Field(default_factory=dict)
    alt_token: SecretStr | None = None
    timeout: float = Field(default=300, gt=0)
    collections: KowalskiCollections = KowalskiCollections()
    max_timestamp_hjd: float | None = 2459951.5


class FritzSettings(ServiceSettings):
    """Section ``fritz``: connection to the marshal Fritz.

    ``rate`` is the maximum number of requests per second. ``timeout`` is the maximum time to wait
    for a response. ``sleep_time`` is the maximum delay before a request is retried. ``settle`` is
    the maximum time for which the server may continue to process a request after the connection is
    lost. All times are in seconds.
    """

    host: str = "fritz.science"
    rate: float | None = Field(default=None, gt=0)
    max_attempts: int = Field(default=10, ge=1)
    sleep_time: float = Field(default=5, ge=0)
    timeout: float = Field(default=60, gt=0)
    settle: float = Field(default=3, ge=0)


class WandbSettings(Section):
    """Section ``wandb``: the Weights & Biases project to which runs are logged."""

    entity: str | None = None
    project: str = "scope"
    token: SecretStr | None = None
    sweep_config_dnn: dict[str, Any] = Field(default_factory=dict)


class GcsSettings(Section):
    """Section ``gcs``: access to the Google Cloud Storage bucket with SCoPe data sets and models.

    ``bucket`` is the name of the bucket. ``credentials`` is the path to a JSON file with
    credentials, either for a service account or written by ``gcloud``. ``token`` is an access
    token. If both are missing, the credentials from ``gcloud auth application-default login`` are
    used.
    """

    url: str = "https://storage.googleapis.com"
    bucket: str = "ztf-scope"
    project: str = ""
    credentials: str | None = None
    token: SecretStr | None = None


def connection(name: str, model: type[Settings], token: str = "") -> tuple[Settings, str]:
    """Return the settings for a service, and the token to use.

    The argument ``token`` takes precedence over the token in the settings, which takes precedence
    over the token in ``secrets.json``. Raises AstrodomeError if the token was configured for
    another URL.
    """
    found = settings.current()
    if not token and not found.section(name, model).token:
        entry = secrets().get(name)
        entry = {"token": entry} if isinstance(entry, str) else entry
        if isinstance(entry, Mapping) and entry.get("token"):
            layers = [(str(SECRETS.resolve()), {name: dict(entry)}), *found.layers]
            found = settings.Settings(layers, found.environ)
    secret = found.credential(name, model, given=token).strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise InvalidInputError(
            f"Invalid token for {name}: it contains spaces, control or non-ASCII characters.",
            "Copy the token again.",
        )
    return found.section(name, model), secret


def secrets(path: Path = SECRETS) -> dict[str, Any]:
    """Return the entries in ``secrets.json``, keyed by service.

    The result is empty if the file does not exist. Raises AstrodomeError if the content is not a
    JSON object; the message does not contain the content.
    """
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AstrodomeError(
            f"{path.resolve()} is not a JSON object.",
            'Expected, for example: {"fritz": {"token": "…"}}.',
        )
    return document


def kowalski() -> KowalskiSettings:
    """Return the settings in the section ``kowalski``."""
    return settings.section("kowalski", KowalskiSettings)
