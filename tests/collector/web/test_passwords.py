"""What is remembered of passwords on the collector's pages, and how long a wrong one takes."""

import bcrypt
import pytest

from collector.web import access
from collector.web.access import Authentication, BasicAuth, WrongTries
from tests.collector.web.test_access import basic, hashed


async def test_addresses_with_wrong_passwords_and_right_passwords_that_are_remembered_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host with IPv6 has as many addresses as it likes. Who was remembered first is forgotten."""
    monkeypatch.setattr(access, "_MAX_PEERS", 2)
    monkeypatch.setattr(access, "_MAX_REMEMBERED", 2)
    tries = WrongTries(lambda: 0.0)
    auth = BasicAuth({name: hashed("right") for name in "abc"}, tries)
    for name in "abc":
        assert await auth.check(name, b"right", "::9") == "allowed"
    for peer in ("::1", "::2", "::3"):
        tries.note(peer)
    assert [tries.is_early(peer) for peer in ("::1", "::2", "::3")] == [False, True, True]
    # A password that is remembered is not checked, and so has not to wait.
    assert [await auth.check(name, b"right", "::3") for name in "abc"] == ["later", "allowed", "allowed"]


async def test_a_name_that_nobody_has_takes_as_long_as_one_that_somebody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time of the answer would tell which names there are. What takes long is the hash."""
    used, real = [], bcrypt.checkpw

    def noted(password: bytes, hash_of: bytes) -> bool:
        used.append(hash_of)
        return real(password, hash_of)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    kept = hashed("right")
    auth = Authentication({"a": kept}, {})
    for at, name in enumerate("ab"):
        assert await auth.check(basic(name, "wrong"), f"10.0.0.{at}") == "refused"
    assert used == [kept.encode()] * 2
