"""``scope taxonomy post`` and ``show`` with a fake Fritz server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from astrodome.testing import Result
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN

Scope = Callable[..., Result]

TREE = """
class: Time-domain Source
subclasses:
  - class: variable
    subclasses:
      - {class: periodic, other names: [recurring], subclasses: [{class: sinusoidal}]}
      - class: irregular
  - class: non-variable
"""


def post(*more: str) -> list[str]:
    Path("tree.yaml").write_text(TREE)
    return ["taxonomy", "post", "--taxonomy", "tree.yaml", "--token", TOKEN, *more]


def test_a_taxonomy_is_posted_once_for_each_name_and_version(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    line = post("--name", "Mine", "--group-ids", "200", "300", "--json")
    first = scope(*line).succeeded().json
    assert first == {"id": 8, "name": "Mine", "version": "1.0.0", "classes": 6, "posted": True}
    assert scope(*line).succeeded().json == {**first, "posted": False}
    (row,) = fritz.rows("SELECT * FROM taxonomies WHERE name = 'Mine'")
    assert json.loads(row["groups"]) == [200, 300]
    assert json.loads(row["hierarchy"])["subclasses"][0]["class"] == "variable"
    Path("tree.yaml").write_text("class: another\n")
    other = scope("taxonomy", "post", "--taxonomy", "tree.yaml", "--name", "Mine", "-token", TOKEN)
    assert (
        other.code == 1 and "taxonomy 'Mine' with version 1.0.0 already exists (id 8)" in other.err
    )
    assert scope(*post("--name", "Mine", "--version", "1.1", "--json")).succeeded().json["posted"]


def test_a_lost_response_does_not_create_a_second_taxonomy(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    faults = iter(["lost"])
    marshal.choose = lambda request: next(faults, "") if request.method == "POST" else ""
    scope(*post()).succeeded()
    assert fritz.count("taxonomies") == 2


def test_the_configured_taxonomy_can_be_posted_except_in_a_dry_run(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    line = ["taxonomy", "post", "--token", TOKEN, "--json"]
    dry = scope(*line, "--dry-run").succeeded().json
    assert dry["classes"] > 20 and not dry["posted"] and fritz.count("taxonomies") == 1
    done = scope(*line).succeeded().json
    shown = scope("taxonomy", "show", done["id"], "--token", TOKEN).succeeded().out
    assert len(shown.splitlines()) == done["classes"] and "  variable" in shown


def test_taxonomies_are_listed_and_shown_as_trees(
    scope: Scope, marshal: FakeServer, fritz: Fritz
) -> None:
    scope(*post("--name", "Mine")).succeeded()
    listed = scope("taxonomy", "show", "--token", TOKEN, "--json").succeeded().json
    assert [(one["id"], one["name"], one["classes"]) for one in listed] == [
        (7, "taxonomy 7", 4),
        (8, "Mine", 6),
    ]
    tree = scope("taxonomy", "show", "8", "--token", TOKEN).succeeded().out
    assert tree.splitlines()[:3] == ["Time-domain Source", "  variable", "    periodic"]
    missing = scope("taxonomy", "show", "99", "--token", TOKEN)
    assert missing.code == 2 and "Taxonomy 99 not found" in missing.err


def test_an_invalid_taxonomy_is_an_error_before_the_first_request(
    scope: Scope, marshal: FakeServer
) -> None:
    for text, words in (
        ("name: x\n", "class"),
        ("class: a\nsubclasses: [{class: b}, {class: b}]\n", "'b' more than once"),
        ("class: a\nsubclases: []\n", "did you mean 'subclasses'"),
        ("- a\n", "tree.yaml"),
    ):
        line = post()
        Path("tree.yaml").write_text(text)
        refused = scope(*line)
        assert refused.code in (1, 2) and words in refused.err, refused.err
    assert not marshal.requests
