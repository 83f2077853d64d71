"""When an agent's life began, from its epoch, which is a ULID."""

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_TIME = 10


def born_ms(epoch: str) -> int:
    """The first 48 bits of a ULID; 0 where it is none."""
    if len(epoch) != _LENGTH or not all(letter in CROCKFORD for letter in epoch):
        return 0
    born = 0
    for letter in epoch[:_TIME]:
        born = born * len(CROCKFORD) + CROCKFORD.index(letter)
    return born
