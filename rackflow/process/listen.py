"""An address to listen on, as a configuration has it: `host:port`."""

from typing import Final

from rackflow.process.hosts import checked_host

MAX_PORT: Final = 65535


def checked_listen(value: str, example: str) -> str:
    """The value, if it is `host:port`; raises ValueError that says what is wrong, with this example."""
    # From the right, because an IPv6 address contains colons itself: [::1]:9420.
    host, colon, port = value.rpartition(":")
    if host in {"", "*"} and colon:
        raise ValueError(f"must be host:port; for all addresses of this machine write 0.0.0.0:{port} or '[::]:{port}'")
    if "://" in value or "/" in value:
        raise ValueError(f"is an address of a web page; write host:port, for example {example}")
    if not host or not colon or not (port.isascii() and port.isdigit()) or int(port) > MAX_PORT:
        raise ValueError(f"must be host:port, for example {example}")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError(f"needs brackets around an IPv6 address; write '[{host}]:{port}'")
    checked_host(host)
    return value


def host_and_port(listen: str) -> tuple[str, int]:
    """Host and port of a checked value. Port 0 lets the system choose a free one."""
    host, _, port = listen.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
