"""Kowalski queries with penquins return complete results from all instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astrodome import AstrodomeError, settings, sources
from astrodome_ztf_scope.catalogues import kowalski_client
from astrodome_ztf_scope.catalogues.kowalski import KowalskiCatalogue as Client
from services.fake_server import FakeServer
from services.kowalski import Kowalski
from ztf_scope.survey import TOKEN

SOURCES, FEATURES = "ZTF_sources_20240117", "ZTF_source_features_DR16"


def star(number: int, ra: float, dec: float, **more: object) -> dict[str, object]:
    return {"_id": 10_000_000 + number, "ra": ra, "dec": dec, "filter": 1, "field": 296, **more}


@pytest.fixture
def store() -> Kowalski:
    return Kowalski(TOKEN, "astronomer", "open sesame")


@pytest.fixture
def server(store: Kowalski, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """That Kowalski on loopback, where the settings look for it."""
    with store.server() as twin:
        monkeypatch.setenv("ASTRODOME_KOWALSKI_URL", twin.url)
        monkeypatch.setenv("ASTRODOME_KOWALSKI_TOKEN", TOKEN)
        monkeypatch.setattr(kowalski_client, "BACKOFF", 0.01)
        yield twin


def test_the_source_of_catalogues_called_kowalski_is_this_one(server: FakeServer, store: Kowalski):
    store.store(SOURCES, [star(1, 10, 20)])
    assert isinstance(sources.get("catalogue", "kowalski"), Client)
    assert Client().collections() == [SOURCES]


def test_documents_come_in_the_order_of_their_ids_over_any_number_of_pages(
    server: FakeServer, store: Kowalski
):
    store.store(SOURCES, [star(n, n * 0.01, 5, nobs=n) for n in range(25)])
    client = Client(page=10)
    found = list(client.find("sources", {"field": 296}, ("nobs",)))
    assert [one["nobs"] for one in found] == list(range(25))
    assert [one["nobs"] for one in client.find("sources", {}, ("nobs",), skip=4, limit=13)] == list(
        range(4, 17)
    )
    several = {"$or": [{"nobs": {"$gt": 22}}, {"nobs": {"$in": [3]}}]}
    assert [one["nobs"] for one in client.find("sources", several)] == [3, 23, 24]


def test_any_number_of_ids_can_be_requested(server: FakeServer, store: Kowalski):
    store.store(FEATURES, [{"_id": n, "period": n / 7} for n in range(2500)])
    wanted = {"_id": {"$in": list(range(0, 2500, 2)) * 2}}
    found = list(Client().find("features", wanted, ("period",)))
    assert [one["_id"] for one in found] == list(range(0, 2500, 2))
    assert len(list(Client().find("features", wanted, skip=1000, limit=20))) == 20


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 12.0), (359.99995, -3.0), (0.0001, 0.0)])
def test_positions_on_both_sides_of_ra_zero_match(
    server: FakeServer, store: Kowalski, ra: float, dec: float
):
    gap = 0.5 / 3600
    both = [star(1, (ra + gap / np.cos(np.radians(dec))) % 360, dec)]
    both += [star(2, (ra - gap / np.cos(np.radians(dec))) % 360, dec), star(3, ra, dec + 1)]
    store.store(SOURCES, both)
    (found,) = Client().cone("sources", ra, dec, 2)
    assert {one["_id"] for one in found} == {10_000_001, 10_000_002}
    assert [one["separation"] for one in found] == pytest.approx([0.5, 0.5], abs=1e-3)


def test_positions_are_requested_with_ra_from_0_to_360(server: FakeServer, store: Kowalski):
    store.store(SOURCES, [star(1, 0, 12)])
    found = Client().cone("sources", [360.0, -0.5, 359.5], [12.0, 12.0, -12.0], 2)
    radec = store.asked[-1]["query"]["object_coordinates"]["radec"]
    assert list(radec.values()) == [[0.0, 12.0], [359.5, 12.0], [359.5, -12.0]]
    assert [len(documents) for documents in found] == [1, 0, 0]


@pytest.mark.parametrize("dec", [90.0, -90.0])
def test_positions_at_the_poles_match_at_any_ra(server: FakeServer, store: Kowalski, dec: float):
    near = dec - np.sign(dec) * 0.7 / 3600
    store.store(SOURCES, [star(n, ra, near) for n, ra in enumerate((0, 90, 180, 270))])
    (found,) = Client().cone("sources", 123, dec, 2, ("filter",))
    assert len(found) == 4 and found[0]["separation"] == pytest.approx(0.7, abs=1e-3)


def test_the_nearest_of_several_documents_comes_first(server: FakeServer, store: Kowalski):
    store.store(SOURCES, [star(n, 50, 10 + gap / 3600) for n, gap in enumerate((1.5, 0.2, -0.9))])
    found = Client().cone("sources", [50, 51], [10, 10], 2)
    assert [one["_id"] - 10_000_000 for one in found[0]] == [1, 2, 0] and found[1] == []


def test_a_light_curve_contains_all_epochs_of_its_document(server: FakeServer, store: Kowalski):
    data = [{"hjd": 2458000.5 + n, "mag": 17.0, "magerr": 0.1, "catflags": 0} for n in range(3)]
    store.store(SOURCES, [star(1, 10, 20, data=data), star(2, 10, 20, data=[])])
    table = Client().light_curves([10_000_001, 10_000_002])
    assert list(table["hjd"]) == [2458000.5, 2458001.5, 2458002.5]
    assert set(table["id"]) == {10_000_001} and set(table["filter"]) == {1}


@pytest.mark.parametrize("fault", ["500", "502", "503", "429 after 0", "reset", "cut"])
def test_a_query_is_repeated_after_a_server_error(server: FakeServer, store: Kowalski, fault: str):
    store.store(SOURCES, [star(n, n, 5) for n in range(3)])
    client = Client()
    assert client.collections() == [SOURCES]
    server.add_faults(fault)
    if fault == "cut":  # penquins does not repeat truncated responses
        with pytest.raises(AstrodomeError, match="failed"):
            list(client.find("sources", {}))
    assert len(list(client.find("sources", {}))) == 3


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (["500"] * 9, "too many 500 error responses"),
        (["429"] * 9, "too many 429 error responses"),
        (["html"], "Expecting value"),
        (["never"] * 4, "timeout"),
    ],
)
def test_errors_are_short_and_do_not_contain_the_token(
    server: FakeServer,
    store: Kowalski,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[str],
    told: str,
):
    store.store(SOURCES, [star(1, 1, 5)])
    monkeypatch.setenv("ASTRODOME_KOWALSKI_TIMEOUT", "0.3")
    client = Client()
    assert client.collections() == [SOURCES]
    server.add_faults(*faults)
    with pytest.raises(AstrodomeError) as failed:
        list(client.find("sources", {}))
    assert told in str(failed.value) and TOKEN not in str(failed.value)
    assert failed.value.__cause__ is None


def test_a_rejected_token_is_reported(server: FakeServer, store: Kowalski):
    store.store(SOURCES, [star(1, 1, 5)])
    with pytest.raises(AstrodomeError, match="token is invalid") as failed:
        Client(token="another-secret").collections()
    assert "another-secret" not in str(failed.value)


def test_the_error_for_an_unknown_catalogue_contains_similar_names(
    server: FakeServer, store: Kowalski
):
    store.store("ZTF_sources_20210401", [star(1, 1, 5)])
    with pytest.raises(AstrodomeError) as failed:
        list(Client().find("sources", {}))
    assert f"'{SOURCES}' not found in any Kowalski instance" in str(failed.value)
    assert "ZTF_sources_20210401" in failed.value.hint


def test_responses_of_penquins_1_are_supported():
    answer = {"status": "success", "message": "", "data": [1, 2]}
    assert (
        kowalski_client.data(answer, "x") == kowalski_client.data({"gloria": answer}, "x") == [1, 2]
    )
    with pytest.raises(AstrodomeError, match="no such index"):
        kowalski_client.data(
            {"default": {"status": "error", "message": "failure: no such index"}}, "x"
        )


def test_queries_go_to_the_instance_with_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one, two = Kowalski(TOKEN + "1"), Kowalski(TOKEN + "2")
    one.store(SOURCES, [star(1, 1, 5)])
    two.store(FEATURES, [{"_id": 5, "period": 0.5}])
    with one.server() as first, two.server() as second:
        file = tmp_path / "own.yaml"
        lines = ["kowalski:", "  hosts:"]
        for name, twin, store in (("gloria", first, one), ("melman", second, two)):
            port = twin.url.rpartition(":")[2]
            place = f"protocol: http, host: 127.0.0.1, port: {port}"
            lines.append(f"    {name}: {{{place}, token: {store.token}}}")
        file.write_text("\n".join(lines))
        monkeypatch.setattr(settings, "options", settings.Options(config=file))
        client = Client()
        assert client.collections() == sorted([SOURCES, FEATURES])
        assert [d["_id"] for d in client.find("sources", {})] == [10_000_001]
        assert [d["_id"] for d in client.find("features", {})] == [5]
        assert Client("melman").collections() == [FEATURES]
        with pytest.raises(AstrodomeError, match="Kowalski instance 'jupiter'"):
            Client("jupiter").collections()


@pytest.mark.parametrize("name", ["gloria", "kowalski"])
def test_an_account_in_secrets_json_is_used(
    store: Kowalski, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
):
    store.store(SOURCES, [star(1, 1, 5)])
    with store.server() as twin:
        port = twin.url.rpartition(":")[2]
        monkeypatch.chdir(tmp_path)
        Path("secrets.json").write_text(
            f'{{"{name}": {{"username": "astronomer", "password": "open sesame",'
            f' "protocol": "http", "host": "127.0.0.1", "port": {port}}}}}'
        )
        assert Client().collections() == [SOURCES]


@pytest.mark.parametrize("ra", [0.0, 10.0, 179.9, 180.0, 190.0, 359.9])
def test_a_document_without_ra_is_at_the_longitude_plus_180(
    server: FakeServer, store: Kowalski, ra: float
):
    place = {"radec_geojson": {"type": "Point", "coordinates": [ra - 180, 20.0]}}
    store.store("Gaia_EDR3", [{"_id": 1, "coordinates": place}])
    for columns in ((), ("phot_g_mean_mag",)):
        ((found,),) = Client().cone("gaia", ra, 20.0, 2.0, columns)
        assert (found["ra"], found["dec"]) == (pytest.approx(ra), 20.0)
        assert found["separation"] == pytest.approx(0, abs=1e-6)


def test_the_token_of_an_instance_is_not_sent_to_another_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[str], Path]
):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("kowalski: {hosts: {gloria: {host: evil.example}}}\n")
    own = write(f"kowalski: {{hosts: {{gloria: {{token: {TOKEN}}}}}}}\n")
    found = settings.Settings([("./config.yaml", settings.read_yaml(Path("config.yaml")))], {})
    found.layers.append((str(own), settings.read_yaml(own)))
    monkeypatch.setattr(settings, "current", lambda: found)
    with pytest.raises(AstrodomeError, match="was not sent"):
        kowalski_client.accounts()


def test_without_a_token_no_request_is_sent_and_the_setting_is_named():
    with pytest.raises(AstrodomeError, match="No token found for Kowalski") as failed:
        Client().collections()
    assert "ASTRODOME_KOWALSKI_TOKEN" in failed.value.hint
