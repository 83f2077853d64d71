"""What a site of a size needs, and how long it takes to recover: a model of a few formulas, and a simulation that checks them."""

from benchmarks.scaling.table import run

__all__ = ["run"]
