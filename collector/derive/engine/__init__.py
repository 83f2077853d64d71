"""Computes figures from a plan: readings are leaves, figures are steps over them, and an unknown input makes its steps unknown."""

from collector.derive.engine.graph import (
    NO_SLOT,
    Compute,
    Figure,
    Label,
    Leaf,
    Output,
    Plan,
    Reading,
    Result,
    Unknown,
    Value,
    Values,
    compute_values,
    figures,
    labels_text,
    output_of,
    tags_of,
)
from collector.derive.engine.planner import Planner, inputs_of

__all__ = [
    "NO_SLOT",
    "Compute",
    "Figure",
    "Label",
    "Leaf",
    "Output",
    "Plan",
    "Planner",
    "Reading",
    "Result",
    "Unknown",
    "Value",
    "Values",
    "compute_values",
    "figures",
    "inputs_of",
    "labels_text",
    "output_of",
    "tags_of",
]
