"""Converts raw answers to readings. Knows no profile: what a planned device's cells mean is handed to it as slots.

| module | what |
|---|---|
| `cells` | numbers and texts out of raw cells; whatever a device sends, they are finite, short and quick to read |
| `quantity` | numbers with their unit out of texts such as `232.6V` |
| `slots` | `Slot`: a series with its decoders, which say where its value is read and what the raw number means |
| `normalise` | `normalise_answers`: the values, states and rejections of one poll |
"""

from agent.profile.normalising.cells import (
    ANY_TEXT,
    ENDS_OF_16_BITS,
    LARGE_ENDS,
    MAX_TEXT,
    MAX_WIRE_INT,
    NINES,
    NINES_OF_LOADS,
    RawValue,
    bare_text,
    code_of,
    folded_text,
    has_word,
    lowest_bits,
    plain_number,
    plain_text,
    whole_number,
)
from agent.profile.normalising.normalise import SLOTS_PER_SLICE, normalise_answers, normalise_steps
from agent.profile.normalising.quantity import QUANTITY_UNITS, number_in
from agent.profile.normalising.slots import CaseCheck, Decoder, GateCheck, Slot, slot_of

__all__ = [
    "ANY_TEXT",
    "ENDS_OF_16_BITS",
    "LARGE_ENDS",
    "MAX_TEXT",
    "MAX_WIRE_INT",
    "NINES",
    "NINES_OF_LOADS",
    "QUANTITY_UNITS",
    "SLOTS_PER_SLICE",
    "CaseCheck",
    "Decoder",
    "GateCheck",
    "RawValue",
    "Slot",
    "bare_text",
    "code_of",
    "folded_text",
    "has_word",
    "lowest_bits",
    "normalise_answers",
    "normalise_steps",
    "number_in",
    "plain_number",
    "plain_text",
    "slot_of",
    "whole_number",
]
