"""The keys of the agent's configuration file, as strict models. `config_file.py` reads the file.

The models are the reference: docs/reference/configuration-agent.md is generated from them, their docstrings included.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from rackflow.catalogue import MAX_POLL_SECONDS, MIN_POLL_SECONDS, POLL_SECONDS, PollClass, catalogue
from rackflow.coolant import Coolant
from rackflow.outbox import OutboxSection
from rackflow.process.broker import Broker, Port
from rackflow.process.certificates import Certificate
from rackflow.process.config import (
    FaultAt,
    Host,
    Name,
    Seconds,
    Secret,
    StrictModel,
    check_config,
)
from rackflow.process.listen import checked_listen, host_and_port
from rackflow.process.paths import FilePath, OwnFile
from rackflow.process.resolve import is_address
from rackflow.topics import RESERVED_AGENTS

# No comma, brace, quote or equals sign: labels become part of series keys (`metric{label=value,…}`) and of line protocol.
LabelValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/+-]{1,64}$")]


def _within_class(intervals: dict[PollClass, float]) -> dict[PollClass, float]:
    for poll, interval_s in intervals.items():
        if interval_s > MAX_POLL_SECONDS[poll]:
            raise ValueError(
                f"{poll} is {interval_s:g} s, and a reading of this class is current for at most {MAX_POLL_SECONDS[poll]:g} s; choose less"
            )
    return intervals


Intervals = Annotated[
    dict[PollClass, Annotated[Seconds, Field(ge=MIN_POLL_SECONDS, le=86400)]], AfterValidator(_within_class)
]


class Labels(StrictModel):
    """Where a device stands and, on the power path, which feed supplies it. They become labels of every reading."""

    site: Name | None = None
    """Name of the site. Required here or in the site file."""
    room: LabelValue | None = None
    """Room the device stands in."""
    row: LabelValue | None = None
    """Row within the room."""
    rack: LabelValue | None = None
    """Rack the device belongs to."""
    feed: LabelValue | None = None
    """Feed that supplies it, for devices on the power path: `A`, `B` …"""

    def given(self) -> dict[str, str]:
        """The labels that are set."""
        return self.model_dump(exclude_none=True)


# RFC 3414, 11.2: shorter pass phrases are easy to guess, and other SNMP software refuses them.
MIN_PASS_PHRASE = 8


def _version(value: object) -> object:
    # YAML reads 3 as a number, and there is only one thing that it can mean; of 2 there were several.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value in (1, 3) else value


def _check_pass_phrase(name: str, key: SecretStr | None) -> None:
    length = MIN_PASS_PHRASE if key is None else len(key.get_secret_value())
    if length < MIN_PASS_PHRASE:
        what = f"has {length} characters" if length else "is empty"
        raise ValueError(f"{name} {what}; give the pass phrase, at least 8 characters (RFC 3414, 11.2)")


class Credential(StrictModel):
    """How to authenticate to SNMP devices: a community (v1, v2c) or a user (v3)."""

    version: Annotated[Literal["1", "2c", "3"], BeforeValidator(_version)] = "2c"
    """SNMP version: `1`, `2c` or `3`."""
    community: Secret | None = None
    """Community of v1 and v2c. `env:NAME`, `file:PATH` and `credential:NAME` say where it is."""
    user: str | None = None
    """User name (v3)."""
    auth: Literal["", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"] = ""
    """Authentication protocol (v3); empty for none."""
    auth_key: Secret | None = None
    """Authentication pass phrase (v3), at least 8 characters (RFC 3414, 11.2)."""
    priv: Literal["", "des", "aes128", "aes192", "aes256"] = ""
    """Privacy protocol (v3); empty for none. Needs `auth`."""
    priv_key: Secret | None = None
    """Privacy pass phrase (v3)."""
    context: str = ""
    """Context name (v3), for devices that serve several."""

    @model_validator(mode="after")
    def _complete(self) -> "Credential":
        if self.version == "3":
            if not self.user:
                raise ValueError("version 3 needs a user; add it")
            if self.community is not None:
                raise ValueError("version 3 has no community; remove it")
            if bool(self.auth) != (self.auth_key is not None) or bool(self.priv) != (self.priv_key is not None):
                raise ValueError("auth and auth_key, priv and priv_key go together; add the one that is missing")
            if self.priv and not self.auth:
                raise ValueError("priv needs auth; add auth and auth_key")
            for name, key in (("auth_key", self.auth_key), ("priv_key", self.priv_key)):
                _check_pass_phrase(name, key)
        elif self.community is None:
            raise ValueError(f"version {self.version} needs a community; add it")
        # Refused rather than ignored: who writes keys expects encryption, and v1 and v2c have none.
        elif self.user or self.auth or self.priv:
            raise ValueError('user, auth and priv belong to version 3; remove them or set version: "3"')
        return self


def _known_role(role: str) -> str:
    known = sorted({each for metric in catalogue().values() for each in metric.label_values.get("role", ())})
    if role not in known:
        # A reading whose label the catalogue does not have would be refused in every poll.
        raise ValueError(f"is no role of a meter; known are {', '.join(known)}")
    return role


class CoolantConfig(StrictModel):
    """The coolant in one loop; heat is calculated with its density and heat capacity."""

    # pg25 is the usual fill of a technology cooling loop. The wrong fluid would make heat wrong by some 4 % (the heat capacity by volume
    # of pg25 against water), which looks plausible; so profiles and site files name it wherever it is known.
    fluid: Coolant = "pg25"
    """`water`, or a glycol by kind and percent by mass: `pg25` is 25 % propylene glycol (OCP guidelines for single-phase coolants)."""
    additive: str = ""
    """Name of the inhibitor package; shown, not used in calculations."""
    concentration: str = ""
    """Concentration as labelled; shown, not used in calculations."""


class Device(StrictModel):
    """One device to poll."""

    id: Name
    """Unique name, used in topics and labels. The site file uses the same ids."""
    protocol: Literal["snmp", "modbus"] = "snmp"
    """`snmp` or `modbus`."""
    profile: str = "auto"
    """Device family, see DEVICES.md. `auto` recognises SNMP devices; Modbus needs a name."""
    host: Host | None = None
    """Address or host name. Of a name with several addresses, each is tried in turn until the device answers, IPv4 first. A link-local IPv6
    address stands with this machine's interface: `fe80::1%eth0`."""
    serial_number: Annotated[str, StringConstraints(max_length=255)] | None = None
    """Serial number that the device gave when it was found. `discover` tells by it that a device moved to another address."""
    port: Port | None = None
    """UDP or TCP port; 161 for SNMP and 502 for Modbus when left out."""
    enabled: bool = True
    """`false` keeps the entry and does not poll it."""
    labels: Labels = Labels()
    """Overrides the agent's `labels` for this device."""
    role: Annotated[LabelValue, AfterValidator(_known_role)] | None = None
    """What a meter measures: `facility`, `it`, `ups_in`, `pv` …"""
    # 1,000 racks with two PDUs each are about 90,000 series without outlets and 430,000 with them.
    outlets: bool = False
    """Also read each outlet of a rack PDU. Off by default: it multiplies the number of series. A family that has nothing but outlets,
    as a switched PDU without a meter, is always read with them.
    """
    coolant: dict[Literal["primary", "secondary"], CoolantConfig] = {}
    """Coolant by loop, `primary` and `secondary`."""
    intervals: Intervals = {}
    """Seconds between polls by poll class, for this device."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] | None = None
    """Seconds to wait for one answer; 2 for SNMP and 1 for Modbus when left out."""
    # One, because UDP loses a datagram now and then. A second retry would seldom help and doubles the time that a dead device takes.
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    """How often a request is repeated that is not answered, or that a Modbus unit answers with "busy". A Modbus unit that is
    silent is asked again only where this is set, because waiting for it holds up all others on its link. With 1 or more, an SNMP device
    that usually answers fast is asked once more after half a second, in case a datagram was lost.
    """
    credential: str | None = None
    """Name of an entry of `credentials`; required for SNMP."""
    engine: Literal["gufo", "pysnmp"] | None = None
    """SNMP engine; overrides the agent's `engine`."""
    max_varbinds: Annotated[int, Field(ge=1, le=100)] | None = None
    """Most objects in one SNMP request. The profile's limit (20 by default) when left out."""
    transport: Literal["tcp", "rtu-over-tcp", "serial"] = "tcp"
    """Modbus over TCP, RTU frames over TCP (serial gateways), or a serial line."""
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Modbus unit identifier. The profile's usual unit when left out. For SNMP, which of several units behind one agent this device is:
    rows and instances whose index begins with this number. Each unit is a device of its own with the same host; what the agent has once
    is read for unit 1 alone.
    """
    accept_answers: list[Literal["other_transaction", "other_unit"]] = []
    """Take a Modbus answer although its transaction number (TCP) or its unit (RTU, and TCP without a number or with that of another
    polled unit) is another one. Only for a device that always answers so, once to each request, and is alone on its connection or
    line: a late or foreign answer would be taken for a reading. A connection on which an answer is missing is then closed.
    """
    serial: str | None = None
    """Path of the serial port, with `transport: serial`."""
    baudrate: Annotated[int, Field(ge=300, le=1000000)] = 19200
    """Speed of the serial line."""
    parity: Literal["N", "E", "O"] = "N"
    """Parity of the serial line."""
    stopbits: Literal[1, 2] = 1
    """Stop bits of the serial line."""

    @model_validator(mode="after")
    def _complete(self) -> "Device":
        if self.protocol == "modbus" and self.transport == "serial":
            if not self.serial:
                raise ValueError("transport serial needs `serial`, the path of the port")
        elif not self.host:
            raise ValueError("host is required; add the device's address")
        if self.protocol == "snmp" and not self.credential:
            raise ValueError("credential is required for SNMP; name one of the section credentials")
        # Modbus has no standard identification, and trying registers on a device in operation is not done unasked.
        if self.protocol == "modbus" and self.profile == "auto":
            raise ValueError("profile is required for Modbus; `rackflow-agent profiles` lists them")
        return self

    @property
    def used_port(self) -> int:
        """`port`, or the protocol's own."""
        return self.port or (502 if self.protocol == "modbus" else 161)

    @property
    def network_address(self) -> tuple[str, int]:
        """Host and port, the same for one host in small and capital letters. Serial lines have none."""
        return (self.host or "").casefold(), self.used_port

    @property
    def given_unit(self) -> int | None:
        """`unit`; None where it is left out, which is not the same as 1: Modbus then takes the profile's, and SNMP tells no units apart."""
        return self.unit if "unit" in self.model_fields_set else None


class Pair(StrictModel):
    """Two agents with the same configuration on two machines, of which one polls."""

    # Takeover takes this, a second in which another claim would be heard, and the opening of the devices: 6 to 8 s in all.
    expires_s: Annotated[float, Field(ge=3, le=60)] = 4.0
    """Seconds after which a silent agent's place is taken. The silent one may still work: its network may be broken."""
    username: str | None = None
    """Account of the connection that keeps the lease. Where the broker takes the account for the client id, as `deploy/mosquitto/` has
    it, each machine needs one of its own; otherwise that of `broker` is used."""
    password: Secret | None = None
    """Its password, as that of `broker`."""
    cert_file: FilePath | None = None
    """Its client certificate, as that of `broker`."""
    key_file: FilePath | None = None
    """Private key of that certificate."""


class Traps(StrictModel):
    """Receives SNMP traps and informs: a device that sends one is polled at once, and the trap becomes an event."""

    # Port 162 is what devices send to. A process without privileges must be allowed to open it: docs/how-to/traps.md.
    listen: str = "0.0.0.0:162"
    """Address and UDP port to listen on; `[::]:162` is every address, those of IPv4 included."""
    credentials: list[str] = []
    """Names of entries of `credentials` that are accepted for traps of every device, besides the one with which it is polled."""

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        value = checked_listen(value, "0.0.0.0:162")
        if not is_address(host_and_port(value)[0]):
            raise ValueError("must begin with an address of this machine, not a name; write for example 0.0.0.0:162")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Address and port. Port 0 lets the system choose a free one."""
        return host_and_port(self.listen)


class AgentConfig(StrictModel):
    """The agent's configuration file."""

    agent: Name
    """Name of this agent, unique within the site."""
    labels: Labels = Labels()
    """Place that applies to every device unless it says otherwise."""
    site_file: FilePath | None = None
    """Site file, relative to the folder of this file. Places, roles and coolants then come from it."""
    broker: Broker = Broker()
    """MQTT broker to publish to."""
    credentials: dict[str, Credential] = {}
    """SNMP credentials by name."""
    devices: list[Device]
    """Devices to poll."""
    intervals: Intervals = {}
    """Seconds between polls by poll class; the defaults are 1, 5, 10, 60 and 3600, at most 60, 300, 900, 3600 and 86400."""
    profiles: FilePath | None = None
    """Folder of your own profiles; they override shipped ones of the same name. `SIGHUP` reads it again."""
    engine: Literal["gufo", "pysnmp"] = "gufo"
    """SNMP engine. `pysnmp` is the fallback where gufo_snmp has no wheel. SNMPv3 answers are verified with both."""
    # Memory, because a path on disk cannot be guessed. The agent warns at every start that messages are lost when it ends.
    outbox: OutboxSection = OutboxSection(mode="memory")
    """Where messages wait until they are delivered."""
    pair: Pair | None = None
    """Another agent with this configuration runs on another machine, and takes over when this one falls silent. `pair: {}` is enough."""
    traps: Traps | None = None
    """Receive SNMP traps; `traps: {}` is enough. They are not received when left out."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    health_file: OwnFile | None = None
    """File that is touched every second while the agent works, for the health check of a container; none when left out."""
    _site_digest: str = PrivateAttr(default="")

    @property
    def site_digest(self) -> str:
        """A hash of the content of the site file, as it was when this was loaded; empty without one."""
        return self._site_digest

    def note_site(self, digest: str) -> None:
        """Note what the site file contains that has completed this configuration."""
        self._site_digest = digest

    @model_validator(mode="after")
    def _consistent(self) -> "AgentConfig":
        if self.labels.site is None and self.site_file is None:
            raise ValueError("labels.site is required; name the site, or the file that describes it as site_file")
        # A room or rack for all devices would contradict the site file for most of them.
        if self.site_file and self.labels.given().keys() - {"site"}:
            raise FaultAt(
                "labels of places come from site_file; leave only the site's name, or remove site_file", "labels"
            )
        if self.agent in RESERVED_AGENTS:
            raise ValueError(f"agent {self.agent!r} is a level of topics; choose another name")
        seen: set[str] = set()
        for number, device in enumerate(self.devices):
            if device.id in seen:
                raise FaultAt(f"device {device.id!r} is given twice; ids must be unique", "devices", number, "id")
            # The agent publishes its own metrics as a device of its own name.
            if device.id == self.agent:
                raise FaultAt(
                    f"device {device.id!r} has the agent's own name; rename one of them", "devices", number, "id"
                )
            if device.credential is not None and device.credential not in self.credentials:
                known = ", ".join(sorted(self.credentials)) or "none"
                raise FaultAt(
                    f"device {device.id!r} names credential {device.credential!r}, known are: {known}; correct the name",
                    *("devices", number, "credential"),
                )
            seen.add(device.id)
        for number, name in enumerate(self.traps.credentials if self.traps else ()):
            if name not in self.credentials:
                known = ", ".join(sorted(self.credentials)) or "none"
                raise FaultAt(
                    f"{name!r} is no entry of credentials, known are: {known}; correct the name",
                    *("traps", "credentials", number),
                )
        return self

    def lease_broker(self) -> Broker:
        """The broker with the account of the connection that keeps the lease. Raises ConfigError if that is incomplete."""
        given = self.pair.model_dump(exclude={"expires_s"}, exclude_none=True) if self.pair else {}
        return check_config(self.broker.model_dump() | given, Broker, "pair") if given else self.broker

    def certificates(self, of_broker: Sequence[Certificate] = ()) -> Mapping[str, Sequence[Certificate]]:
        """Those with which this agent logs in, and the authority of what the broker has shown, as their files have them now. Blocks."""
        brokers = [self.broker, self.lease_broker()] if self.pair else [self.broker]
        return {
            "agent": [found for each in brokers for found in each.certificates()],
            "authority": self.broker.authorities(of_broker),
        }

    def labels_of(self, device: Device) -> dict[str, str]:
        """Location labels of a device: the site's, overridden by the device's own."""
        return self.labels.given() | device.labels.given()

    def intervals_of(self, device: Device) -> dict[PollClass, float]:
        """Seconds per poll class: defaults, overridden by the site, overridden by the device."""
        return POLL_SECONDS | self.intervals | device.intervals
