"""All of Rackflow's error classes. Errors of third-party libraries are translated into these where the library is called.

Only errors that were foreseen derive from RackflowError: a command prints them as one line, and anything else as a traceback.
"""


class RackflowError(Exception):
    """Root of every error that Rackflow raises on purpose."""


class ConfigError(RackflowError):
    """The configuration cannot be used; the text names file, key and remedy."""


class ProfileError(RackflowError):
    """A device profile is wrong, or none fits the device; the text names the file and the line."""


class ContractError(RackflowError):
    """A document, series key or topic that breaks the wire contract.

    `reason` is a short word that stays the same between versions: it is a metric label and stands in the dead-letter file.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason


# Also the standard OSError, so that libraries which are given our resolver treat it like a failure of their own.
class ResolveError(RackflowError, OSError):
    """A host name for which there is no address, or none in time; the text names it."""


class StoreError(RackflowError):
    """A store did not accept a write.

    `retryable` says whether the same write may succeed later; `retry_after_s` is the wait in seconds that the store asked for.
    """

    def __init__(self, text: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class DeviceError(RackflowError):
    """A device did not return what it was asked for.

    `device` and `operation` say which device and which request; `kind` is the word in the field `error` of a failed batch.
    """

    kind = "protocol"

    def __init__(self, text: str, *, device: str = "", operation: str = "") -> None:
        super().__init__(text)
        self.device = device
        self.operation = operation

    def __str__(self) -> str:
        where = " ".join(part for part in (self.device, self.operation) if part)
        return f"{where}: {self.args[0]}" if where else str(self.args[0])


# Also the standard TimeoutError, so that a caller of a client can treat all deadlines alike.
class DeviceTimeout(DeviceError, TimeoutError):
    """No answer within the time allowed."""

    kind = "timeout"


class DeviceNotConnected(DeviceTimeout):
    """No TCP connection within the time allowed: somebody drops the packets, or nobody has the address. Nothing was asked yet."""


class DeviceIgnoresUser(DeviceTimeout):
    """The device answered the search for its SNMPv3 engine, so it is there, but then no request of this user."""


class DeviceUnreachable(DeviceError):
    """The network reported that the device cannot be reached: connection refused, no route, or unknown host name."""

    kind = "unreachable"


class DeviceAuthError(DeviceError):
    """The device refused the credentials."""

    kind = "auth"


class DeviceProtocolError(DeviceError):
    """An answer that breaks the protocol, or the device's refusal of a request.

    `code` is the Modbus exception code, 0 if there is none. `is_short`: it gave fewer registers than it was asked for.
    """

    kind = "protocol"
    code = 0
    is_short = False


class DeviceDecodeError(DeviceError):
    """An answer that is valid in the protocol but whose contents cannot be read."""

    kind = "decode"


class DeviceInternalError(DeviceError):
    """A fault of our own while a device was handled: an exception that nobody foresaw, caught at the device's barrier, or a profile's."""

    kind = "internal"
