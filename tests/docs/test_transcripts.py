"""A page is run as it is written, and a difference between the page and the output is found."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from docs.transcripts import agrees, blocks, replay

PAGE = """\
# Title

<!-- setup
echo 3.50 > number
export FLARE=M2.5
-->

<!-- run: first -->
```console
$ cat number
3.4
$ echo $FLARE \\
    and more
M2.5 and more
$ mkdir data; cd data
```

Not run:

```console
$ exit 3
```

<!-- run: second tolerance=0.5 -->

```console
$ cat ../number; basename $PWD
3.0
data
$ cat <<END
> text
> END
text
$ seq 100
1
…
100
```

<!-- run-python -->
```python
from pathlib import Path
value = float(Path("number").read_text())
print(value)
```

<!-- output -->
```text
3.5
```

<!-- run: failing status=2 -->
```console
$ echo before
before
$ echo failed >&2; exit 2
failed
```
"""


def written(folder: Path, page: str) -> Path:
    path = folder / "page.md"
    path.write_text(page, "utf-8")
    return path


def test_a_page_is_run_in_order_in_one_folder(tmp_path: Path) -> None:
    page = written(tmp_path, PAGE)
    assert [block.kind for block in blocks(page)] == [
        "setup",
        "console",
        "console",
        "python",
        "console",
    ]
    replay(page, tmp_path / "run")
    assert (tmp_path / "run" / "data").is_dir()


@pytest.mark.parametrize(
    ("shown", "changed", "message"),
    [
        ("3.4\n", "3.0\n", "page.md, line 8 .first.: different output"),
        ("text\n$ seq", "other\n$ seq", "page.md, line 24 .second.: different output"),
        ("```text\n3.5", "```text\n4.5", r"page.md, line 40 .python.: different output"),
        ("status=2", "status=1", "exit status 2, expected 1"),
        ("$ cat number", "$ cat missing", "exit status 1, expected 0"),
    ],
)
def test_a_difference_is_an_error_with_its_place(
    shown: str, changed: str, message: str, tmp_path: Path
) -> None:
    assert shown in PAGE
    page = written(tmp_path, PAGE.replace(shown, changed))
    with pytest.raises(AssertionError, match=message):
        replay(page, tmp_path / "run")


def test_commands_use_the_tested_programs_and_a_private_home(tmp_path: Path) -> None:
    shown = f"…{tmp_path}/run/.home…\n{Path(sys.executable).parent}/sdo\nmore"
    commands = "sdo config path --json; which sdo; echo $EXTRA"
    page = f"<!-- run: home -->\n```console\n$ {commands}\n{shown}\n```"
    replay(written(tmp_path, page), tmp_path / "run", {"EXTRA": "more"})
    assert "EXTRA" not in os.environ


def test_tables_are_shown_as_in_a_pipe_or_as_on_a_terminal(tmp_path: Path) -> None:
    page = "<!-- run: table{} -->\n```console\n$ sdo config show sources\n{}\n```"
    replay(written(tmp_path, page.format("", "key value\n…")), tmp_path / "pipe")
    table = "  key                 value\n ──…"
    with pytest.raises(AssertionError, match="different output"):
        replay(written(tmp_path, page.format("", table)), tmp_path / "pipe")
    replay(written(tmp_path, page.format(" terminal", table)), tmp_path / "terminal")


def test_an_invalid_block_is_an_error(tmp_path: Path) -> None:
    page = written(tmp_path, "<!-- run: x -->\n```bash\ntrue\n```\n")
    with pytest.raises(ValueError, match="1 marked blocks, but only 0 are valid"):
        blocks(page)
    page = written(tmp_path, "<!-- run: x -->\n```console\ntrue\n```\n")
    with pytest.raises(ValueError, match=r"line 1 \(x\): expected a line that starts with"):
        _ = blocks(page)[0].commands


@pytest.mark.parametrize(
    ("expected", "actual", "result"),
    [
        ("1.00 image/s", "1.04 image/s", True),
        ("1.00 image/s", "1.06 image/s", False),
        ("1,000 rows", "1,010 rows", True),
        ("2.1e-5", "2.11e-05", True),
        ("2.1e-5", "2.1e-4", False),
        ("2012-03-07T00:06", "2012-03-08T00:06", False),
        ("aia171.jpeg", "aia172.jpeg", False),
        ("a  b\tc", "a b c", True),
        ("a\n…\nb", "a\nb", True),
        ("a\n…\nb", "a\n1\n2\nb", True),
        ("a\n…\nb", "a\n1\n2\nc", False),
        ("loss … 0.21", "loss 3 4 0.2101", True),
        ("…", "", True),
        ("", "x", False),
        ("5 files…", "5 files in 3 s\nmore", True),
        ("-1.0", "1.0", False),
        ("0.0", "0.01", False),
    ],
)
def test_numbers_may_differ_and_other_text_may_not(
    expected: str, actual: str, result: bool
) -> None:
    assert agrees(expected, actual) is result


def test_a_block_of_code_is_written_to_its_file(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    code = "price = '$HOME'  # \\ and `quotes` are not changed\n"
    page.write_text(
        f"<!-- write: code.py -->\n```python\n{code}```\n\n"
        "<!-- run: read -->\n```console\n$ wc -l <code.py\n1\n```\n",
        "utf-8",
    )
    replay(page, tmp_path / "folder")
    assert (tmp_path / "folder" / "code.py").read_text("utf-8") == code


def test_lines_about_the_progress_of_slow_commands_are_ignored(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    printed = "Training: 50 of 60 steps, 1.66/s loss 0.4375\\nrun  6 of 7 steps\\n"
    page.write_text(
        f"<!-- run: slow -->\n```console\n$ printf '{printed}'\nrun 6 of 7 steps\n```\n", "utf-8"
    )
    replay(page, tmp_path / "folder")
