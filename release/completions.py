"""Generate the completion scripts of the programs for bash, zsh and fish."""

from __future__ import annotations

from pathlib import Path

from astrodome import suggestions

from .processes import run
from .project import HOST, find

PLACES = {
    "bash": "share/bash-completion/completions/{}",
    "zsh": "share/zsh/site-functions/_{}",
    "fish": "share/fish/vendor_completions.d/{}.fish",
}


def files() -> dict[Path, str]:
    """Return the expected text of all completion scripts, keyed by path."""
    folder = find(HOST).folder
    return {
        folder / place.format(program): script(program, shell)
        for app in suggestions.apps()
        for program in suggestions.scripts(app)
        for shell, place in PLACES.items()
    }


def script(program: str, shell: str) -> str:
    """Return the completion script that a program writes for a shell."""
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    text = run(program, environ={variable: f"source_{shell}"}).strip() + "\n"
    if shell == "zsh":
        # zsh runs the file at the first completion, as the body of the function _PROGRAM.
        function = f"_{program.replace('-', '_')}_completion"
        call = f"compdef {function} {program}"
        text = text.replace(
            call,
            f'if [[ $funcstack[1] == _{program} ]]; then\n  {function} "$@"\nelse\n  {call}\nfi',
        )
    return text
