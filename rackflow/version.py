"""The version of this Rackflow, as installed."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Version of the installed distribution, or `0+source` when it runs from a bare source tree."""
    try:
        return version("rackflow")
    except PackageNotFoundError:
        # A valid version (PEP 440) that sorts before every release.
        return "0+source"
