"""The UDP transports that pysnmp gets. For SNMPv3 nothing reaches it that the check has not accepted; all answers are repaired.

pysnmp 7.1.30 verifies authentication, but it ends a request at any unauthenticated Report, takes over an engine's time from a message
before checking that the message is timely, and accepts datagrams from every address (no public issue).
"""

import asyncio
from typing import Any, NamedTuple

from pysnmp.carrier.asyncio.dgram import udp, udp6  # type: ignore[import-untyped]
from pysnmp.entity import config  # type: ignore[import-untyped]
from pysnmp.hlapi.v3arch import asyncio as hlapi  # type: ignore[import-untyped]

from agent.snmp.repair import repaired
from agent.snmp.repair_v3 import V3Repair
from agent.snmp.usm import Refusal, RefusedDatagrams, UsmCheck, without_tail

Address = tuple[str, int]


class CheckedPeer(NamedTuple):
    """A device behind a transport, and the callback that counts its refused datagrams."""

    device: str
    check: UsmCheck
    refused: RefusedDatagrams
    repair: V3Repair


class _Checked:
    """Mixed into pysnmp's transports, in front of them."""

    def __init__(self) -> None:
        super().__init__()
        self.peers: dict[Address, CheckedPeer] = {}

    def datagram_received(self, datagram: bytes, transportAddress: Any) -> None:  # noqa: ANN401, N803 - pysnmp's signature
        """Pass a datagram on if it is a verified answer of the peer that sent it. Called by asyncio."""
        peer = self.peers.get(_key(transportAddress))
        now = asyncio.get_running_loop().time()
        if peer is None:
            # All peers count into one RefusedDatagrams.
            if (any_peer := next(iter(self.peers.values()), None)) is not None:
                any_peer.refused.count_unknown_sender(Refusal.UNSOLICITED, now)
            return
        datagram = without_tail(datagram)
        refusal = peer.check.received(datagram, now)
        if refusal is None:
            super().datagram_received(peer.repair.repaired(datagram), transportAddress)  # type: ignore[misc]
        else:
            peer.refused.count(peer.device, refusal, now)

    def send_message(self, outgoingMessage: bytes, transportAddress: Any) -> None:  # noqa: ANN401, N803 - pysnmp's signature
        """Note a request and send it. Called by pysnmp."""
        self.peers[_key(transportAddress)].check.sent(bytes(outgoingMessage))
        super().send_message(outgoingMessage, transportAddress)  # type: ignore[misc]


class CheckedUdp(_Checked, udp.UdpAsyncioTransport):  # type: ignore[misc]
    """UDP over IPv4."""


class CheckedUdp6(_Checked, udp6.Udp6AsyncioTransport):  # type: ignore[misc]
    """UDP over IPv6."""


class CheckedUdpTarget(hlapi.UdpTransportTarget):  # type: ignore[misc]
    """A device's IPv4 address."""

    PROTO_TRANSPORT = CheckedUdp


class CheckedUdp6Target(hlapi.Udp6TransportTarget):  # type: ignore[misc]
    """A device's IPv6 address."""

    PROTO_TRANSPORT = CheckedUdp6


class _Repairing:
    """Mixed into pysnmp's transports for v1 and v2c, in front of them: pysnmp drops an answer with a value that it cannot read."""

    def datagram_received(self, datagram: bytes, transportAddress: Any) -> None:  # noqa: ANN401, N803 - pysnmp's signature
        """Pass a datagram on with an empty text for each value that cannot be read. Called by asyncio."""
        super().datagram_received(repaired(datagram), transportAddress)  # type: ignore[misc]


class RepairingUdp(_Repairing, udp.UdpAsyncioTransport):  # type: ignore[misc]
    """UDP over IPv4."""


class RepairingUdp6(_Repairing, udp6.Udp6AsyncioTransport):  # type: ignore[misc]
    """UDP over IPv6."""


class RepairingUdpTarget(hlapi.UdpTransportTarget):  # type: ignore[misc]
    """A device's IPv4 address."""

    PROTO_TRANSPORT = RepairingUdp


class RepairingUdp6Target(hlapi.Udp6TransportTarget):  # type: ignore[misc]
    """A device's IPv6 address."""

    PROTO_TRANSPORT = RepairingUdp6


def watch(engine: hlapi.SnmpEngine, target: Any, peer: CheckedPeer) -> CheckedPeer:  # noqa: ANN401 - pysnmp is untyped
    """Check this target's datagrams from now on. Two clients of one engine and address share the check of the first."""
    transport = config.get_transport(engine, target.TRANSPORT_DOMAIN)
    found: CheckedPeer = transport.peers.setdefault(_key(target.transport_address), peer)
    return found


def _key(address: Any) -> Address:  # noqa: ANN401 - a tuple of 2 or 4
    # pysnmp sends to IPv6 addresses without their zone.
    return str(address[0]).partition("%")[0], int(address[1])
