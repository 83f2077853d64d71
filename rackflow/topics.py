"""Builds and parses the MQTT topics of wire contract version 1.

Site and agent come before the kind, so that a broker's access list can give each agent one subtree.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from rackflow.errors import ContractError

Kind = Literal["batch", "event", "device", "status", "stored", "lease"]

# The version is part of every topic, so that a later contract can be published beside this one.
ROOT = "rackflow/v1"
# Collectors with `shared: true` use this group; the broker gives each message to one of them.
SHARED_GROUP = "rackflow"
# Excludes `/`, `+`, `#` and `$`, which are special in MQTT. All characters are also allowed in label values (series.py).
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
"""Valid names of sites, agents, devices and collectors: each is a topic level, and most are label values."""
# No agent may have these names. A broker's pattern `rackflow/v1/ACCOUNT/batch/+` also allows an account that is named like a site, and
# not SITE/AGENT, to write `rackflow/v1/SITE/batch/status`: the status of an agent called "batch".
RESERVED_AGENTS = frozenset({"batch", "event", "device", "status", "stored", "lease"})


DOCTOR_DEVICE: Final = "rackflow-doctor"
"""No device is called so. `doctor` writes empty messages about it, to see whether an account may; receivers ignore them."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `device` is empty for `status`, `lease` and `stored`, `collector` is given for `stored` only."""

    site: str
    agent: str
    kind: Kind
    device: str = ""
    collector: str = ""


def build_topic(topic: Topic) -> str:
    """The topic as text. Raises ContractError if a name is not allowed."""
    for name in (topic.site, topic.agent):
        if not NAME.fullmatch(name):
            raise ContractError("topic", f"{name!r} is not a valid site or agent name")
    if topic.agent in RESERVED_AGENTS:
        raise ContractError("topic", f"{topic.agent!r} is a level of topics and no name of an agent")
    prefix = f"{ROOT}/{topic.site}/{topic.agent}"
    if topic.kind in {"status", "lease"}:
        if topic.device:
            raise ContractError("topic", f"a {topic.kind} topic has no device")
        return f"{prefix}/{topic.kind}"
    what, last = ("collector", topic.collector) if topic.kind == "stored" else ("device", topic.device)
    if not NAME.fullmatch(last):
        raise ContractError("topic", f"{last!r} is not a valid {what} name")
    return f"{prefix}/{topic.kind}/{last}"


def parse_topic(text: str) -> Topic:
    """The inverse of `build_topic`. Raises ContractError if the text is not such a topic."""
    levels = text.split("/")
    if len(levels) < 5 or "/".join(levels[:2]) != ROOT or not all(NAME.fullmatch(level) for level in levels[2:]):  # noqa: PLR2004
        raise ContractError("topic", f"{text[:200]!r} is not a topic of {ROOT}")
    site, agent, kind, *rest = levels[2:]
    if agent in RESERVED_AGENTS:
        raise ContractError("topic", f"{text[:200]!r} names an agent {agent!r}, which is a level of topics")
    match kind, rest:
        case ("status" | "lease") as known, []:
            return Topic(site, agent, known)
        case ("batch" | "event" | "device") as known, [device]:
            return Topic(site, agent, known, device)
        case "stored", [collector]:
            return Topic(site, agent, "stored", collector=collector)
    raise ContractError("topic", f"{text[:200]!r} is not a topic of {ROOT}")


def subscription(site: str = "+", kind: str = "+") -> str:
    """The subscription filter for one kind of topic (`batch`, `event`, `device`, `status`), of one site or of all."""
    return f"{ROOT}/{site}/+/status" if kind == "status" else f"{ROOT}/{site}/+/{kind}/+"


def stored_subscription(site: str, agent: str) -> str:
    """The only filter that an agent subscribes to: what collectors say is durable of its own messages."""
    return f"{ROOT}/{site}/{agent}/stored/+"
