"""The end and the name of certificates as openssl makes them; and whatever else may stand in such a file."""

import ssl
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rackflow.process.certificates import (
    EXPIRY,
    UNNAMED,
    Certificate,
    authorities_of,
    expiries,
    read_certificates,
    read_der,
)
from tests.servers.deployed_broker import make_certificates


def make(folder: Path, subject: str, *more: str) -> Path:
    file = folder / "made.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "made.key")]
    subprocess.run([*command, "-out", str(file), "-subj", subject, *more], check=True, capture_output=True)
    return file


def end_by_openssl(file: Path) -> float:
    shown = subprocess.run(
        ["openssl", "x509", "-in", str(file), "-noout", "-enddate"], check=True, capture_output=True, text=True
    )
    # In Python's own words for such a text.
    return float(ssl.cert_time_to_seconds(shown.stdout.strip().removeprefix("notAfter=")))


def test_the_name_and_the_end_are_those_that_openssl_shows(tmp_path: Path) -> None:
    make_certificates(tmp_path / "pki", "ca", "cas1")
    make_certificates(tmp_path / "pki", "agent", "cas1/gw-1", days=30)
    file = tmp_path / "pki" / "agents" / "cas1" / "gw-1.crt"
    assert read_certificates(file) == (Certificate("cas1/gw-1", end_by_openssl(file)),)


@pytest.mark.parametrize(
    ("subject", "days", "name"),
    [
        ("/C=MA/O=Centre/CN=broker.example.net", 20, "broker.example.net"),
        # Its end has two digits of the year, which from 50 on would be those of the last century.
        ("/CN=router", 5_000, "router"),
        # From 2050 on an end has four digits of its year.
        ("/CN=authority", 12_000, "authority"),
        ("/O=without a name", 20, UNNAMED),
        ("/", 20, UNNAMED),
    ],
)
def test_certificates_of_other_makers_are_read(tmp_path: Path, subject: str, days: int, name: str) -> None:
    file = make(tmp_path, subject, "-days", str(days), "-utf8")
    assert read_certificates(file) == (Certificate(name, end_by_openssl(file)),)


def test_each_certificate_of_a_chain_counts_and_a_damaged_one_hides_no_other(tmp_path: Path) -> None:
    make_certificates(tmp_path / "pki", "ca", "cas1")
    make_certificates(tmp_path / "pki", "broker", "localhost")
    own, authority = ((tmp_path / "pki" / name).read_text(encoding="ascii") for name in ("broker.crt", "ca.crt"))
    chain = tmp_path / "chain.crt"
    chain.write_text(f"Bag Attributes\n{own}{own[:100]}\n-----END CERTIFICATE-----\n{authority}", encoding="ascii")
    assert [each.subject for each in read_certificates(chain)] == ["broker", "cas1 Rackflow CA"]
    found = expiries({"broker": read_certificates(chain)})
    assert list(found) == [
        f"{EXPIRY}{{component=broker,subject=broker}}",
        f"{EXPIRY}{{component=broker,subject=cas1_Rackflow_CA}}",
    ]


def test_of_two_certificates_with_one_name_the_earlier_end_counts() -> None:
    """As of an authority that was renewed, whose old certificate still stands in the chain."""
    ends_s = {4_000_000_000.0, 1_800_000_000.0}
    for order in (sorted(ends_s), sorted(ends_s, reverse=True)):
        found = expiries({"web": [Certificate("ca", each) for each in order], "broker": [Certificate("ca", 2e9)]})
        assert found == {
            f"{EXPIRY}{{component=broker,subject=ca}}": 2e9,
            f"{EXPIRY}{{component=web,subject=ca}}": 1_800_000_000.0,
        }


def test_all_of_a_long_chain_and_one_with_openssls_trust_are_read(tmp_path: Path) -> None:
    file = make(tmp_path, "/CN=x", "-days", "9")
    (one,) = read_certificates(file)
    chain = tmp_path / "chain.crt"
    chain.write_bytes(20 * file.read_bytes())
    assert read_certificates(chain) == (one,) * 20
    trusted = tmp_path / "trusted.crt"
    subprocess.run(
        ["openssl", "x509", "-in", str(file), "-trustout", "-addtrust", "serverAuth", "-out", str(trusted)], check=True
    )
    assert b"BEGIN TRUSTED" in trusted.read_bytes()
    assert read_certificates(trusted) == (one,)


def test_of_a_file_of_authorities_those_count_that_signed_what_was_shown(tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    make_certificates(pki, "ca", "cas1")
    make_certificates(pki, "broker", "localhost")
    shown, used = read_certificates(pki / "broker.crt"), read_certificates(pki / "ca.crt")
    # One of a system's file that ends within days, and that nobody needs; and the one in use before it was renewed under its name.
    foreign = read_certificates(make(tmp_path, "/CN=foreign", "-days", "3"))
    before = tuple(Certificate(each.subject, 1.0, each.name, each.issuer) for each in used)
    for trusted in (used, (*used, *foreign), (*foreign, *used, *before), (*before, *used)):
        assert authorities_of(shown, trusted) == used
        # Before anything was shown, nothing ends before the last one.
        assert authorities_of((), trusted) == used
    assert authorities_of(shown, foreign) == foreign
    assert authorities_of(shown, ()) == ()


def test_the_issuers_of_an_issuer_count_too() -> None:
    root = Certificate("root", 9.0, b"root", b"root")
    between = Certificate("between", 5.0, b"between", b"root")
    other = Certificate("other", 7.0, b"other", b"other")
    assert authorities_of([Certificate("own", 1.0, b"own", b"between")], [other, root, between]) == (between, root)


def test_a_file_is_read_anew_whenever_it_is_another_one(tmp_path: Path) -> None:
    texts = {}
    for name in ("one", "another"):  # of two lengths: two writes may fall into one tick of the file system's clock
        texts[name] = make(tmp_path, f"/CN={name}", "-days", "9").read_bytes()
    file, new = tmp_path / "used.crt", tmp_path / "new.crt"
    assert read_certificates(file) == ()
    for name, text in texts.items():
        file.write_bytes(text)  # in its place
        assert [each.subject for _ in range(2) for each in read_certificates(file)] == [name, name]
    new.write_bytes(texts["one"])
    new.replace(file)  # as most tools renew one
    assert [each.subject for each in read_certificates(file)] == ["one"]
    file.unlink()
    assert read_certificates(file) == ()


def test_a_file_that_is_missing_empty_or_something_else_has_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path in (tmp_path / "missing", tmp_path / "empty", tmp_path, Path("/dev/null")):
        assert read_certificates(path) == ()


@pytest.fixture(scope="module")
def der(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = make(tmp_path_factory.mktemp("made"), "/CN=x", "-days", "9")
    return ssl.PEM_cert_to_DER_cert(file.read_text(encoding="ascii"))


@given(place=st.integers(0, 400), octet=st.integers(0, 255), size=st.integers(0, 900))
@example(place=1, octet=0x80, size=900)
def test_a_damaged_certificate_is_refused_or_read_and_nothing_else(
    der: bytes, place: int, octet: int, size: int
) -> None:
    damaged = (der[:place] + bytes([octet]) + der[place + 1 :])[:size]
    try:
        found = read_der(damaged)
    except ValueError:
        return
    assert isinstance(found.expires_s, float)


@given(st.binary(max_size=60))
def test_whatever_is_no_certificate_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"tag|fields|cut short|no length"):
        read_der(text)
