"""Convert JSON documents from SkyPortal, the software of Fritz, to marshal records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from astrodome import AstrodomeError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)


def _id(record: Any) -> Any:
    return record["id"] if isinstance(record, Mapping) and "id" in record else record


def _labeller(record: Any) -> Any:
    """Return the user id in a user record or in a label record from a source listing."""
    return record.get("labeller_id") or _id(record) if isinstance(record, Mapping) else record


def _sum_of_votes(votes: Any) -> int:
    return sum(int(vote["vote"] or 0) for vote in votes)


Ids = list[Annotated[int, BeforeValidator(_id)]]
Labellers = Annotated[
    list[Annotated[int, BeforeValidator(_labeller)]],
    AfterValidator(lambda ids: list(dict.fromkeys(ids))),
]


class Record(BaseModel):
    """A document in which a missing key and the value null are equivalent."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, document: Any) -> Any:
        if not isinstance(document, Mapping):
            return document
        return {key: value for key, value in document.items() if value is not None}


class Classification(Record):
    """A classification of a source. ``votes`` is the sum of all votes."""

    id: int
    classification: str
    taxonomy_id: int | None = None
    probability: float | None = None
    origin: str = ""
    ml: bool | None = None
    groups: Ids = []
    votes: Annotated[int, BeforeValidator(_sum_of_votes)] = 0


class Annotation(Record):
    """An annotation on a source."""

    id: int
    origin: str = ""
    data: dict[str, Any] = {}
    groups: Ids = []


class Comment(Record):
    """A comment on a source."""

    id: int
    text: str = ""


class Source(Record):
    """A source. ``labellers`` are the ids of the users who labeled it."""

    id: str
    ra: float = math.nan
    dec: float = math.nan
    created_at: str = ""
    groups: Ids = []
    classifications: list[Classification] = []
    annotations: list[Annotation] = []
    labellers: Labellers = []


class SourcePage(Record):
    """One page of a source listing.

    ``total`` is the number of sources on all pages, and ``size`` the number of sources per page.
    The two numbers are 0 if they are unknown.
    """

    sources: list[Source] = []
    total: int = Field(default=0, alias="totalMatches")
    size: int = Field(default=0, alias="numPerPage")


def read(model: type[Record], document: Any) -> dict[str, Any]:
    """Validate a document, and return it as a mapping whose keys are the fields of ``model``.

    Raises AstrodomeError if the document has an unexpected structure.
    """
    try:
        return model.model_validate(document).model_dump()
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        problem = str(error)
        if isinstance(error, ValidationError):
            fault = error.errors()[0]
            problem = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        raise AstrodomeError(
            f"Invalid {model.__name__.lower()} in the response from the marshal: {problem}.",
            "Check the setting fritz.url. The API of the marshal may also have changed.",
        ) from error
