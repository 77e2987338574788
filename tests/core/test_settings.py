"""Priority of settings, errors, and addresses that secrets may be sent to."""

from __future__ import annotations

import json
import re
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest
from astrodome import AstrodomeError, settings
from pydantic import BaseModel, BeforeValidator, SecretStr


class Inner(BaseModel):
    timeout: float = 30.0


class Fritz(BaseModel):
    url: str = "https://fritz.science"
    token: SecretStr = SecretStr("")
    rate: float = 5.0
    retry: Inner = Inner()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "options", settings.Options())
    return tmp_path


def user_file(text: str) -> Path:
    path = settings.config_files()[-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_each_key_is_taken_from_the_layer_with_the_highest_priority(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file("fritz: {rate: 1, url: https://user.example, token: abc, retry: {timeout: 1}}")
    (here / "config.yaml").write_text("fritz: {rate: 2, url: https://folder.example}")
    (here / "given.yaml").write_text("fritz: {rate: 3}")
    assert settings.section("fritz", Fritz).rate == 2
    settings.options.config = here / "given.yaml"
    assert settings.section("fritz", Fritz).rate == 3
    monkeypatch.setenv("ASTRODOME_FRITZ_RATE", "4")
    found = settings.section("fritz", Fritz)
    assert (found.rate, found.url) == (4, "https://folder.example")
    assert found.token.get_secret_value() == "abc" and found.retry.timeout == 1
    assert settings.current().values("fritz")["rate"][1] == "environment ASTRODOME_FRITZ_RATE"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fritz: {rat: 1}", ["config.yaml", "'fritz.rat'", "did you mean 'rate'"]),
        ("fritz: {rate: fast}", ["config.yaml", "'fritz.rate'", "number", "'fast'"]),
        ("fritz: {retry: {tmeout: 1}}", ["'fritz.retry.tmeout'", "did you mean 'timeout'"]),
        ("fritz: 3", ["config.yaml", "'fritz'", "mapping"]),
        ("fritz: [", ["config.yaml", "not valid YAML"]),
        ("- a", ["config.yaml", "got a list"]),
    ],
)
def test_the_error_for_a_setting_contains_file_key_and_type(
    here: Path, text: str, words: list[str]
) -> None:
    (here / "config.yaml").write_text(text)
    with pytest.raises(AstrodomeError) as failure:
        settings.section("fritz", Fritz)
    assert all(word in failure.value.message for word in words), failure.value.message


def test_leaves_with_value_and_desc_are_read_as_values(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("model: {z_dim: {value: 64, desc: latent size}, fmap: {value: [1, 2]}}\nn: 3")
    assert settings.read_yaml(path) == {"model": {"z_dim": 64, "fmap": [1, 2]}, "n": 3}


def secret() -> str:
    return settings.current().credential("fritz", Fritz)


def test_a_token_is_sent_to_the_default_address(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_FRITZ_TOKEN", "abc")
    assert secret() == "abc"


def test_a_file_in_the_folder_cannot_redirect_a_token(here: Path) -> None:
    user_file("fritz: {token: abc}")
    (here / "config.yaml").write_text("fritz: {url: https://evil.example}")
    with pytest.raises(AstrodomeError, match="not sent") as failure:
        secret()
    assert "abc" not in failure.value.message
    (here / "config.yaml").write_text("fritz: {url: https://mirror.example, token: own}")
    assert secret() == "own"


def test_token_and_address_can_both_be_in_the_environment(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_FRITZ_TOKEN", "abc")
    monkeypatch.setenv("ASTRODOME_FRITZ_URL", "http://127.0.0.1:8000")
    assert secret() == "abc"
    monkeypatch.setenv("ASTRODOME_FRITZ_URL", "http://fritz.example")
    with pytest.raises(AstrodomeError, match="unencrypted HTTP"):
        secret()


def test_a_file_may_repeat_the_default_address(here: Path) -> None:
    user_file("fritz: {token: abc}")
    (here / "config.yaml").write_text(f"fritz: {{url: '{Fritz().url}'}}")
    assert secret() == "abc"


def test_a_token_of_the_command_line_is_not_sent_to_an_address_in_the_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed() -> str:
        return settings.current().credential("fritz", Fritz, given="abc")

    assert typed() == "abc"
    (here / "config.yaml").write_text("fritz: {url: https://evil.example}")
    with pytest.raises(AstrodomeError, match="not sent"):
        typed()
    monkeypatch.setattr(settings.options, "config", here / "config.yaml")
    assert typed() == "abc"
    monkeypatch.setattr(settings.options, "config", None)
    monkeypatch.setenv("ASTRODOME_FRITZ_URL", "https://mirror.example")
    assert typed() == "abc"


class Split(Enum):
    best = "best split"


class Many(BaseModel):
    sizes: list[int] = [1]
    weights: dict[str, float] | None = None
    title: str = ""
    names: Annotated[list[str], BeforeValidator(lambda text: text.split("+"))] = []
    split: Split = Split.best


def test_lists_and_mappings_in_environment_variables_are_json(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_MANY_SIZES", "[1, 2]")
    monkeypatch.setenv("ASTRODOME_MANY_WEIGHTS", '{"a": 0.5}')
    monkeypatch.setenv("ASTRODOME_MANY_TITLE", "[1, 2]")
    monkeypatch.setenv("ASTRODOME_MANY_NAMES", "x+y")
    found = settings.section("many", Many)
    assert (found.sizes, found.weights) == ([1, 2], {"a": 0.5})
    assert (found.title, found.names) == ("[1, 2]", ["x", "y"])


@pytest.mark.parametrize(
    ("key", "text", "reason"),
    [
        ("sizes", "1,2", "valid list, got '1,2' (expected JSON in an environment variable, for"),
        ("sizes", "[1, 2", "valid list, got '[1, 2' (expected JSON in an environment variable"),
        ("weights", "a=1", 'environment variable, for example {"key": 1})'),
        ("sizes", '["x"]', "'many.sizes.0': Input should be a valid integer"),
    ],
)
def test_an_invalid_list_in_an_environment_variable_is_an_error(
    here: Path, monkeypatch: pytest.MonkeyPatch, key: str, text: str, reason: str
) -> None:
    monkeypatch.setenv(f"ASTRODOME_MANY_{key.upper()}", text)
    with pytest.raises(AstrodomeError, match=re.escape(reason)):
        settings.section("many", Many)


def test_an_enum_is_shown_as_its_value() -> None:
    assert settings.masked("split", Split.best) == "best split"
    assert settings.masked("split", [Split.best]) == ["best split"]


def test_config_show_masks_secrets_and_shows_origins(observatory: Any) -> None:
    plugin = """
        from astrodome import CommandSpec, hookimpl

        @hookimpl
        def register_commands():
            yield CommandSpec("fritz", "obs_f.cli:app", help="F.", settings="obs_f.config:Fritz")
    """
    observatory.add("f", plugin)
    (observatory.folder / "obs_f" / "config.py").write_text(
        "from pydantic import BaseModel, SecretStr\n\n"
        "class Fritz(BaseModel):\n    url: str = 'https://x'\n    token: SecretStr = ''\n"
        "    other_token: str = ''\n"
    )
    (observatory.folder / "config.yaml").write_text(
        "fritz: {other_token: s3cret}\nkowalski: {hosts: {gloria: {token: s3cret}}, port: 443}\n"
    )
    ran = observatory.run("config", "show", "--origin", "--json", ASTRODOME_FRITZ_TOKEN="s3cret")
    assert "s3cret" not in ran.stdout + ran.stderr
    rows = {row["key"]: row for row in json.loads(ran.stdout)}
    assert rows["fritz.token"]["origin"] == "environment ASTRODOME_FRITZ_TOKEN"
    assert rows["fritz.url"] == {"key": "fritz.url", "value": "https://x", "origin": "default"}
    assert rows["kowalski.port"]["origin"].endswith("config.yaml")
    assert rows["fritz.token"]["value"] == rows["fritz.other_token"]["value"] == "********"


@pytest.fixture
def dome(observatory: Any) -> Any:
    """An app with a plugin that registers the settings section ``fritz``."""
    plugin = """
        from astrodome import CommandSpec, hookimpl

        @hookimpl
        def register_commands():
            yield CommandSpec("fritz", "obs_f.cli:app", help="F.", settings="obs_f.config:Fritz")
    """
    observatory.add("f", plugin, cli="import typer\n\napp = typer.Typer()\n")
    (observatory.folder / "obs_f" / "config.py").write_text(
        "from pydantic import BaseModel\n\n"
        "class Fritz(BaseModel):\n    timeout: float = 5\n    url: str = ''\n"
    )
    return observatory


def findings(dome: Any, text: str) -> tuple[int, list[tuple[str, str]]]:
    """Return the exit status of ``plugins doctor`` and its findings about a configuration file."""
    (dome.folder / "config.yaml").write_text(text)
    ran = dome.run("plugins", "doctor", "--json")
    rows = json.loads(ran.stdout)
    path = f"{dome.folder / 'config.yaml'}: "
    return ran.returncode, [
        (row["status"], row["finding"].replace(path, "")) for row in rows if path in row["finding"]
    ]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("fritz: {timout: 5}", "settings: 'fritz.timout': unknown key; did you mean 'timeout'?"),
        ("fritz: 3", "settings: 'fritz' must be a mapping of keys to values"),
        ("dask: {worker_timout: 5}", "unknown key; did you mean 'worker_timeout'?"),
        ("fritz: {timeout: soon}", "'fritz.timeout': Input should be a valid number"),
    ],
)
def test_the_doctor_reports_invalid_settings(dome: Any, text: str, finding: str) -> None:
    status, found = findings(dome, text)
    assert status == 1
    assert [kind for kind, _ in found] == ["wrong"]
    assert finding in found[0][1]


def test_the_doctor_reports_each_invalid_value(dome: Any) -> None:
    status, found = findings(dome, "fritz: {timeout: soon, ulr: x}")
    assert status == 1 and len(found) == 2


def test_the_doctor_notes_unknown_sections(dome: Any) -> None:
    text = "frits: {timeout: 5}\nkowalski: {port: 443}\nwandb: {key: x}\nfritz: {timeout: 5}\n"
    status, found = findings(dome, text)
    assert status == 0  # The sections can belong to another app.
    assert found == [
        ("note", "'frits': unknown section; did you mean 'fritz'?"),
        ("note", "no active plugin uses the sections 'kowalski', 'wandb'"),
    ]


def test_config_show_warns_about_misspelt_sections(dome: Any) -> None:
    (dome.folder / "config.yaml").write_text("frits: {timeout: 5}\nkowalski: {port: 443}\n")
    ran = dome.run("config", "show", "fritz")
    assert ran.returncode == 0
    assert "'frits': unknown section; did you mean 'fritz'?" in " ".join(ran.stderr.split())
    assert "kowalski" not in ran.stderr


def test_every_command_warns_about_misspelt_sections(observatory: Any) -> None:
    observatory.add("mirror")
    (observatory.folder / "config.yaml").write_text("sourcs: {x: 1}\nkowalski: {port: 443}\n")
    ran = observatory.run("mirror", "ce_vae")
    assert (ran.returncode, ran.stdout) == (0, "looked 1\n")
    assert ran.stderr.count("\n") == 1
    assert "'sourcs': unknown section; did you mean 'sources'?" in ran.stderr
    (observatory.folder / "config.yaml").write_text("daks: {worker_timeout: 1}\n")
    assert "did you mean 'dask'?" in observatory.run("mirror", "ce_vae").stderr


def test_a_given_config_file_must_exist(observatory: Any) -> None:
    ran = observatory.run("--config", "none.yaml", "config", "show")
    assert ran.returncode == 2 and "none.yaml" in ran.stderr


def test_the_root_option_sets_the_home_folder(observatory: Any) -> None:
    ran = observatory.run("--home", "state", "config", "path", "--json")
    paths = {row["name"]: row["path"] for row in json.loads(ran.stdout)}
    assert paths["home"] == str(observatory.folder / "state")


PLACES = ("user", "folder", "config", "environment")


def put(here: Path, monkeypatch: pytest.MonkeyPatch, place: str, **values: str) -> None:
    """Set values of the section ``fritz`` in one of the origins of settings."""
    text = f"fritz: {json.dumps(values)}"
    if place == "user":
        user_file(text)
    elif place == "folder":
        (here / "config.yaml").write_text(text)
    elif place == "config":
        (here / "given.yaml").write_text(text)
        settings.options.config = here / "given.yaml"
    else:
        for key, value in values.items():
            monkeypatch.setenv(f"ASTRODOME_FRITZ_{key.upper()}", value)


@pytest.mark.parametrize("address", PLACES)
@pytest.mark.parametrize("token", PLACES)
def test_a_token_is_sent_only_to_an_address_from_the_same_place(
    here: Path, monkeypatch: pytest.MonkeyPatch, token: str, address: str
) -> None:
    if token == address:
        put(here, monkeypatch, token, token="s3cret", url="https://mirror.example")
        assert secret() == "s3cret"
        return
    put(here, monkeypatch, token, token="s3cret")
    put(here, monkeypatch, address, url="https://mirror.example")
    with pytest.raises(AstrodomeError, match="not sent") as failure:
        secret()
    assert "s3cret" not in str(failure.value) + failure.value.hint
    assert "fritz.url" in failure.value.message


@pytest.mark.parametrize("part", ["host", "port", "protocol"])
def test_every_part_of_an_address_is_compared(
    here: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    class Kowalski(BaseModel):
        protocol: str = "https"
        host: str = "kowalski.example"
        port: str = "443"
        token: SecretStr = SecretStr("")

    user_file("kowalski: {token: s3cret}")
    (here / "config.yaml").write_text(f"kowalski: {{{part}: '1'}}")
    with pytest.raises(AstrodomeError, match=f"kowalski.{part}"):
        settings.current().credential("kowalski", Kowalski)


@pytest.mark.parametrize("stronger", range(1, 4))
def test_each_origin_overrides_the_previous_one(
    here: Path, monkeypatch: pytest.MonkeyPatch, stronger: int
) -> None:
    put(here, monkeypatch, PLACES[stronger], rate="7")
    put(here, monkeypatch, PLACES[stronger - 1], rate="1")
    assert settings.section("fritz", Fritz).rate == 7


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://fritz.science", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:5000/api", True),
        ("HTTP://fritz.science", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("http://0.0.0.0", False),
    ],
)
def test_a_secret_is_sent_over_plain_http_only_within_this_machine(url: str, safe: bool) -> None:
    assert settings.safe_for_secrets(url) is safe


def test_an_empty_token_is_not_an_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(here, monkeypatch, "environment", url="http://mirror.example")
    assert secret() == ""


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("token", "abc", "********"),
        ("TOKEN", "abc", "********"),
        ("kowalski_api_key", "abc", "********"),
        ("token", "", ""),
        ("rate", 3, 3),
        ("hosts", {"gloria": {"password": "abc", "port": 1}},
         {"gloria": {"password": "********", "port": 1}}),
        ("anything", SecretStr("abc"), "********"),
        ("several", [{"secret": "abc"}, "plain"], [{"secret": "********"}, "plain"]),
    ],
)  # fmt: skip
def test_secrets_are_masked_at_any_depth(key: str, value: Any, shown: Any) -> None:
    assert settings.masked(key, value) == shown


def test_the_representation_of_the_settings_contains_no_values(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "config.yaml").write_text("fritz: {token: s3cret}")
    monkeypatch.setenv("ASTRODOME_FRITZ_TOKEN", "s3cret")
    assert repr(settings.current()) == "Settings(sections=['fritz'])"


def test_an_error_in_an_argument_does_not_mention_a_command_line() -> None:
    with pytest.raises(AstrodomeError, match=r"^Invalid argument 'rate': Input should be a valid"):
        settings.validate(Fritz, {"rate": "fast"}, "")
    with pytest.raises(AstrodomeError, match=r"^Invalid argument 'rat': .*did you mean 'rate'\?"):
        settings.validate(Fritz, {"rat": 1}, "")
