"""The sentence of a problem (`description` in the table): the collector fills it in, Prometheus gets it as a template.

`{rack}` is a label, `{value}` the value with a format after a colon: `.1` decimals, `%` a share as percent. A part in brackets is
there only if its first label is: `[ rack {rack}]`, with another text after a bar for when it is not: `[phase {phase}|the whole UPS]`.
The places in `_PLACES` are such parts without brackets, because any device may lack them: without a site file all do.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

_TOKEN = re.compile(r"\{([a-z_]+)(?::([^}]+))?\}|\[([^\[\]]*)\]|([^\[\]{}]+)")
_BRACKETS = re.compile(r"(\[[^\[\]]*\])")
_PLACES = re.compile(r"/\{room\}|, feed \{feed\},?| in rack \{rack\}|(?<=\}) rack \{rack\}")
_FORMAT = re.compile(r"%|\.\d|g")


class Piece(msgspec.Struct, frozen=True):
    """Plain `text`, a `label`, the value in a `format`, or a part that needs its label (`inner`, otherwise `other`)."""

    text: str = ""
    label: str = ""
    format: str = ""
    inner: tuple["Piece", ...] = ()
    other: str = ""


class Sentence(msgspec.Struct, frozen=True):
    """A sentence with places for labels and the value."""

    pieces: tuple[Piece, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that is named."""
        return tuple(piece.label for piece in self._all_pieces() if piece.label)

    def render(self, labels: Mapping[str, str], value: float) -> str:
        """The sentence for one problem."""
        return "".join(_render(piece, labels, value) for piece in self.pieces)

    def value_text(self, value: float) -> str:
        """A number as the value is written; empty if the sentence does not have it."""
        return next((_render(piece, {}, value) for piece in self._all_pieces() if piece.format), "")

    def template(self) -> str:
        """The same as a template of Prometheus."""
        return "".join(_template(piece) for piece in self.pieces)

    def _all_pieces(self) -> Iterator[Piece]:
        """The pieces with those in brackets."""
        for piece in self.pieces:
            yield from (piece, *piece.inner)


def parse_sentence(text: str) -> Sentence:
    """Read a description. Raises ValueError if brackets or formats are wrong."""
    parts = _BRACKETS.split(text)
    return Sentence(
        tuple(_parse("".join(each if each.startswith("[") else _PLACES.sub(r"[\g<0>]", each) for each in parts)))
    )


def _parse(text: str) -> Iterator[Piece]:
    end = 0
    for found in _TOKEN.finditer(text):
        if found.start() != end:
            break
        end = found.end()
        name, form, part, plain = found.groups()
        if plain is not None:
            yield Piece(text=plain)
        elif part is not None:
            inner, _, other = part.partition("|")
            pieces = tuple(_parse(inner))
            label = next((piece.label for piece in pieces if piece.label), "")
            if not label:
                raise ValueError(f"[{part}]: a part in brackets needs a label")
            yield Piece(label=label, inner=pieces, other=other)
        elif name == "value":
            if form is not None and not _FORMAT.fullmatch(form):
                raise ValueError(f"{{value:{form}}}: the format is `%`, `g` or a number of decimals as in `.1`")
            yield Piece(format=form or "g")
        else:
            yield Piece(label=name)
    if end != len(text):
        raise ValueError(f"{text[end : end + 20]!r}: brackets are not in pairs, or inside each other")


def _render(piece: Piece, labels: Mapping[str, str], value: float) -> str:
    if piece.inner:
        if labels.get(piece.label):
            return "".join(_render(inner, labels, value) for inner in piece.inner)
        return piece.other
    if piece.label:
        return labels.get(piece.label, "")
    if piece.format == "%":
        return f"{value * 100:.4g}%"  # as humanizePercentage of Prometheus does
    if piece.format == "g":
        return f"{value:.6g}"
    return f"{value:{piece.format}f}" if piece.format else piece.text


def _template(piece: Piece) -> str:
    if piece.inner:
        inner = "".join(_template(each) for each in piece.inner)
        other = f"{{{{ else }}}}{piece.other}" if piece.other else ""
        return f"{{{{ if $labels.{piece.label} }}}}{inner}{other}{{{{ end }}}}"
    if piece.label:
        return f"{{{{ $labels.{piece.label} }}}}"
    if piece.format == "%":
        return "{{ $value | humanizePercentage }}"
    if piece.format == "g":
        return '{{ $value | printf "%.6g" }}'
    return f'{{{{ $value | printf "%{piece.format}f" }}}}' if piece.format else piece.text
