"""The command ``schema``, errors as JSON documents, and versions as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from astrodome import AstrodomeError, InvalidInputError, errors, http, outputs
from jsonschema import Draft202012Validator

CLI = '''
"""Commands with every type of parameter."""
import sys
from enum import Enum
from pathlib import Path
from typing import TypedDict

import typer
from astrodome import AstrodomeError, console, option_groups, outputs, times
from astrodome.option_groups import Json, option

app = typer.Typer(help="Look at the sky.", no_args_is_help=True)

class Star(TypedDict):
    """A star."""
    name: str
    mag: float | None

class Colour(str, Enum):
    red = "red"
    blue = "blue"

class Site(option_groups.OptionGroup):
    height: int = option(0, "Height, in metres.", min=0, max=5000)

@app.command()
@option_groups.expand
@outputs.declare(list[Star], reads_only=True)
def stars(
    paths: list[Path] = typer.Argument(help="Files to read."),
    colour: Colour = option(Colour.red, "Colour of the stars.", envvar="STAR_COLOUR"),
    limit: float = option(..., "Largest magnitude.", "--limit", "-l"),
    name: list[str] | None = option(None, "Name of a star."),
    box: tuple[int, float] | None = option(None, "Size of the box."),
    grid: bool = option(True, "Draw a grid.", "--grid/--no-grid"),
    secret: str = option("", "Not listed.", hidden=True),
    as_json: Json = False,
    *,
    site: Site,
) -> None:
    """Show stars."""
    rows = [{"name": str(path), "mag": None} for path in paths]
    console.show(rows, as_json=as_json)
    if site.height:
        raise AstrodomeError("The dome is closed.", "Open it.")

@app.command()
def other(as_json: Json = False) -> None:
    """Fail."""
    raise {error}

@app.command()
@outputs.declare(None)
def move() -> None:
    """Move the telescope."""
'''


def cli(error: str = "AstrodomeError('The dome is closed.', 'Open it.')") -> str:
    return CLI.replace("{error}", error)


def schema(observatory: Any, *words: str) -> Any:
    ran = observatory.run("schema", *words)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_schema_describes_every_parameter(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    found = schema(observatory, "mirror", "stars")
    Draft202012Validator.check_schema(found["arguments"])
    assert found["arguments"]["required"] == ["paths", "limit"]
    parameters = found["arguments"]["properties"]
    assert "secret" not in parameters
    assert parameters["paths"] == {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "description": "Files to read.",
        "kind": "argument",
    }
    assert parameters["colour"] == {
        "type": "string",
        "enum": ["red", "blue"],
        "description": "Colour of the stars.",
        "default": "red",
        "kind": "option",
        "option": "--colour",
        "environment": ["STAR_COLOUR", "OBSERVATORY_MIRROR_STARS_COLOUR"],
    }
    assert parameters["limit"]["type"] == "number" and "default" not in parameters["limit"]
    assert parameters["limit"]["option"] == "--limit"
    assert parameters["name"]["type"] == "array"
    assert parameters["box"]["prefixItems"] == [{"type": "integer"}, {"type": "number"}]
    assert parameters["grid"]["negative"] == "--no-grid" and parameters["grid"]["default"] is True
    height = parameters["height"]
    assert (height["type"], height["minimum"], height["maximum"]) == ("integer", 0, 5000)
    assert set(found["exit_codes"]) >= {"0", "1", "2"}


@pytest.fixture(scope="session")
def newest_typer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the newest release of Typer."""
    folder = tmp_path_factory.mktemp("typer")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--retries=0"]
    ran = subprocess.run(
        [*pip, "--upgrade", "--target", str(folder), "typer>=0.29"],
        env={name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        pytest.skip(f"Typer 0.29 or newer cannot be installed: {ran.stderr[-300:]}")
    return folder


def test_the_newest_typer_gives_the_same_schema(observatory: Any, newest_typer: Path) -> None:
    observatory.add("mirror", cli=cli())
    expected = schema(observatory, "mirror", "stars")
    newest = os.pathsep.join([str(newest_typer), observatory.search_path])
    ran = observatory.run("schema", "mirror", "stars", PYTHONPATH=newest)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == expected

    (observatory.folder / "obs_mirror" / "cli.py").write_text(
        "def app(star: str, size: int = 1) -> None:\n    'Look at a star.'\n"
    )
    code = (
        "import typer; from astrodome.testing import problems; print(typer.__version__)\n"
        "print(*problems('obs_mirror.plugin'), sep='\\n')"
    )
    checked = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": newest},
        capture_output=True,
        text=True,
        check=True,
    )
    version, *found = checked.stdout.splitlines()
    assert tuple(map(int, version.split(".")[:2])) >= (0, 29)
    assert found == [
        "star of 'mirror' has no help: add help=… to it.",
        "--size of 'mirror' has no help: add help=… to it.",
    ]


def test_arguments_are_valid_or_invalid_according_to_the_schema(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    check = Draft202012Validator(schema(observatory, "mirror", "stars")["arguments"])
    assert check.is_valid({"paths": ["a"], "limit": 2.5, "box": [3, 0.5]})
    for wrong in (
        *({"paths": ["a"]}, {"paths": [], "limit": 1}, {"paths": ["a"], "limit": "x"}),
        *({"paths": ["a"], "limit": 1, key: value} for key, value in INVALID.items()),
    ):
        assert not check.is_valid(wrong), wrong


INVALID = {"height": 5001, "box": [3], "colour": "green", "unknown": 1, "grid": "yes"}


def test_the_output_matches_the_declared_schema(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    found = schema(observatory, "mirror", "stars")
    assert (found["command"], found["effect"]) == ("observatory mirror stars", "read-only")
    printed = observatory.run("mirror", "stars", "x.fits", "--limit=1", "--json").stdout
    check = Draft202012Validator(found["output"])
    assert check.is_valid(json.loads(printed))
    assert not check.is_valid([{"name": "x"}]) and not check.is_valid([{"name": 1, "mag": 2}])


def test_the_list_contains_all_commands_with_their_effects(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    found = schema(observatory, "--json")
    effects = {row["command"]: row["effect"] for row in found}
    assert effects["observatory mirror stars"] == "read-only"
    assert effects["observatory mirror move"] == "writes"
    assert effects["observatory mirror other"] == "unknown"
    assert effects["observatory schema"] == "read-only"
    assert {"help": "Move the telescope.", "effect": "writes"}.items() <= found[2].items()
    below = schema(observatory, "mirror", "--full")
    assert [one["command"].split()[-1] for one in below] == ["stars", "other", "move"]
    assert [one["output"] for one in below][1:] == [True, False]
    listed = schema(observatory, "schema")["output"]
    assert all(Draft202012Validator(listed).is_valid(one) for one in (found, below, below[0]))


def test_only_the_requested_command_is_imported(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    observatory.add("prism", cli="raise RuntimeError('imported')")
    assert schema(observatory, "mirror", "move")["help"] == "Move the telescope."


def test_a_command_that_cannot_be_imported_does_not_hide_the_others(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    observatory.add("prism", cli="import missing_library")
    ran = observatory.run("schema", "--json")
    assert ran.returncode == 0 and "missing_library" in ran.stderr
    assert "observatory mirror stars" in ran.stdout and "observatory prism" not in ran.stdout


def test_an_invalid_declaration_is_reported_and_does_not_hide_the_others(
    observatory: Any,
) -> None:
    observatory.add("mirror", cli=cli().replace("declare(list[Star],", "declare(set[Star],"))
    ran = observatory.run("schema", "mirror", "stars")
    assert ran.returncode == 1 and ran.stdout == ""
    assert "The output that 'observatory mirror stars' declares is invalid" in ran.stderr
    ran = observatory.run("schema", "--full")
    assert "declares is invalid" in ran.stderr
    assert "observatory mirror move" in [one["command"] for one in json.loads(ran.stdout)]


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [(["miror"], "mirror"), (["mirror", "star"], "stars"), (["mirror", "stars", "x"], "")],
)
def test_an_unknown_command_is_an_error_with_a_suggestion(
    observatory: Any, words: list[str], suggestion: str
) -> None:
    observatory.add("mirror", cli=cli())
    ran = observatory.run("schema", *words)
    assert ran.returncode == 2 and ran.stdout == ""
    assert f"Command not found: 'observatory {' '.join(words)}'" in ran.stderr
    assert f"Did you mean '{suggestion}'?" in ran.stderr or not suggestion


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ("AstrodomeError('The dome is closed.', 'Open it.')", "failed", 1),
        ("AstrodomeError('Wrong.', exit_code=2)", "invalid_input", 2),
        ("FileNotFoundError(2, 'No such file', 'x.fits')", "not_found", 1),
        ("PermissionError(13, 'Permission denied', 'x.fits')", "permission_denied", 1),
        ("OSError(28, 'No space left on device', 'x.fits')", "no_space", 1),
        ("RuntimeError('the dome is stuck')", "internal", 1),
        ("KeyboardInterrupt", "interrupted", 130),
    ],
)
def test_an_error_is_one_json_document(
    observatory: Any, error: str, code: str, status: int
) -> None:
    observatory.add("mirror", cli=cli(error))
    ran = observatory.run("mirror", "other", "--json")
    document = json.loads(ran.stdout)
    assert ran.returncode == status and document["error"]["code"] == code
    Draft202012Validator(schema(observatory, "mirror", "other")["error"]).validate(document)
    assert document["error"]["message"] in ran.stderr
    assert document["error"]["hint"] in ran.stderr
    assert observatory.run("mirror", "other").stdout == ""


@pytest.mark.parametrize(
    "words",
    [["nothing"], ["mirror", "nothing"], ["mirror", "stars"], ["mirror", "other", "--sise=1"]],
)
def test_invalid_usage_is_one_json_document(observatory: Any, words: list[str]) -> None:
    observatory.add("mirror", cli=cli())
    ran = observatory.run(*words, "--json")
    found = json.loads(ran.stdout)["error"]
    assert ran.returncode == 2 and found["code"] == "invalid_input"
    assert found["message"] in ran.stderr


def test_an_error_after_the_result_prints_no_second_document(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    ran = observatory.run("mirror", "stars", "a", "--limit=1", "--height=1", "--json")
    assert ran.returncode == 1 and json.loads(ran.stdout) == [{"name": "a", "mag": None}]
    assert "The dome is closed." in ran.stderr


def test_a_json_option_in_the_environment_also_applies_to_errors(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    ran = observatory.run("mirror", "other", OBSERVATORY_MIRROR_OTHER_AS_JSON="1")
    assert json.loads(ran.stdout)["error"]["message"] == "The dome is closed."


def test_the_variable_of_an_option_is_named_after_the_option(observatory: Any) -> None:
    observatory.add("mirror", cli=cli())
    for name, value in (("LIMIT", "1"), ("JSON", "1")):
        observatory_variable = {f"OBSERVATORY_MIRROR_OTHER_{name}": value}
        ran = observatory.run("mirror", "other", **observatory_variable)
        assert ran.stdout.startswith("{") == (name == "JSON")
    described = json.loads(observatory.run("schema", "mirror", "other").stdout)
    found = described["arguments"]["properties"]["json"]["environment"]
    assert found == ["OBSERVATORY_MIRROR_OTHER_JSON", "OBSERVATORY_MIRROR_OTHER_AS_JSON"]
    assert "_JSON" not in observatory.run("mirror", "other", "--help").stdout


def test_every_code_is_documented_and_kept_when_an_error_is_pickled() -> None:
    import pickle

    for error in (
        *(AstrodomeError("x"), InvalidInputError("x"), errors.not_found("x")),
        *(http.NetworkError("x"), http.StatusError("x"), AstrodomeError("x", code="internal")),
    ):
        assert error.code in errors.CODES
        assert pickle.loads(pickle.dumps(error)).code == error.code
    assert http.StatusError("x").code == "network"


def test_versions_are_one_json_document(observatory: Any) -> None:
    observatory.add("mirror", version="1.2.3")
    observatory.add("prism", plugin="import missing_library")
    for words in (("--version", "--json"), ("--json", "--version")):
        found = json.loads(observatory.run(*words).stdout)
    assert found["host"]["name"] == "astrodome" and found["python"].count(".") == 2
    by_name = {plugin["name"]: plugin for plugin in found["plugins"]}
    assert by_name["mirror"] == {
        "name": "mirror",
        "version": "1.2.3",
        "distribution": "obs-mirror",
        "state": "active",
    }
    assert by_name["prism"]["state"] == "failed"
    assert "typer" in found["libraries"]
    assert "--version" in observatory.run("--json", "plugins", "list").stderr


def test_types_are_converted_to_json_schema() -> None:
    class Star(TypedDict):
        """A star."""

        name: Annotated[str, "Name of the star."]
        kind: Literal["a", "b"]
        parts: NotRequired[list[int]]
        other: dict[str, float | None] | None

    found = outputs.json_schema(Annotated[Star, outputs.More(bool)])
    assert found == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Name of the star."},
            "kind": {"enum": ["a", "b"]},
            "parts": {"type": "array", "items": {"type": "integer"}},
            "other": {
                "anyOf": [
                    {"type": "object", "additionalProperties": {"type": ["number", "null"]}},
                    {"type": "null"},
                ]
            },
        },
        "required": ["name", "kind", "other"],
        "description": "A star.",
        "additionalProperties": {"type": "boolean"},
    }
    assert outputs.json_schema(Any) is True
    with pytest.raises(TypeError, match="No JSON Schema"):
        outputs.json_schema(set)
