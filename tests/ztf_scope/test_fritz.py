"""The marshals Fritz and LocalMarshal, and their common protocol."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from astrodome import AstrodomeError
from astrodome_ztf_scope.marshal.errors import (
    MarshalAccessError,
    MarshalUnavailable,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
)
from astrodome_ztf_scope.marshal.fritz import Fritz as Client
from astrodome_ztf_scope.marshal.local import LocalMarshal
from astrodome_ztf_scope.marshal.protocol import Marshal
from services.fake_server import FakeServer, Response
from services.fritz import Fritz
from ztf_scope.survey import TOKEN


def fill(marshal: Any) -> None:
    """Make the same changes on any marshal."""
    marshal.save_source("ZTFJa", 359.9999, 5.0, [200])
    marshal.save_source("ZTFJb", 0.0002, 5.0, [200, 300])
    marshal.add_to_groups("ZTFJa", [400])
    shared = {"obj_id": "ZTFJa", "taxonomy_id": 7, "probability": 0.5, "group_ids": [200, 400]}
    marshal.classify(
        [
            {**shared, "classification": "variable", "origin": "SCoPe", "ml": True, "vote": True},
            {**shared, "classification": "flaring", "ml": False, "label": True},
            {**shared, "classification": "periodic", "probability": 1.0},
        ]
    )
    marshal.delete_classification("ZTFJa", marshal.classifications("ZTFJa")[2]["id"])
    marshal.annotate("ZTFJa", "mine", {"period": 1.5, "note": "it's µ"}, [200])
    marshal.annotate("ZTFJa", "other", {"x": 1}, [200])
    mine, other = marshal.annotations("ZTFJa")
    marshal.change_annotation("ZTFJa", mine["id"], "mine", {"period": 2.5, "note": "it's µ"})
    marshal.delete_annotation("ZTFJa", other["id"])
    marshal.comment("ZTFJa", "vetted")
    marshal.comment("ZTFJa", "a plot", ("plot.png", b"\x89PNG"))
    points = {"obj_id": "ZTFJa", "instrument_id": 1, "magsys": "ab", "group_ids": [200]}
    lists = {"mjd": [58000.5, 58001.5], "mag": [17.0, 17.1], "magerr": [0.1, 0.1]}
    more = {"limiting_mag": [20.8, 20.8], "filter": ["ztfg", "ztfr"]}
    for _ in range(2):  # repeated points are not added
        marshal.add_photometry({**points, **lists, **more, "ra": [1.0, 1.0], "dec": [5.0, 5.0]})


def local_marshal() -> LocalMarshal:
    """Return a new marshal file with groups and a taxonomy."""
    marshal = LocalMarshal("mine.db", create_groups=[200, 300, 400])
    tree = {"class": "All", "subclasses": [{"class": "variable"}, {"class": "flaring"}]}
    marshal.post_taxonomy({"id": 7, "name": "own", "version": "1", "hierarchy": tree})
    return marshal


@pytest.fixture
def client(marshal: FakeServer) -> Client:
    return Client(token=TOKEN)


@pytest.fixture(params=["fritz", "local"])
def either(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "local":
        yield local_marshal()
    else:
        yield request.getfixturevalue("client")


@pytest.mark.parametrize("radius", [2.0, 2.5])
@pytest.mark.parametrize(("ra", "dec"), [(10.0, 20.0), (0.0, 60.0), (200.0, -85.0)])
def test_a_neighbour_outside_the_radius_is_not_found(
    either: Any, ra: float, dec: float, radius: float
) -> None:
    for gap in (radius - 0.01, radius + 0.01, 30.0, 119.0):
        either.save_source(f"north{gap:g}", ra, dec + gap / 3600, [200])
        east = gap / 3600 / math.cos(math.radians(dec))
        either.save_source(f"east{gap:g}", (ra - east) % 360, dec, [200])
    found = either.near(ra, dec, radius)
    assert {one["id"] for one in found} == {f"north{radius - 0.01:g}", f"east{radius - 0.01:g}"}
    assert [one["separation"] for one in found] == pytest.approx([radius - 0.01] * 2, abs=1e-4)


def test_both_marshals_implement_the_protocol_with_the_same_results(either: Any) -> None:
    assert isinstance(either, Marshal)
    fill(either)
    source = either.source("ZTFJa")
    assert (source["id"], source["ra"], source["dec"]) == ("ZTFJa", 359.9999, 5.0)
    assert source["groups"] == [200, 400] and len(source["labellers"]) == 1
    about = [
        (c["classification"], c["probability"], c["taxonomy_id"], c["groups"], c["votes"])
        for c in source["classifications"]
    ]
    assert about == [
        ("variable", 0.5, 7, [200, 400], 1),
        ("flaring", 0.5, 7, [200, 400], 0),
    ]
    assert source["classifications"] == either.classifications("ZTFJa")
    assert [(a["origin"], a["data"], a["groups"]) for a in source["annotations"]] == [
        ("mine", {"period": 2.5, "note": "it's µ"}, [200])
    ]
    assert [c["text"] for c in either.comments("ZTFJa")] == ["vetted", "a plot"]
    assert [(p["mjd"], p["filter"]) for p in either.photometry("ZTFJa")] == [
        (58000.5, "ztfg"),
        (58001.5, "ztfr"),
    ]
    assert either.source("missing") is None
    near = either.near(0.0, 5.0, 2)
    assert [(s["id"], round(s["separation"], 2)) for s in near] == [
        ("ZTFJa", 0.36),
        ("ZTFJb", 0.72),
    ]
    assert either.near(180.0, 5.0, 2) == []
    assert sorted(s["id"] for s in either.in_groups([300, 400])) == ["ZTFJa", "ZTFJb"]
    assert [s["id"] for s in either.in_groups([300])] == ["ZTFJb"]
    assert "ZTF" in {one["name"] for one in either.instruments()}
    for wrong in (
        lambda: either.annotate("ZTFJa", "mine", {"a": 1}, [200]),
        lambda: either.annotate("missing", "mine", {"a": 1}, [200]),
        lambda: either.delete_annotation("ZTFJa", 999),
        lambda: either.classify([{"obj_id": "missing", "classification": "x", "taxonomy_id": 7}]),
        lambda: either.comment("missing", "x"),
        lambda: either.add_to_groups("ZTFJa", [999]),
        lambda: either.save_source("ZTFJc", 1.0, 2.0, [999]),
    ):
        with pytest.raises(RequestRejected):
            wrong()


def test_the_client_of_skyportal_accepts_all_responses_of_the_fake_server(
    marshal: FakeServer, fritz: Fritz, client: Client
) -> None:
    portal = pytest.importorskip("skyportal_py.client")
    models = pytest.importorskip("skyportal_py.sources")
    from skyportal_py.classifications import ClassificationPost
    from skyportal_py.photometry import PhotometryPost
    from skyportal_py.source_groups import SourceGroupsPost
    from skyportal_py.taxonomies import TaxonomyPost

    fill(client)
    headers = {"Authorization": f"token {TOKEN}"}
    with portal.SkyPortal(base_url=marshal.url, headers=headers) as sky:
        one = sky.fetch_source("ZTFJa", include_labellers=True)
        assert [c.classification for c in one.classifications] == ["variable", "flaring"]
        assert {g.id for g in one.groups} == {200, 400} and one.labellers
        page = sky.fetch_sources(group_ids=[200, 300], num_per_page=1, page_number=2)
        assert page.total_matches == 2 and len(page.sources) == 1
        assert sky.fetch_sources(ra=0.0, dec=5.0, radius=2 / 3600).total_matches == 2
        assert len(sky.fetch_classifications("ZTFJa")) == 2
        assert sky.fetch_annotations("ZTFJa")[0].data["period"] == 2.5
        assert [c.text for c in sky.fetch_comments("ZTFJa")] == ["vetted", "a plot"]
        assert len(sky.fetch_photometry("ZTFJa")) == 2
        assert {i.name for i in sky.fetch_instruments()} == {"ZTF", "SEDM"}
        assert sky.fetch_taxonomies()[0].id == 7
        assert sky.post_source(models.SourcePost(id="new", ra=1.0, dec=2.0, group_ids=[200])).id
        sky.post_source_groups(SourceGroupsPost(obj_id="new", invite_group_ids=[300]))
        record = {"obj_id": "new", "classification": "variable", "taxonomy_id": 7}
        assert sky.post_classification(ClassificationPost(**record, group_ids=[200]))
        made = sky.post_classifications([ClassificationPost(**record, group_ids=[300])])
        sky.delete_classification(made.classification_ids[0])
        number = sky.post_annotation("new", "o", {"a": 1}, group_ids=[200]).annotation_id
        sky.update_annotation("new", number, {"a": 2}, origin="o")
        sky.delete_annotation("new", number)
        assert sky.post_comment("new", "hello").comment_id
        point = {"mjd": [58000.0], "filter": ["ztfg"], "mag": [17.0], "magerr": [0.1]}
        rest = {"instrument_id": 3, "limiting_mag": [20.8], "ra": [1.0], "dec": [2.0]}
        sky.upsert_photometry(PhotometryPost(obj_id="new", **point, **rest, group_ids=[200]))
        tree = {"class": "a"}
        assert sky.post_taxonomy(TaxonomyPost(name="n", version="1", hierarchy=tree)).taxonomy_id
        with pytest.raises(Exception, match="Source not found"):
            sky.fetch_source("missing")
    assert client.source("new")["groups"] == [200, 300]


@pytest.mark.parametrize(
    ("fault", "known"),
    [
        ("429 after 1", RateLimited),
        ("500", OutcomeUnknown),
        ("502", OutcomeUnknown),
        ("503 after 0", OutcomeUnknown),
        ("reset", OutcomeUnknown),
        ("lost", OutcomeUnknown),
        ("cut", OutcomeUnknown),
        ("html", OutcomeUnknown),
        ("never", OutcomeUnknown),
    ],
)
def test_a_change_is_sent_once_and_the_error_states_its_outcome(
    marshal: FakeServer, fritz: Fritz, fault: str, known: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_FRITZ_TIMEOUT", "0.3")
    client = Client(token=TOKEN)
    fritz.add_source("a", 1.0, 2.0, 200)
    marshal.add_faults(fault)
    with pytest.raises(known) as failure:
        client.comment("a", "x")
    assert len(marshal.requests) == 1 and TOKEN not in str(failure.value)
    assert getattr(failure.value, "retry_after", 1) == 1


def test_errors_without_a_change_have_their_own_classes(
    marshal: FakeServer, fritz: Fritz, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequestRejected, match="Source not found"):
        client.comment("missing", "x")
    fritz.tokens = {"other"}
    with pytest.raises(MarshalAccessError):
        client.comment("missing", "x")
    monkeypatch.setenv("ASTRODOME_FRITZ_URL", "http://127.0.0.1:9")
    gone = Client(token=TOKEN)
    with pytest.raises(MarshalUnavailable, match="Connection refused"):
        gone.comment("a", "x")


@pytest.mark.parametrize("fault", ["429 after 0", "500", "503", "reset", "cut", "html"])
def test_a_failed_read_request_is_repeated(
    marshal: FakeServer, fritz: Fritz, client: Client, fault: str
) -> None:
    fritz.add_source("a", 1.0, 2.0, 200)
    marshal.add_faults(fault, fault)
    assert client.source("a")["groups"] == [200] and len(marshal.requests) == 3


def test_the_pause_in_retry_after_is_observed(
    marshal: FakeServer, fritz: Fritz, client: Client
) -> None:
    import time

    fritz.add_source("a", 1.0, 2.0, 200)
    marshal.add_faults("429 after 1")
    begun = time.monotonic()
    assert client.source("a") and time.monotonic() - begun >= 1


def test_a_service_that_always_fails_causes_one_error(
    marshal: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault, words in (
        ("500", "returned status 500"),
        ("503", "returned status 503"),
        ("429 after 0", "returned status 429"),
        ("html", "instead of JSON"),
        ("cut", "cut"),
    ):
        marshal.choose = lambda request, fault=fault: fault
        with pytest.raises(MarshalUnavailable if "status" in words else AstrodomeError) as failure:
            client.source("a")
        assert words in failure.value.message or words == "cut"
        assert failure.value.hint and TOKEN not in failure.value.message


def test_an_empty_response_means_that_the_source_does_not_exist(
    marshal: FakeServer, client: Client
) -> None:
    for status, text in (
        (200, '{"status": "success", "data": {}}'),
        (400, '{"status": "error", "message": "Source not found: a", "data": {}}'),
        (404, '{"status": "error", "message": "Invalid source ID", "data": {}}'),
    ):
        marshal.answer = lambda request, s=status, t=text: Response(t.encode(), s)
        assert client.source("a") is None and client.comments("a") == []


def test_a_response_with_an_unexpected_structure_raises_astrodome_error(
    marshal: FakeServer, client: Client, torture: Callable[[int, int], int]
) -> None:
    whole = {
        "id": "a",
        "ra": 1.0,
        "dec": 2.0,
        "groups": [{"id": 1}],
        "classifications": [{"id": 1, "classification": "x", "votes": [{"vote": 1}]}],
        "annotations": [{"id": 1, "origin": "o", "data": {"period": 1}}],
        "labellers": [{"id": 1, "labeller_id": 2}],
        "sources": [],
        "totalMatches": 1,
        "numPerPage": 1,
    }
    chance = random.Random(4)
    odd = [None, 0, -1, 1e9, "x", [], {}, [None], [1], ["x"], [[]], [{}], {"a": 1}, True]
    reads: list[Callable[[], Any]] = [
        lambda: client.source("a"),
        lambda: client.near(1.0, 2.0, 2.0),
        lambda: list(itertools.islice(client.in_groups([1]), 5)),
        lambda: client.classifications("a"),
        lambda: client.annotations("a"),
        lambda: client.comments("a"),
        lambda: client.photometry("a"),
        client.instruments,
        client.taxonomies,
    ]
    for _ in range(torture(60, 3000)):
        document: Any = json.loads(json.dumps(whole))
        document["sources"] = [json.loads(json.dumps(whole))]
        for _ in range(chance.randint(1, 3)):
            place = document if chance.random() < 0.5 else document["sources"][0]
            if isinstance(place, dict) and place:
                place[chance.choice(list(place))] = chance.choice(odd)
            if not isinstance(document["sources"], list) or not document["sources"]:
                break
        data = chance.choice([document, document, [document], chance.choice(odd)])
        if isinstance(data, dict):
            data["totalMatches"] = (
                min(data.get("totalMatches") or 0, 3)
                if isinstance(data.get("totalMatches"), int)
                else data.get("totalMatches")
            )
        body = json.dumps({"status": "success", "data": data}).encode()
        marshal.answer = lambda request, body=body: Response(body)
        for read in reads:
            with contextlib.suppress(AstrodomeError):
                read()


def test_special_characters_in_names_are_quoted(either: Any) -> None:
    for name in ("a b/c", "ZTFJ0+1?x=1&y", "é#1"):
        either.save_source(name, 1.0, 2.0, [200])
        either.comment(name, "x")
        assert either.source(name)["id"] == name and len(either.comments(name)) == 1


def test_an_invalid_marshal_file_is_an_error(tmp_path: Any) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 1000)
    with pytest.raises(AstrodomeError, match=r"x\.db is not a valid marshal"):
        LocalMarshal(tmp_path / "x.db")
    with pytest.raises(AstrodomeError, match=r"local:FILE\.db"):
        LocalMarshal()
