"""The agent's configuration: in goes one strict YAML file, out come frozen sections."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from rackflow.broker import Broker, Port
from rackflow.catalogue import POLL_SECONDS, PollClass
from rackflow.config import Secret, StrictModel, load_config
from rackflow.outbox_config import OutboxSection

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
LabelValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/+-]{1,64}$")]


class Labels(StrictModel):
    """Where a device stands, and on the power path which feed it belongs to."""

    site: Name | None = None
    room: LabelValue | None = None
    row: LabelValue | None = None
    rack: LabelValue | None = None
    feed: LabelValue | None = None

    def given(self) -> dict[str, str]:
        """The labels that are set."""
        return self.model_dump(exclude_none=True)


class Credential(StrictModel):
    """How to authenticate to SNMP devices: a community (v1, v2c) or a user (v3)."""

    version: Literal["1", "2c", "3"] = "2c"
    community: Secret | None = None
    user: str | None = None
    auth: Literal["", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"] = ""
    auth_key: Secret | None = None
    priv: Literal["", "des", "aes128", "aes192", "aes256"] = ""
    priv_key: Secret | None = None
    context: str = ""

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
        elif self.community is None:
            raise ValueError(f"version {self.version} needs a community; add it")
        elif self.user or self.auth or self.priv:
            raise ValueError('user, auth and priv belong to version 3; remove them or set version: "3"')
        return self


class CoolantConfig(StrictModel):
    """The fluid of one loop."""

    fluid: Literal["water", "pg25"] = "pg25"
    additive: str = ""
    concentration: str = ""


class Device(StrictModel):
    """One device to poll."""

    id: Name
    protocol: Literal["snmp", "modbus"] = "snmp"
    profile: str = "auto"
    host: str | None = None
    port: Port | None = None
    enabled: bool = True
    labels: Labels = Labels()
    role: LabelValue | None = None
    coolant: dict[Literal["primary", "secondary"], CoolantConfig] = {}
    intervals: dict[PollClass, Annotated[float, Field(ge=0.1, le=86400)]] = {}
    timeout_s: Annotated[float, Field(gt=0, le=60)] | None = None
    retries: Annotated[int, Field(ge=0, le=5)] = 1
    credential: str | None = None
    engine: Literal["gufo", "pysnmp"] | None = None
    max_varbinds: Annotated[int, Field(ge=1, le=100)] | None = None
    transport: Literal["tcp", "rtu-over-tcp", "serial"] = "tcp"
    unit: Annotated[int, Field(ge=0, le=255)] = 1
    serial: str | None = None
    baudrate: Annotated[int, Field(ge=300, le=1000000)] = 19200
    parity: Literal["N", "E", "O"] = "N"
    stopbits: Literal[1, 2] = 1

    @model_validator(mode="after")
    def _complete(self) -> "Device":
        if self.protocol == "modbus" and self.transport == "serial":
            if not self.serial:
                raise ValueError("transport serial needs `serial`, the path of the port")
        elif not self.host:
            raise ValueError("host is required; add the device's address")
        if self.protocol == "snmp" and not self.credential:
            raise ValueError("credential is required for SNMP; name one of the section credentials")
        if self.protocol == "modbus" and self.profile == "auto":
            raise ValueError("profile is required for Modbus; `rackflow-agent profiles` lists them")
        return self


class AgentConfig(StrictModel):
    """The whole file."""

    agent: Name
    labels: Labels
    broker: Broker = Broker()
    credentials: dict[str, Credential] = {}
    devices: list[Device]
    intervals: dict[PollClass, Annotated[float, Field(ge=0.1, le=86400)]] = {}
    profiles: Path | None = None
    engine: Literal["gufo", "pysnmp"] = "gufo"
    outbox: OutboxSection = OutboxSection(mode="memory")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _consistent(self) -> "AgentConfig":
        if self.labels.site is None:
            raise ValueError("labels.site is required; name the site")
        seen: set[str] = set()
        for device in self.devices:
            if device.id in seen:
                raise ValueError(f"device {device.id!r} is given twice; ids must be unique")
            if device.id == self.agent:
                raise ValueError(f"device {device.id!r} has the agent's own name; rename one of them")
            if device.credential is not None and device.credential not in self.credentials:
                known = ", ".join(sorted(self.credentials)) or "none"
                raise ValueError(
                    f"device {device.id!r} names credential {device.credential!r}, known are: {known}; correct the name"
                )
            seen.add(device.id)
        return self

    def labels_of(self, device: Device) -> dict[str, str]:
        """Location labels of a device: the site's, overridden by the device's own."""
        return self.labels.given() | device.labels.given()

    def intervals_of(self, device: Device) -> dict[PollClass, float]:
        """Seconds per poll class: defaults, overridden by the site, overridden by the device."""
        return POLL_SECONDS | self.intervals | device.intervals


def load_agent_config(path: Path) -> AgentConfig:
    """The checked configuration. Raises ConfigError naming file, key and remedy."""
    return load_config(path, AgentConfig)
