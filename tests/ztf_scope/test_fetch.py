"""``scope fetch-datasets`` and ``fetch-models`` with a fake storage service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from astrodome.testing import Result
from services.fake_server import FakeServer
from services.gcs import Bucket

Scope = Callable[..., Result]

pytest.importorskip("gcsfs")

OBJECTS = {
    "datasets/dataset.d14.csv": b"a,b\n1,2\n" * 40_000,
    "datasets/dataset.d15.csv": b"a,b\n3,4\n",
    "datasets/empty.csv": b"",
    "datasets/notes.txt": b"not asked for",
    "datasets/old/dataset.d1.csv": b"nor this",
    "models/vnv/20210324_220331/vnv.20210324_220331.index": b"index",
    "models/vnv/20210324_220331/vnv.20210324_220331.data-00000-of-00001": b"data" * 1000,
    "models/ea/20210325_000000/checkpoint": b"text",
}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket("ztf-scope", OBJECTS)


@pytest.fixture
def service(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    with bucket.server() as twin:
        monkeypatch.setenv("ASTRODOME_GCS_URL", twin.url)
        yield twin


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_downloaded_data_sets_are_unchanged(scope: Scope, service: FakeServer) -> None:
    result = scope("fetch-datasets", "--json").succeeded()
    assert result.json == {"done": 3, "skipped": 0, "failed": []}
    assert contents(Path("data/training")) == {
        name.removeprefix("datasets/"): data
        for name, data in OBJECTS.items()
        if name in ("datasets/dataset.d14.csv", "datasets/dataset.d15.csv", "datasets/empty.csv")
    }


def test_models_keep_their_directories(scope: Scope, service: FakeServer) -> None:
    scope("fetch-models").succeeded()
    assert contents(Path("models")) == {
        name.removeprefix("models/"): data
        for name, data in OBJECTS.items()
        if name.startswith("models/")
    }


def test_an_existing_file_is_not_changed(scope: Scope, service: FakeServer) -> None:
    mine = Path("data/training/dataset.d15.csv")
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = scope("fetch-datasets", "--json").succeeded()
    assert (result.json["done"], result.json["skipped"]) == (2, 1)
    assert mine.read_text() == "mine"
    assert scope("fetch-datasets", "--json").succeeded().json["skipped"] == 3


def test_missing_permission_is_one_short_error(
    scope: Scope, bucket: Bucket, service: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.token = "ya29.secret"
    for token in ("", "ya29.another"):
        monkeypatch.setenv("ASTRODOME_GCS_TOKEN", token)
        refused = scope("fetch-models")
        assert refused.code == 1
        error = next(line for line in refused.err.splitlines() if line.startswith("Error"))
        assert error == "Error: No permission to read gs://ztf-scope/models/**."
        assert "Traceback" not in refused.err and "ya29" not in refused.err
        assert not Path("models").exists()


def test_a_token_from_the_environment_is_sent_to_the_service(
    scope: Scope, bucket: Bucket, service: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.token = "ya29.secret"
    monkeypatch.setenv("ASTRODOME_GCS_TOKEN", "ya29.secret")
    assert scope("fetch-models", "--json").succeeded().json["done"] == 3


def test_a_token_is_not_sent_to_the_address_of_a_file_that_was_found(
    scope: Scope, service: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASTRODOME_GCS_URL")
    monkeypatch.setenv("ASTRODOME_GCS_TOKEN", "ya29.secret")
    Path("config.yaml").write_text(f"gcs: {{url: '{service.url}'}}\n")
    refused = scope("fetch-models")
    assert refused.code == 1 and "was not sent" in refused.err
    assert not service.requests


@pytest.mark.parametrize("fault", ["503", "reset"])
def test_a_request_is_repeated_after_a_server_error(
    scope: Scope, service: FakeServer, fault: str
) -> None:
    service.add_faults(fault)
    assert scope("fetch-models", "--json").succeeded().json["done"] == 3


def test_a_damaged_download_is_repeated_by_the_next_call(
    scope: Scope, bucket: Bucket, service: FakeServer
) -> None:
    whole = bucket.respond

    def flipped(request):
        response = whole(request)
        if request.query.get("alt") == ["media"] and "checkpoint" in request.path:
            response.body = b"TEXT"
        return response

    service.respond = flipped
    result = scope("fetch-models")
    assert result.code == 1
    assert "models/ea/20210325_000000/checkpoint" in result.err and "checksum" in result.err
    assert sum(1 for _ in contents(Path("models"))) == 2
    service.respond = whole
    assert scope("fetch-models", "--json").succeeded().json == {
        "done": 1,
        "skipped": 2,
        "failed": [],
    }


def test_a_missing_bucket_is_one_short_error(
    scope: Scope, service: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_GCS_BUCKET", "another")
    missing = scope("fetch-datasets")
    assert missing.code == 1 and "gs://another/datasets/*.csv" in missing.err
    assert not Path("data").exists()


def test_an_unreachable_service_is_one_short_error(
    scope: Scope, monkeypatch: pytest.MonkeyPatch, torture: Callable[[int, int], int]
) -> None:
    if not torture(0, 1):
        pytest.skip("gcsfs gives up after half a minute")
    monkeypatch.setenv("ASTRODOME_GCS_URL", "http://127.0.0.1:9")
    silent = scope("fetch-datasets")
    assert silent.code == 1 and "Cannot connect" in silent.err
