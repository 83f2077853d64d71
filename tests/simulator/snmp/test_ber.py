"""SNMP messages as octets: what pysnmp encodes is decoded, what is encoded pysnmp decodes, and garbage is only ever a ValueError."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]
from pysnmp.proto import api, rfc1905  # type: ignore[import-untyped]

from rackflow.recording.snmprec import COUNTER64, GAUGE32, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Record
from simulator.snmp.ber import BULK, GET, decode_request, encode_bindings, encode_response
from simulator.snmp.objects import Absent, Binding

V2C = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
KEYS = st.tuples(st.integers(0, 2), st.integers(0, 39)).flatmap(
    lambda head: st.lists(st.integers(0, 2**32 - 1), max_size=12).map(lambda rest: (*head, *rest))
)


def request(keys: list[tuple[int, ...]], number: int, bulk: tuple[int, int] | None = None) -> bytes:
    pdu: Any = V2C.GetBulkRequestPDU() if bulk else V2C.GetRequestPDU()
    V2C.apiPDU.set_defaults(pdu)
    V2C.apiPDU.set_request_id(pdu, number)
    if bulk:
        V2C.apiBulkPDU.set_non_repeaters(pdu, bulk[0])
        V2C.apiBulkPDU.set_max_repetitions(pdu, bulk[1])
    V2C.apiPDU.set_varbinds(pdu, [(key, V2C.null) for key in keys])
    message = V2C.Message()
    V2C.apiMessage.set_defaults(message)
    V2C.apiMessage.set_community(message, "public")
    V2C.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


@given(st.lists(KEYS, min_size=1, max_size=30), st.integers(0, 2**31 - 1))
def test_requests_of_another_implementation_are_read(keys: list[tuple[int, ...]], number: int) -> None:
    found = decode_request(request(keys, number))
    assert (found.version, found.community, found.kind, found.number) == (1, b"public", GET, number)
    assert found.keys == tuple(keys)
    bulk = decode_request(request(keys, number, (2, 25)))
    assert (bulk.kind, bulk.first, bulk.second, bulk.keys) == (BULK, 2, 25, tuple(keys))


@given(
    KEYS,
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=300),
)
def test_another_implementation_reads_the_response(
    key: tuple[int, ...], integer: int, gauge: int, counter: int, octets: bytes
) -> None:
    values = [
        Record("", INTEGER, integer),
        Record("", GAUGE32, gauge),
        Record("", COUNTER64, counter),
        Record("", OCTET_STRING, octets),
        Record("", OBJECT_IDENTIFIER, "1.3.6.1.4.1.318.1.3.27"),
    ]
    asked = decode_request(request([key], 7))
    bindings: list[Binding] = [(key, value) for value in values]
    bindings.append((key, Absent.NO_SUCH_INSTANCE))
    message, rest = decoder.decode(encode_response(asked, encode_bindings(bindings)), asn1Spec=V2C.Message())
    assert not rest
    pdu = V2C.apiMessage.get_pdu(message)
    assert int(V2C.apiPDU.get_request_id(pdu)) == 7
    found = V2C.apiPDU.get_varbinds(pdu)
    assert {tuple(name) for name, _ in found} == {key}
    assert [int(value) for _, value in found[:3]] == [integer, gauge, counter]
    assert bytes(found[3][1]) == octets
    assert str(found[4][1]) == "1.3.6.1.4.1.318.1.3.27"
    assert found[5][1].tagSet == rfc1905.noSuchInstance.tagSet


@given(st.binary(max_size=200))
def test_gc_pauses_is_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode_request(data)


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_spoilt_request_is_a_value_error_or_another_request(at: int, octet: int) -> None:
    data = bytearray(request([(1, 3, 6, 1, 2, 1, 1, 3, 0)], 12345))
    data[at % len(data)] = octet
    with contextlib.suppress(ValueError):
        decode_request(bytes(data))


def test_a_cut_request_is_refused() -> None:
    data = request([(1, 3, 6, 1, 2, 1, 1, 3, 0)], 1)
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r".*"):
            decode_request(data[:length])
