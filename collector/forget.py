"""The command `forget`: takes an agent or a device that was retired or renamed out of the broker and of every collector.

A retained document outlives its agent, so that collectors would show the device as not observed for ever. An empty retained payload
clears it at the broker, and is at the same time the message by which running collectors forget the device. No other channel is
needed: a collector that is away gets it from its session.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

from collector.receive import SESSION_EXPIRY_S
from rackflow import ConfigError, ContractError, DeviceDocument, RackflowError, Status, decode
from rackflow.process.broker import Broker
from rackflow.process.config import check_config
from rackflow.process.machine_output import as_text
from rackflow.process.mqtt import (
    BrokerError,
    Callbacks,
    Limits,
    MqttConnection,
    MQTTMessage,
    ReasonCode,
    Session,
    topic_of,
)
from rackflow.process.progress import progress
from rackflow.topics import NAME, ROOT, Topic, build_topic, parse_topic, stored_subscription

# Retained messages in one go: the rest follows as these are acknowledged.
_RECEIVE_MAXIMUM = 1000
_NOT_AUTHORIZED = 0x87


@dataclass(frozen=True, slots=True)
class Target:
    """What to forget: a device, or with an empty `device` an agent with all of its devices."""

    site: str
    agent: str
    device: str = ""

    @classmethod
    def parse(cls, text: str) -> "Target":
        """`SITE/AGENT` or `SITE/AGENT/DEVICE`. Raises ValueError."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(NAME.fullmatch(part) for part in parts):
            raise ValueError(f"{text!r} is not SITE/AGENT or SITE/AGENT/DEVICE")
        return cls(*parts)

    def __str__(self) -> str:
        return "/".join(part for part in (self.site, self.agent, self.device) if part)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One retained document that was cleared, or would be: of a device, or the status of an agent."""

    target: str
    what: str
    """What a device says it is; `status online`, for example, of an agent."""


@dataclass(slots=True)
class Retained:
    """What the broker retains of one agent. `status` is None if there is none or it cannot be read."""

    devices: dict[str, str] = field(default_factory=dict)
    """Device names, each with what its document says it is."""
    stored: set[str] = field(default_factory=set)
    """Topics on which collectors say what they have stored of the agent."""
    has_status: bool = False
    status: Status | None = None

    def add(self, topic_text: str, payload: bytes) -> None:
        """Take note of one retained message."""
        try:
            topic = parse_topic(topic_text)
        except ContractError:
            return
        if topic.kind == "status" and payload:
            self.has_status = True
            try:
                self.status = decode(payload, Status)
            except ContractError:
                self.status = None
        elif topic.kind == "stored" and payload:
            self.stored.add(topic_text)
        elif topic.kind == "device" and payload:
            try:
                found = decode(payload, DeviceDocument)
                what = " ".join(part for part in (found.device_class, found.vendor, found.model, found.serial) if part)
            except ContractError as error:
                what = f"a document that breaks the contract: {error}"
            self.devices[topic.device] = "".join(each if each.isprintable() else "?" for each in what)


def account_options(broker: Broker) -> str:
    """The options that name another account, as this broker wants accounts: by password, or by certificate."""
    return "--username, --cert-file and --key-file" if broker.cert_file else "--username and --password"


class _Session:
    """One connection to read and clear retained messages with."""

    def __init__(self, broker: Broker, target: Target, *, is_collectors: bool) -> None:
        self.account = broker.account()
        self._options = account_options(broker)
        self._target = target
        self._retained = Retained()
        self._confirmed: dict[int, asyncio.Future[ReasonCode]] = {}
        self._resumed = False
        self._acknowledges = is_collectors
        # mosquitto can give an account one client id, so that this connection would take over the session of the running collector.
        # With the settings of the collector's own session nothing in it is lost by that.
        session = Session(SESSION_EXPIRY_S, _RECEIVE_MAXIMUM) if is_collectors else None
        callbacks = Callbacks(opened=self._opened, confirmed=self._puback, received=self._received)
        self.mqtt = MqttConnection(broker, f"rackflow-forget-{secrets.token_hex(6)}", callbacks, session=session)

    def check(self) -> None:
        """Raise RackflowError if this connection has taken the collector's place."""
        if self._resumed:
            raise RackflowError(
                f"the broker gives account {self.account} a single connection, which the collector uses;"
                f" give an operator's account with {self._options}"
            )

    async def retained(self) -> Retained:
        """What the broker retains of the agent."""
        self._retained = found = Retained()
        site, agent = self._target.site, self._target.agent
        status = build_topic(Topic(site, agent, "status"))
        refused = await self.mqtt.subscribe([f"{ROOT}/{site}/{agent}/device/+", stored_subscription(site, agent)])
        # MQTT does not say when all retained messages have come. But a broker answers in order: what it retains comes behind its answer to
        # the subscription, and before the answer to the next one. Once a whole round trip has brought nothing further, there is nothing.
        # (It sends the next ones as the former are acknowledged.)
        seen = -1
        while True:
            refused += await self.mqtt.subscribe([status])
            before, seen = seen, len(found.devices) + len(found.stored) + (1 if found.has_status else 0)
            if before == seen:
                break
        if refused:
            raise RackflowError(
                f"the broker refuses account {self.account} to read {site}/{agent}: {refused[0]};"
                f" give another account with {self._options}"
            )
        return found

    async def clear(self, topic: str) -> None:
        """Clear one retained message. Raises RackflowError if the broker refuses."""
        answered: asyncio.Future[ReasonCode] = asyncio.get_running_loop().create_future()
        mid, fault = self.mqtt.publish(topic, b"", retain=True)
        if fault:
            raise RackflowError(f"{topic} not sent: {fault}; try again")
        # The PUBACK cannot have come yet: it is read by this loop.
        self._confirmed[mid] = answered
        try:
            async with asyncio.timeout(self.mqtt.timeout_s):
                code = await answered
        except TimeoutError as error:
            raise RackflowError(
                f"the broker did not confirm {topic} in {self.mqtt.timeout_s:g} s; try again"
            ) from error
        if code.value == _NOT_AUTHORIZED:
            raise RackflowError(
                f"the broker's access list does not let account {self.account} write {topic};"
                f" give an operator's account with {self._options} (docs/how-to/retire.md)"
            )
        if code.is_failure:
            raise RackflowError(f"the broker refuses {topic}: {code}; its log says why")

    def _opened(self, limits: Limits) -> None:
        self._resumed = limits.session_present

    def _puback(self, mid: int, code: ReasonCode) -> None:
        if (waiting := self._confirmed.pop(mid, None)) is not None and not waiting.done():
            waiting.set_result(code)

    def _received(self, message: MQTTMessage) -> None:
        if self._resumed:
            return  # the collector's, which gets it again
        if message.retain:
            self._retained.add(topic_of(message), bytes(message.payload))
        if self._acknowledges and message.qos:
            self.mqtt.acknowledge(message.mid)


def account_of(broker: Broker, username: str | None, credentials: dict[str, object]) -> Broker:
    """The broker with another account. Raises ConfigError if the account is incomplete or wrong."""
    if username is None:
        if credentials:
            raise ConfigError(
                "--password, --cert-file and --key-file belong to an account; name the account with --username"
            )
        return broker
    kept = broker.model_dump(exclude={"username", "password", "cert_file", "key_file"})
    return check_config(kept | {"username": username} | credentials, Broker, "account on the command line")


async def forget(
    broker: Broker, target: Target, *, is_collectors: bool, dry_run: bool = False, force: bool = False
) -> list[Forgotten]:
    """Forget a device or an agent; returns the documents that were retained. With `dry_run` nothing is changed.

    `is_collectors` says that `broker` has the account of the running collector. Raises RackflowError if the broker refuses, or if a
    running agent would bring back what is forgotten (unless `force`).
    """
    session = _Session(broker, target, is_collectors=is_collectors)
    try:
        async with session.mqtt:
            session.check()
            return await _forget(session, target, dry_run=dry_run, force=force)
    except BrokerError as error:
        session.mqtt.drop()
        raise RackflowError(
            f"broker {broker.host}:{broker.port}, account {session.account}: {error}; `rackflow doctor` with this configuration says more"
        ) from error


async def _forget(session: _Session, target: Target, *, dry_run: bool, force: bool) -> list[Forgotten]:
    found = await session.retained()
    if not force and (alive := _still_alive(found, target)):
        raise RackflowError(alive)
    wanted = {name: what for name, what in sorted(found.devices.items()) if target.device in ("", name)}
    site, agent = target.site, target.agent
    documents = [Forgotten(f"{site}/{agent}/{name}", what) for name, what in wanted.items()]
    if not target.device and found.has_status:
        status = found.status.status if found.status is not None else "unreadable"
        documents.append(Forgotten(f"{site}/{agent}", f"status {status}"))
    if dry_run:
        return documents
    # Also where nothing is retained: a collector may know the device from its messages alone.
    names = wanted or ([target.device] if target.device else [])
    topics = [build_topic(Topic(site, agent, "device", name)) for name in names]
    if not target.device:
        # A running collector takes its own report back; one that is gone cannot.
        topics += [build_topic(Topic(site, agent, "status")), *sorted(found.stored)]
    with progress("documents", len(topics)) as done:
        for topic in topics:
            await session.clear(topic)
            done()
    left = await session.retained()
    if wanted.keys() & left.devices.keys() or (not target.device and left.has_status):
        raise RackflowError(
            f"{target} is there again: its agent still publishes it; stop the agent, or remove the device from its configuration,"
            " and try again"
        )
    return documents


def render_forgotten(documents: list[Forgotten], *, dry_run: bool, output: str) -> str:
    """The documents as lines for people, or as JSON or YAML for programs; without a newline at its end."""
    rows = [{"target": each.target, "what": each.what, "forgotten": not dry_run} for each in documents]
    if output != "table":
        return as_text(rows, output)
    verb = "would forget" if dry_run else "forgot"
    return "\n".join(f"{verb} {each.target}: {each.what}" for each in documents)


def nothing_retained(target: Target, broker: Broker) -> str:
    """What to look at if there was nothing to forget."""
    account = broker.account()
    return f"{target}: nothing is retained, or account {account} may not read it; check the spelling"


def _still_alive(found: Retained, target: Target) -> str:
    """Why it makes no sense to forget this now; empty if it does."""
    status = found.status
    if status is None or status.status != "online" or target.device not in ("", *status.devices):
        return ""
    what = "remove the device from its configuration" if target.device else "stop it"
    return (
        f"agent {target.site}/{target.agent} is online and would bring {target} back with its next poll; {what}, and try again"
        " (--force if the agent is gone and its status is wrong)"
    )
