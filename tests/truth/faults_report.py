"""Prints the table of faults as Markdown: what changed, after how many seconds, and what did not."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from tests.truth.faults import Move, Played, Player, Row
from tests.truth.faults_measurement import SENSORS, WIRE
from tests.truth.faults_rows import COOLING, POWER

HEAD: Final = ("fault", "must move", "within s", "moved after s", "must not move", "held")
ROWS: Final = (*POWER, *COOLING, *SENSORS, *WIRE)
_FEW: Final = 3


def play(rows: Iterable[Row] = ROWS, seen: Callable[[Played], None] = lambda _: None) -> list[Played]:
    """Play each row beside its twin, and call `seen` with each result."""
    player, found = Player(), []
    for row in rows:
        found.append(player.play(row))
        seen(found[-1])
    return found


def lines(played: Sequence[Played]) -> Iterator[str]:
    """The table, and notes on single rows."""
    for cells in (HEAD, ("---",) * len(HEAD), *map(_cells, played)):
        yield f"| {' | '.join(cells)} |"


def beyond(played: Iterable[Played]) -> list[str]:
    """Faults for which something did not change in time, or something changed that must not."""
    return [f"{each.row.title}: {'; '.join(_wrong(each))}" for each in played if not each.ok]


def summary(played: Sequence[Played]) -> str:
    """The closing line."""
    moves = sum(len(each.row.moves) for each in played)
    series = sum(each.stayed for each in played)
    good = sum(each.ok for each in played)
    return f"{good} of {len(played)} faults as stated: {moves} moves in time, {series} series held"


def _wrong(played: Played) -> Iterator[str]:
    for move, at in zip(played.row.moves, played.moved_s, strict=True):
        if at is None or at > move.within_s:
            yield f"{move.series} {move.how} not within {move.within_s:g} s ({'never' if at is None else f'{at:.0f} s'})"
    yield from (f"{name}: {how}" for name, how in sorted(played.strayed.items())[:_FEW])
    yield from (f"nothing was compared for {each}" for each in played.unfounded)


def _cells(played: Played) -> tuple[str, ...]:
    row = played.row
    named = ", ".join(f"`{each}`" for each in row.stays[:_FEW])
    return (
        f"{row.title}<br>*{row.note}*" if row.note else row.title,
        "<br>".join(map(_words, row.moves)) or "nothing",
        "<br>".join(f"{move.within_s:g}" for move in row.moves),
        "<br>".join("never" if at is None else f"{at:.0f}" for at in played.moved_s),
        f"{named} and all else, {played.stayed + len(played.strayed)} series",
        "yes" if not played.strayed and not played.unfounded else f"no: {len(played.strayed)} moved",
    )


def _words(move: Move) -> str:
    sign, _, bound = move.how.partition(" ")
    if sign == "unknown":
        how = f"unknown{', naming ' + bound if bound else ''}"
    elif sign == "=":
        how = f"= {bound}"
    else:
        how = f"{sign} {bound[:-1]} times" if bound.endswith("x") else _beside(sign, bound)
    again = f", from {move.from_s:g} s on" if move.from_s else ""
    return f"`{move.series}` {how}{again}"


def _beside(sign: str, bound: str) -> str:
    than = "more" if (sign == ">") is (float(bound) >= 0) else "less"
    return f"{than} than {abs(float(bound)):g} {'above' if float(bound) >= 0 else 'below'}"
