"""What the processes take at rest."""

from pathlib import Path


def run(folder: Path) -> list[str]:
    return [str(folder)]
