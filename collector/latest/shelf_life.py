"""How long a reading is current: as long as it may be shown after it was received."""

# A reading is current for three poll intervals, so that one late poll, or a lost and a late one, does not make it disappear: a
# series that disappears silently ends the alerts on it.
SHELF_LIFE_INTERVALS = 3.0
# At least two scrapes of Prometheus (every 15 s here), so that readings of a class polled every second are seen at all.
SHELF_LIFE_FLOOR_S = 30.0
# `interval_s` comes from a message: a mistaken one must not keep a reading for ever.
SHELF_LIFE_CEILING_S = 7 * 86_400.0


def shelf_life_s(interval_s: float) -> float:
    """How long a reading polled every `interval_s` may be shown after its receipt, seconds."""
    return min(max(SHELF_LIFE_INTERVALS * interval_s, SHELF_LIFE_FLOOR_S), SHELF_LIFE_CEILING_S)
