"""The checks of `doctor` for agent and collector: secrets, names, clock, descriptors, the broker. Each finding says what to do.

Those of disks are in `doctor_disks.py`.

Checks change nothing, except where their docstring says so. A check that cannot be made (no permission, another operating system) is left
out: what was not observed is neither good nor bad.
"""

import asyncio
import contextlib
import ctypes
import platform
import resource
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rackflow.errors import ConfigError, ResolveError
from rackflow.plural import count_of, first_of
from rackflow.process.broker import Broker, what_to_check
from rackflow.process.certificates import Certificate
from rackflow.process.machine_output import as_text
from rackflow.process.mqtt import BrokerError, Callbacks, Limits, MqttConnection, MQTTMessage, ReasonCode, Session
from rackflow.process.resolve import Resolver
from rackflow.process.secret import has_secret
from rackflow.process.stopping import stop_tasks
from rackflow.process.unset_clock import REMEDY, date_of, is_unset
from rackflow.process.within import within
from rackflow.process.yaml import read_text_file
from rackflow.topics import DOCTOR_DEVICE
from rackflow.version import installed_version

Status = Literal["ok", "warning", "failed"]
# What adjtimex(2) returns when nothing disciplines the clock, and room for its structure, whose length depends on the system.
TIME_ERROR = 5
TIMEX_BYTES = 1024
NOT_AUTHORIZED = 0x87
# As long before the end of a certificate as DcimCertificateExpires.
CERTIFICATE_S = 14 * 86_400.0
# Checks that the last line names. Chosen value.
SHOWN_CHECKS = 5
# How long a retained document may take after the subscription to it. A broker sends them at once. Chosen value.
HEAR_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it looked at, how it went, what it found, and what to do (empty where there is nothing to do)."""

    check: str
    status: Status
    found: str
    remedy: str = ""


def render_findings(findings: Sequence[Finding], output: str) -> str:
    """The findings as a table for people, JSON or YAML."""
    rows = [asdict(finding) for finding in findings]
    if output != "table":
        return as_text(rows, output)
    lines = []
    width = max((len(finding.check) for finding in findings), default=0)
    for finding in findings:
        # What a device's silence may mean has several lines, each of which is a thing to look at.
        texts = [*finding.found.split("\n"), *(f"-> {line}" for line in finding.remedy.split("\n") if line)]
        lines.append(f"{finding.status:<7}  {finding.check:<{width}}  {texts[0]}")
        lines += [f"{'':<7}  {'':<{width}}  {line}" for line in texts[1:]]
    warnings, failed = ([each.check for each in findings if each.status == status] for status in ("warning", "failed"))
    ok = len(findings) - len(warnings) - len(failed)
    lines.append(
        f"{ok} ok, {count_of(len(warnings), 'warning')}{_named(warnings)}, {len(failed)} failed{_named(failed)}"
    )
    return "\n".join(lines)


def _named(checks: Sequence[str]) -> str:
    """The first of these checks: those of two hundred devices above the last line have scrolled away."""
    return f" ({first_of(checks, SHOWN_CHECKS)})" if checks else ""


def check_versions() -> Finding:
    """Which versions these are, for whoever is asked for help."""
    python = ".".join(map(str, sys.version_info[:3]))
    return Finding("versions", "ok", f"rackflow {installed_version()}, Python {python}, {platform.platform()}")


def check_secrets(path: Path) -> Finding | None:
    """Whether others can read a file that has secrets in it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o004:
        return Finding("permissions", "ok", f"{path} cannot be read by everybody ({mode:o})")
    if not has_secret(read_text_file(path)):
        return Finding("permissions", "ok", f"{path} has no secret of its own")
    return Finding(
        "permissions",
        "failed",
        f"{path} has secrets in it and can be read by everybody ({mode:o})",
        f"chmod 640 {path}, and let its group be that of the service; or write secrets as env:NAME",
    )


def check_certificates(certificates: Iterable[Certificate]) -> Finding | None:
    """Whether a certificate with which this side works ends soon, as DcimCertificateExpires has it. None without any."""
    first = min(certificates, key=lambda each: each.expires_s, default=None)
    if first is None:
        return None
    left_s = first.expires_s - time.time()
    status: Status = "ok" if left_s > CERTIFICATE_S else "warning" if left_s > 0 else "failed"
    verb = "ends" if left_s > 0 else "ended"
    found = f"{first.subject} {verb} {date_of(first.expires_s)}"
    return Finding("certificates", status, found, "" if status == "ok" else "renew it (docs/how-to/broker.md, Renew)")


async def check_names(hosts: Iterable[str], resolver: Resolver) -> list[Finding]:
    """Whether every host name has an address."""
    names = sorted(set(hosts))
    faults: dict[str, str] = {}

    async def resolve(name: str) -> None:
        try:
            await resolver.addresses(name)
        except ResolveError as error:
            faults[name] = str(error)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(resolve(name), name=f"resolve {name}")
    good = [Finding("names", "ok", _addressed(len(names) - len(faults)))] if len(faults) < len(names) else []
    remedy = "correct the name, or the DNS server in /etc/resolv.conf; an address in its place needs no DNS"
    return [*good, *(Finding("names", "failed", fault, remedy) for _, fault in sorted(faults.items()))]


def _addressed(hosts: int) -> str:
    return f"{count_of(hosts, 'host')} {'has' if hosts == 1 else 'have'} an address"


def check_clock() -> Finding | None:
    """Whether the clock was set and something disciplines it; readings are stored under its time."""
    if is_unset(now_s := time.time()):
        return Finding("clock", "failed", f"says {date_of(now_s)}, so it was never set", REMEDY)
    adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
    if adjtimex is None:
        return None
    # Zeros as modes: it only reads.
    state = adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    if state < 0:
        return None
    if state == TIME_ERROR:
        what = "nothing synchronises the clock; every reading is stored under its time"
        return Finding("clock", "warning", what, "enable chrony or systemd-timesyncd, and see `timedatectl`")
    return Finding("clock", "ok", "synchronised")


def check_descriptors(needed: int) -> Finding:
    """Whether as many files can be open at a time as there are connections."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= needed:
        shown = "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard:,}"
        return Finding("descriptors", "ok", f"{shown}, about {needed:,} needed")
    return Finding(
        "descriptors",
        "failed",
        f"at most {hard:,} files can be open, about {needed:,} are needed",
        "raise LimitNOFILE in the unit, or `ulimit -Hn` in the shell",
    )


@dataclass(frozen=True, slots=True)
class Listener:
    """Receives the retained messages of a topic before the check closes its connection."""

    topic: str
    received: Callable[[bytes], bool]
    """Takes a message; returns whether it was enough."""
    hung_up: Callable[[], None]
    """Called if the connection ended meanwhile, as where another client of this account has connected."""


async def check_broker(
    broker: Broker,
    *,
    session: Session | None = None,
    writes: Sequence[str] = (),
    reads: str = "",
    listener: Listener | None = None,
    stored: str = "",
) -> list[Finding]:
    """Whether the broker takes the account, and lets it write topics (an empty message) or read a filter.

    `listener` uses the same connection: where a broker gives each account one client, each further one would end the running agent's.
    `session` must be that of the collector for its account: a broker that gives each account one client id would otherwise end the
    running collector's session, and what waits in it. `stored` is the filter of what collectors say to an agent of this account.
    """
    where = f"{broker.host}:{broker.port}, account {broker.account()}"
    confirmed: asyncio.Queue[ReasonCode] = asyncio.Queue()
    granted: list[Limits] = []

    heard, reported = asyncio.Event(), asyncio.Event()

    def received(message: MQTTMessage) -> None:
        if stored and message.topic.startswith(stored.removesuffix("+")):
            reported.set()
        elif listener is None or listener.received(bytes(message.payload)):
            heard.set()

    callbacks = Callbacks(
        opened=granted.append, confirmed=lambda _, code: confirmed.put_nowait(code), received=received
    )
    findings: list[Finding] = []
    try:
        connection = MqttConnection(broker, f"rackflow-doctor-{secrets.token_hex(6)}", callbacks, session=session)
        async with connection as mqtt:
            findings.append(Finding("broker", "ok", f"{where}: connected; {_limits(granted[-1])}"))
            if writes:
                findings += await _check_writes(mqtt, confirmed, broker.timeout_s, writes)
            # In the session of a running collector nothing may be subscribed: it has its own filters.
            if reads and not granted[-1].session_present:
                findings.append(await _check_read(mqtt, heard, reads))
            is_well = all(each.status == "ok" for each in findings)
            if listener is not None and is_well:
                await _listen(mqtt, heard, listener)
            # Last, because some brokers end the connection of a client that publishes without permission.
            # Where each account has one client, the running agent may end this one at any moment: then nothing is said of it.
            if stored and is_well and mqtt.is_open:
                with contextlib.suppress(*BrokerError):
                    findings += present(await _check_stored(mqtt, confirmed, reported, broker, stored))
    except (*BrokerError, ConfigError, OSError) as error:
        usual = "check host, port, TLS and account in `broker`, and that the broker runs and speaks MQTT 5"
        findings.append(Finding("broker", "failed", f"{where}: {error}", what_to_check(str(error)) or usual))
    return findings


async def _check_writes(
    mqtt: MqttConnection, confirmed: asyncio.Queue[ReasonCode], timeout_s: float, topics: Sequence[str]
) -> list[Finding]:
    """The topics that the account may not write; or that it may write all of them. They are those of one agent."""
    tried = [await _check_write(mqtt, confirmed, timeout_s, topic) for topic in topics]
    failed = [each for each in tried if each is not None]
    # rackflow/v1/SITE/AGENT/KIND/DEVICE
    kinds = ", ".join(f"{topic.split('/')[-2]}/+" for topic in topics)
    may = f"the account may write {kinds} below {topics[0].rsplit('/', 2)[0]}/"
    return failed or [Finding("broker rights", "ok", may)]


def _limits(granted: Limits) -> str:
    """What the broker says of its limits. How many messages it keeps for a client that is away, MQTT does not say."""
    most = granted.receive_maximum
    number = "any number of unconfirmed messages" if most is None else count_of(most, "unconfirmed message")
    size = "any size" if granted.packet_bytes is None else f"up to {granted.packet_bytes:,} bytes"
    return f"it takes {number} at a time, of {size}"


async def _listen(mqtt: MqttConnection, heard: asyncio.Event, listener: Listener) -> None:
    if await mqtt.subscribe([listener.topic]):
        return
    await _wait_for(heard, mqtt)
    if not mqtt.is_open:
        listener.hung_up()


async def _wait_for(message: asyncio.Event, mqtt: MqttConnection) -> None:
    """Wait for a message, until the connection ends, and for HEAR_S at most."""
    waiting = [
        asyncio.create_task(message.wait(), name="doctor-message"),
        asyncio.create_task(mqtt.lost(), name="doctor-lost"),
    ]
    with contextlib.suppress(TimeoutError):
        async with within(HEAR_S):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await stop_tasks(*waiting, within_s=HEAR_S)


async def _check_stored(
    mqtt: MqttConnection,
    confirmed: "asyncio.Queue[ReasonCode]",
    reported: asyncio.Event,
    broker: Broker,
    topics: str,
) -> Finding | None:
    """Whether an agent may read what collectors say to it; None if the connection ended meanwhile.

    Without that it takes the broker's word: what that loses afterwards is lost. Where a collector has reported before, or is required, it
    keeps everything instead, until its outbox is full.

    A collector's report, which is retained, shows it. Before there is one, an account that may write there, too (its access list is wider
    than the shipped one), gets an empty message back or may not read.
    """
    remedy = (
        f"let it read: `topic read {topics}` below `user {broker.username or 'NAME'}` in mosquitto's access list, or the line"
        " `pattern read rackflow/v1/%u/stored/+` of deploy/mosquitto/rackflow.acl"
    )
    denied = Finding(
        "broker rights",
        "failed",
        f"the account may not read {topics}: no collector can tell the agent what is stored. It forgets messages that the broker confirmed,"
        " and does not send again what that loses; where a collector has reported before, its outbox fills up",
        remedy,
    )
    if await mqtt.subscribe([topics]):
        return denied
    _, fault = mqtt.publish(topics.removesuffix("+") + DOCTOR_DEVICE, b"", retain=False)
    await _wait_for(reported, mqtt)
    if reported.is_set():
        return Finding("broker rights", "ok", f"the account may read {topics}, by which collectors free the outbox")
    if not fault and not confirmed.empty() and not confirmed.get_nowait().is_failure:
        return denied
    if not mqtt.is_open:
        return None
    why = f"nothing comes from {topics}: no collector has stored anything of this agent yet, or the access list keeps it from the account"
    return Finding("broker rights", "warning", why, f"start a collector and ask again, or {remedy}")


async def check_echo(broker: Broker, topic: str) -> list[Finding]:
    """Check that an account may publish to a topic and receives its own message there, as the lease of a pair requires.

    The message is empty and not retained.

    A broker that filters what it delivers grants every subscription, so only an echo shows that the account may read.
    """
    check, remedy = (
        "lease",
        f"let the account {broker.account()} read and write {topic} in the broker's access list",
    )
    codes: asyncio.Queue[ReasonCode] = asyncio.Queue()
    heard = asyncio.Event()

    def received(message: MQTTMessage) -> None:
        if not message.payload:
            heard.set()

    callbacks = Callbacks(opened=lambda _: None, confirmed=lambda _, code: codes.put_nowait(code), received=received)
    try:
        async with MqttConnection(broker, f"rackflow-doctor-{secrets.token_hex(6)}", callbacks) as mqtt:
            if refused := await mqtt.subscribe([topic]):
                return [Finding(check, "failed", f"the account may not read {topic}: {refused[0]}", remedy)]
            mqtt.publish(topic, b"", retain=False)
            async with within(broker.timeout_s):
                code = await codes.get()
            if code.is_failure:
                return [Finding(check, "failed", f"the account may not write {topic}: {code}", remedy)]
            async with within(broker.timeout_s):
                await heard.wait()
    except TimeoutError:
        return [Finding(check, "failed", f"what the account writes to {topic} does not come back", remedy)]
    except (*BrokerError, ConfigError, OSError) as error:
        return [Finding(check, "failed", f"{broker.host}:{broker.port}: {error}", _remedy_of_pair(str(error)))]
    return [Finding(check, "ok", f"the account may read and write {topic}")]


def _remedy_of_pair(fault: str) -> str:
    # Where the broker takes account for client id, a second connection with this one ends the first.
    account = (
        "check the account in `pair`; each machine needs one of its own where the broker takes it for the client id"
    )
    remedy = what_to_check(fault)
    return remedy if remedy and "broker.username" not in remedy else account


async def _check_write(
    mqtt: MqttConnection, confirmed: "asyncio.Queue[ReasonCode]", timeout_s: float, topic: str
) -> Finding | None:
    """Why a topic cannot be written; None if it can."""
    # Only an agent's documents about its devices are retained; clearing that of no device changes nothing.
    _, fault = mqtt.publish(topic, b"", retain="/device/" in topic)
    if fault:
        return Finding("broker rights", "failed", f"{topic} cannot be sent: {fault}", "try again")
    try:
        async with within(timeout_s):
            code = await confirmed.get()
    except TimeoutError:
        return Finding(
            "broker rights", "failed", f"{topic} was not confirmed in {timeout_s:g} s", "look at the broker's log"
        )
    if code.value == NOT_AUTHORIZED:
        remedy = "let the account write rackflow/v1/SITE/AGENT/# in the broker's access list"
        return Finding("broker rights", "failed", f"the account may not write {topic}", remedy)
    if code.is_failure:
        return Finding("broker rights", "failed", f"the broker refuses {topic}: {code}", "look at the broker's log")
    return None


async def _check_read(mqtt: MqttConnection, heard: asyncio.Event, topics: str) -> Finding:
    refused = await mqtt.subscribe([topics])
    remedy = "let the account read rackflow/v1/# in the broker's access list"
    if refused:
        return Finding("broker rights", "failed", f"the account may not read {topics}: {refused[0]}", remedy)
    try:
        # A broker that filters what it delivers grants every subscription, so only a message shows that the account may read.
        async with within(HEAR_S):
            await heard.wait()
    except TimeoutError:
        why = f"nothing comes from {topics}: no agent has connected yet, or the access list keeps it from the account"
        return Finding("broker rights", "warning", why, f"start an agent, or {remedy}")
    finally:
        await mqtt.unsubscribe([topics])
    return Finding("broker rights", "ok", f"the account may read {topics}")


def exit_status(findings: Iterable[Finding]) -> int:
    """0, or 1 if anything failed; a warning is no failure."""
    return int(any(finding.status == "failed" for finding in findings))


def present(*findings: Finding | None) -> Iterator[Finding]:
    """The checks that could be made."""
    return (finding for finding in findings if finding is not None)
