"""The one tree of errors: what each part raises, and what a caller may catch."""


class RackflowError(Exception):
    """Root of every error that Rackflow raises on purpose."""


class ConfigError(RackflowError):
    """A configuration that cannot be used; the text names file, key and remedy."""


class ProfileError(RackflowError):
    """A device profile that is wrong, or none that fits; the text names the file and the place in it."""


class ContractError(RackflowError):
    """A document, series key or topic that breaks the wire contract.

    `reason` is a short stable word used as a metric label and in the dead-letter file.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason


class StoreError(RackflowError):
    """A store that could not take what it was given.

    `retryable` says whether the same write may succeed later; `retry_after_s` is the store's own advice.
    """

    def __init__(self, text: str, *, retryable: bool, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class DeviceError(RackflowError):
    """A device that did not give what it was asked for.

    `device` and `operation` say who and what; `kind` is the word that a failed batch carries in `error`.
    """

    kind = "protocol"

    def __init__(self, text: str, *, device: str = "", operation: str = "") -> None:
        super().__init__(text)
        self.device = device
        self.operation = operation

    def __str__(self) -> str:
        where = " ".join(part for part in (self.device, self.operation) if part)
        return f"{where}: {self.args[0]}" if where else str(self.args[0])


class DeviceTimeout(DeviceError, TimeoutError):
    """No answer within the time allowed."""

    kind = "timeout"


class DeviceUnreachable(DeviceError):
    """The network says that nobody is there: refused, no route, name unknown."""

    kind = "unreachable"


class DeviceAuthError(DeviceError):
    """The device refused the credentials."""

    kind = "auth"


class DeviceProtocolError(DeviceError):
    """An answer that breaks the protocol, or the device's own refusal of a request; `code` is Modbus's word for why, else 0."""

    kind = "protocol"
    code = 0


class DeviceDecodeError(DeviceError):
    """An answer that keeps the protocol but whose contents cannot be read."""

    kind = "decode"
