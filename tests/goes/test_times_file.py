"""`sdo goes get --from-file`: times in text and CSV files."""

from __future__ import annotations

import random

import pytest
from astrodome import AstrodomeError
from astrodome_goes.archives.csv_files import read_csv
from astrodome_goes.cli.times_file import read_times


@pytest.fixture
def times(tmp_path):
    def write(text, name="times.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "2011-06-07T06:41:00\n2011-06-07T07:00:00\n",
        "# of the day\n\n2011-06-07 06:41\n\n2011-06-07T07:00Z",
        "timestamp\n2011-06-07T06:41:00\n2011-06-07T07:00:00\n",
        "name,Time,flux\na,2011-06-07T06:41:00,1\nb,2011-06-07T07:00:00,2\n",
        '"2011-06-07T06:41:00";"x"\n"2011-06-07T07:00:00";"y"\n',
        "t_obs\twave\n2011-06-07T06:41:00\t171\n2011-06-07T07:00:00\t171\n",
        "\ufefftimestamp\r\n2011-06-07T06:41:00\r\n2011-06-07T09:00:00+02:00\r\n",
    ],
)
def test_times_are_one_per_line_or_in_a_column(text, times, goes, day_store):
    rows = goes("get", "--from-file", times(text), "--store", day_store, "--json").succeeded().json
    assert [row["class"] for row in rows] == ["M2.5", "M1.2"]


def test_a_column_can_be_named(times, goes, day_store):
    path = times("time,peak\n2011-06-07T00:00,2011-06-07T06:41\n")
    get = ("get", "--from-file", path, "--store", day_store)
    assert "M2.5" in goes(*get, "--column", "Peak").succeeded().out
    result = goes(*get, "--column", "end")
    assert result.code == 2 and "has no column 'end'" in result.err and "time, peak" in result.err


def test_an_invalid_line_is_named_and_the_other_times_are_looked_up(times, goes, day_store):
    path = times("timestamp\n2011-06-07T06:41\nnoon\n2011-06-07T07:00\n2012-01-01\n")
    result = goes("get", "--from-file", path, "--store", day_store, "--json")
    assert result.code == 1 and len(result.json) == 2
    assert f"{path}, line 3: 'noon': invalid time" in result.err
    assert "2012-01-01T00:00:00: no good sample" in result.err


def test_a_missing_time_a_missing_file_and_an_empty_file_exit_with_status_2(
    times, goes, day_store, tmp_path
):
    for args, words in (
        ((), "No time specified"),
        (("--from-file", tmp_path / "absent.csv"), f"File not found: {tmp_path / 'absent.csv'}"),
        (("--from-file", times("\n# nothing\n")), "contains no times"),
    ):
        result = goes("get", *args, "--store", day_store)
        assert result.code == 2 and words in result.err


def test_random_changes_of_a_file_affect_only_the_changed_lines(torture, tmp_path):
    """The file is read both as a file with times and as a CSV file of sdo-cli."""
    lines = [f"2011-06-07T{n % 24:02d}:{n:02d}:00,1e-9,{n}e-7,0,16,15\n" for n in range(40)]
    head = "timestamp,xrsa,xrsb,xrsa_quality,xrsb_quality,satellite\n"
    path = tmp_path / "goes_ts.csv"
    valid = invalid = 0
    for number in range(torture(300, 30_000)):
        chance = random.Random(number)
        content = bytearray((head + "".join(lines)).encode())
        for _ in range(chance.choice([1, 2, 8, 40])):
            place = chance.randrange(len(content))
            content[place : place + chance.choice([0, 1, 1, 3])] = chance.randbytes(
                chance.choice([0, 1, 1, 5])
            )
        path.write_bytes(content)
        if content.startswith(b"timestamp,"):
            read = {text for _, text, time in read_times(path) if time is not None}
            unchanged = set(content.decode(errors="replace").splitlines(keepends=True))
            assert {line.partition(",")[0] for line in lines if line in unchanged} <= read
        try:
            assert len(read_csv(path)) > 0
            valid += 1
        except AstrodomeError as error:
            assert str(path) in error.message and "\n" not in error.message
            invalid += 1
    assert valid and invalid
