"""Run the fake server of the image service: print its address, and stop at the end of the input."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from PIL import Image
from services.gsu import Archive


def main(sun: str, latency: str) -> None:
    with Archive(Image.open(sun), latency=float(latency)).server() as server:
        print(server.root, flush=True)
        sys.stdin.read()


main(*sys.argv[1:])
