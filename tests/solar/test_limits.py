"""A small file that needs too much memory is refused before it is read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome import AstrodomeError
from astrodome_solar import limits

MIB = 1 << 20
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


def header(first: str, **values: object) -> bytes:
    """Return a FITS header with these keywords."""
    cards = [f"{'SIMPLE':<8}= {'T':>20}" if first == "SIMPLE" else f"{'XTENSION':<8}= '{first}'"]
    cards += [f"{name.upper():<8}= {value!s:>20}" for name, value in values.items()]
    text = "".join(f"{card:<80}" for card in [*cards, "END"])
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def image(**axes: int) -> bytes:
    return header("SIMPLE", bitpix=16, naxis=len(axes), **axes)


EMPTY = header("SIMPLE", bitpix=8, naxis=0)
TABLE = header(
    "BINTABLE", bitpix=8, naxis=2, naxis1=8, naxis2=4, pcount=0, gcount=1, zimage="T",
    zbitpix=-32, znaxis=2, znaxis1=1000, znaxis2=1000,
)  # fmt: skip
FITS = {
    "image": (image(naxis1=1000, naxis2=1000), 2_000_000),
    "cube": (image(naxis1=100, naxis2=100, naxis3=100), 2_000_000),
    "table": (
        EMPTY + header("BINTABLE", bitpix=8, naxis=2, naxis1=100, naxis2=1000, pcount=50, gcount=1),
        100_050,
    ),
    "compressed image": (EMPTY + TABLE, 4_000_000),
    "two units": (
        image(naxis1=10, naxis2=100)
        + bytes(2880)
        + header("IMAGE", bitpix=-64, naxis=1, naxis1=1000, pcount=0, gcount=1),
        10_000,
    ),
}
"""FITS headers, and the size of their arrays in bytes."""


@pytest.mark.parametrize("name", FITS)
def test_the_arrays_that_fits_headers_declare_are_added_up(name: str, tmp_path: Path) -> None:
    content, size = FITS[name]
    path = tmp_path / "file.fits"
    path.write_bytes(content)
    limits.check_size(path, size)
    with pytest.raises(AstrodomeError, match=r"file\.fits needs at least .* limit"):
        limits.check_size(path, size - 1)
    path.write_bytes(gzip.compress(content))
    with pytest.raises(AstrodomeError, match=r"file\.fits needs at least"):
        limits.check_size(path, size - 1)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_the_decompressed_size_counts_up_to_the_exact_limit(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"file.{kind}"
    path.write_bytes(COMPRESSED[kind](bytes(3 * MIB)))
    limits.check_size(path, 3 * MIB)
    with pytest.raises(AstrodomeError, match="needs at least 3 MiB"):
        limits.check_size(path, 3 * MIB - 1)


def test_bytes_after_the_declared_arrays_count(tmp_path: Path) -> None:
    path = tmp_path / "file.fits.gz"
    path.write_bytes(gzip.compress(image(naxis1=10, naxis2=10) + bytes(2 * MIB)))
    limits.check_size(path, 2 * MIB + 2880)
    with pytest.raises(AstrodomeError, match="needs at least 2 MiB"):
        limits.check_size(path, 2 * MIB + 2879)


def test_the_members_of_a_zip_file_count_together(tmp_path: Path) -> None:
    path = tmp_path / "file.fits"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(MIB))
        archive.writestr("b", bytes(MIB))
    limits.check_size(path, 2 * MIB)
    with pytest.raises(AstrodomeError, match="needs at least 2 MiB"):
        limits.check_size(path, 2 * MIB - 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SIMPLE  =",
        b"PK\x03\x04 no zip",
        gzip.compress(bytes(1000), mtime=0)[:20],
        b"BZh9 no bzip2",
        b"\xfd7zXZ no xz",
        header("SIMPLE", bitpix="many", naxis=-2, naxis1="'x'"),
        header("SIMPLE", bitpix=8, naxis=10**30),
    ],
    ids=["empty", "card", "zip", "gzip", "bzip2", "xz", "types", "dimensions"],
)
def test_a_damaged_file_is_not_reported_by_the_check(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    limits.check_size(path, MIB)


def test_the_check_itself_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    with gzip.open(path, "wb", 1) as out:
        for _ in range(300):
            out.write(bytes(MIB))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits.check_size(path, 300 * MIB)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_the_limit_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.max_bytes() == 1024 * MIB
    monkeypatch.setenv("ASTRODOME_LIMITS_MAX_FILE_MB", "1.5")
    assert limits.max_bytes() == 3 * MIB // 2
    monkeypatch.setenv("ASTRODOME_LIMITS_MAX_FILE_MB", "-1")
    with pytest.raises(AstrodomeError, match="max_file_mb"):
        limits.max_bytes()
