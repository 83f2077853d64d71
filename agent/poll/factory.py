"""Makes the poller of each device from the configuration. Modbus units behind one address share a link.

An agent keeps one factory for its whole life, across reloads: otherwise a reload would open a second connection to a gateway that may
accept only one.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping

from agent.config import AgentConfig, Credential, Device
from agent.modbus import ModbusClient, ModbusLinks, ModbusTarget, SunspecClient
from agent.poll.kept_detectors import KeptDetectors
from agent.poll.modbus import ModbusPoller
from agent.poll.own_rows import Place, units_beside, units_by_place
from agent.poll.plans import SharedPlans
from agent.poll.seam import DevicePoller
from agent.poll.snmp import SnmpPoller
from agent.profile import Profile
from agent.snmp import SnmpClient, SnmpClients, SnmpCommunity, SnmpTarget, SnmpUser
from rackflow.errors import ConfigError
from rackflow.process.resolve import Resolver

# How long to wait for one answer, unless the device's configuration says otherwise. SNMP cards are slow while they serve their web pages;
# with one retry, a silent one delays only its own task, by 4 s. Waiting longer for a Modbus unit would hold up all others on its link.
# Chosen values.
SNMP_TIMEOUT_S = 2.0
MODBUS_TIMEOUT_S = 1.0
# Used until the profile is known, which has its own limit. See SnmpTarget.max_varbinds.
DEFAULT_VARBINDS = 20
# How many profiles are named in place of an unknown one.
NEAREST = 3


class PollerFactory:
    """Makes pollers. All of one factory share their look-ups of names, Modbus pollers their links, SNMP pollers keys and engines."""

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        resolver: Resolver | None = None,
        kept: KeptDetectors | None = None,
    ) -> None:
        self.profiles = profiles
        self._kept = kept or KeptDetectors(None)
        resolver = resolver or Resolver()
        self._links = ModbusLinks(resolver)
        self.snmp_clients = SnmpClients(resolver=resolver)
        self.plans = SharedPlans()
        # The units behind each SNMP agent in one configuration, found once for all of its devices: looking through 3,000 devices for each
        # of them took a minute, and held the loop up for seconds at a time.
        self._units: tuple[AgentConfig | None, Mapping[Place, frozenset[int]]] = (None, {})

    def __call__(
        self,
        config: AgentConfig,
        device: Device,
        wrap_snmp: Callable[[SnmpClient], SnmpClient] = lambda client: client,
        wrap_modbus: Callable[[ModbusClient], ModbusClient] = lambda client: client,
    ) -> DevicePoller:
        """The poller, not yet opened. `wrap_snmp` and `wrap_modbus` may put a wrapper between the poller and its client.

        Raises ConfigError if the device's profile does not exist or is of another protocol.
        """
        check_profile(self.profiles, device)
        if device.protocol == "modbus":
            link = self._links.acquire(modbus_target(device, self.profiles))
            profile = self.profiles[device.profile].loaded()
            unit = wrap_modbus(link)
            shown = SunspecClient(unit) if profile.modbus.sunspec else unit
            detectors = self._kept.of(device.id)
            return ModbusPoller(
                device, profile, shown, plans=self.plans, connections=link.connections, detectors=detectors
            )
        target = snmp_target(config, device)
        client = self.snmp_clients(target, device.engine or config.engine)
        beside = units_beside(device, self._units_of(config))
        detectors = self._kept.of(device.id)
        return SnmpPoller(
            device, self.profiles, wrap_snmp(client), plans=self.plans, beside=beside, detectors=detectors
        )

    def _units_of(self, config: AgentConfig) -> Mapping[Place, frozenset[int]]:
        if self._units[0] is not config:
            self._units = config, units_by_place(config)
        return self._units[1]


def unknown_profile(name: str, profiles: Iterable[str]) -> str:
    """What to say of a profile that does not exist: the three with the nearest names. All of them would hide the answer."""
    known = {each.casefold(): each for each in profiles}
    near = difflib.get_close_matches(name.casefold(), known, n=NEAREST, cutoff=0.4)
    # A vendor's name alone is far from each of its families' names.
    near += [each for each in known if any(word in each for word in name.casefold().split("-") if len(word) > 2)]  # noqa: PLR2004
    names = [known[each] for each in dict.fromkeys(near)][:NEAREST]
    hint = f"the nearest are {', '.join(names)}; " if names else ""
    return f"{name!r} is not known; {hint}`rackflow profiles` lists all"


def check_profile(profiles: Mapping[str, Profile], device: Device) -> None:
    """Raises ConfigError if the device's profile is unknown or of another protocol, ProfileError if it is faulty."""
    if device.profile == "auto":
        return
    profile = profiles.get(device.profile)
    if profile is None:
        raise ConfigError(f"device {device.id!r}: profile: {unknown_profile(device.profile, profiles)}")
    if profile.protocol != device.protocol:
        raise ConfigError(
            f"device {device.id!r}: profile: {device.profile!r} speaks {profile.protocol}; set `protocol: {profile.protocol}`"
        )
    profile.loaded()


def credential_of(credential: Credential) -> SnmpCommunity | SnmpUser:
    """The credential in the form that the SNMP engines take."""
    if credential.version == "3":
        return SnmpUser(
            user=credential.user or "",
            auth=credential.auth,
            auth_key=credential.auth_key.get_secret_value() if credential.auth_key else "",
            priv=credential.priv,
            priv_key=credential.priv_key.get_secret_value() if credential.priv_key else "",
            context=credential.context,
        )
    return SnmpCommunity(credential.version, credential.community.get_secret_value() if credential.community else "")


def snmp_target(config: AgentConfig, device: Device) -> SnmpTarget:
    """Address and request settings of the device before its profile is known; the profile may change the object limit later."""
    return SnmpTarget(
        device=device.id,
        host=device.host or "",
        port=device.used_port,
        credential=credential_of(config.credentials[device.credential or ""]),
        timeout_s=device.timeout_s or SNMP_TIMEOUT_S,
        retries=device.retries,
        max_varbinds=device.max_varbinds or DEFAULT_VARBINDS,
    )


def modbus_target(device: Device, profiles: Mapping[str, Profile]) -> ModbusTarget:
    """The Modbus link of the device."""
    return ModbusTarget(
        transport=device.transport,
        host=device.host or "",
        port=device.used_port,
        serial=device.serial or "",
        baudrate=device.baudrate,
        parity=device.parity,
        stopbits=device.stopbits,
        timeout_s=device.timeout_s or MODBUS_TIMEOUT_S,
        pause_s=profiles[device.profile].modbus.pause_s,
        accepts=frozenset(device.accept_answers),
    )
