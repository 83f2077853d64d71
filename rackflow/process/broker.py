"""The configuration section for the MQTT broker, shared by agent and collector; its addresses, and what its TLS alerts mean."""

import ssl
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from rackflow.errors import ConfigError
from rackflow.process.certificates import Certificate, authorities_of, read_certificates
from rackflow.process.config import FaultAt, Host, Secret, StrictModel, line_with
from rackflow.process.files import is_absent, mode_of
from rackflow.process.paths import FilePath, PlainText
from rackflow.process.resolve import Resolver

Port = Annotated[int, Field(ge=1, le=65535)]

# TLS alerts about a client's certificate (RFC 8446, 6.2) as OpenSSL names them, and what to do.
TLS_ALERTS = {
    "ALERT_CERTIFICATE_EXPIRED": "it has expired; renew cert_file",
    "ALERT_CERTIFICATE_REVOKED": "it was revoked; cert_file must be a new one",
    "ALERT_UNKNOWN_CA": "the broker does not know who issued it; cert_file must be issued by the broker's authority",
    "CERTIFICATE_REQUIRED": "it wants one; set cert_file and key_file",
    "ALERT_UNSUPPORTED_CERTIFICATE": "it is not one for clients; cert_file must allow client authentication",
    "ALERT_BAD_CERTIFICATE": "it is damaged or unsuitable; check cert_file",
    "ALERT_HANDSHAKE_FAILURE": "the handshake failed; set cert_file and key_file, and compare TLS versions",
}

# Signs in OpenSSL's errors about files, and what to do; they alone say neither which file nor what is wrong with it.
CERTIFICATE_FILES = {
    "KEY_VALUES_MISMATCH": "key_file is not the key of cert_file; give the two that were made together",
    "NO_CERTIFICATE_OR_CRL_FOUND": "ca_file has no certificate in it; give the authority's certificate (PEM)",
    "PEM LIB": "cert_file must have a certificate and key_file its key, both as PEM; see whether they are exchanged",
    "PERMISSION DENIED": "the account that runs this must be able to read the files",
}

# What the remedies call the account of a connection; `remedy_for` names other keys in its place.
ACCOUNT_KEYS = "broker.username and broker.password"
# Signs in the words about a connection that was not made, in lower case, and what to check; the words alone name no remedy.
REMEDIES = (
    (
        "connection reset by peer",
        "see whether broker.port is that of an MQTT 5 broker, and speaks TLS exactly if broker.tls is true",
    ),
    ("connection refused", "check broker.host and broker.port, and that the broker runs and listens on that address"),
    ("no connection within", "check broker.host and broker.port, and that no firewall drops packets on the way"),
    # aiomqtt's error for a broker that accepts the connection and does not answer CONNECT; also the socket's if nothing accepts it.
    (
        "operation timed out",
        "see whether broker.port is that of an MQTT 5 broker, and whether broker.tls must be set",
    ),
    ("timed out", "check broker.host and broker.port, and that no firewall drops packets on the way"),
    ("no route to host", "check broker.host, and this machine's route to it"),
    ("network is unreachable", "check broker.host, and this machine's network"),
    # OpenSSL's reasons (X509_verify_cert_error_string) stand behind "certificate verify failed". The general one is the last.
    ("certificate has expired", "renew the broker's certificate, or set this machine's clock"),
    (
        "certificate is not yet valid",
        "set this machine's clock, or that of the machine that made the broker's certificate",
    ),
    (
        "mismatch, certificate is not valid for",
        "set broker.host to a name or address that the broker's certificate has",
    ),
    ("certificate purpose", "the broker shows a certificate that is not for a server: correct its certfile"),
    ("certificate verify failed", "set broker.ca_file to the authority of the broker's certificate"),
    ("wrong_version_number", "this port does not speak TLS: set broker.tls: false, or broker.port to its port for TLS"),
    (
        "has not answered connect",
        "see whether broker.port is that of an MQTT 5 broker, and whether broker.tls must be set",
    ),
    # A web server there says "HTTP/1.1 400 Bad Request", whose first octet is no packet that a broker sends.
    (
        "sent what is not for a client",
        "see whether broker.port is that of an MQTT 5 broker: something else answers there",
    ),
    ("bad user name or password", f"check {ACCOUNT_KEYS}"),
    ("not authorized", f"check {ACCOUNT_KEYS}, and the broker's access list for this account"),
)


class _CertificateFileError(ConfigError):
    """A certificate file cannot be used. `key` of the section `broker` names it."""

    def __init__(self, why: str, key: str) -> None:
        super().__init__(f"broker: a certificate file cannot be used: {why}")
        self.why, self.key = why, key


class Broker(StrictModel):
    """The MQTT broker."""

    host: Host = "127.0.0.1"
    """Address or host name."""
    port: Port = 1883
    """TCP port."""
    username: PlainText | None = None
    """Account at the broker."""
    password: Secret | None = None
    """Its password. `env:NAME`, `file:PATH` and `credential:NAME` say where it is."""
    tls: bool = False
    """Connect with TLS and verify the broker's certificate."""
    ca_file: FilePath | None = None
    """Certificate authority to trust; the system's when left out."""
    cert_file: FilePath | None = None
    """Client certificate; with it the broker needs no user name and password."""
    key_file: FilePath | None = None
    """Private key of the client certificate, without a pass phrase."""
    # At most 30 s. The broker declares a silent client dead after 1.5 times as long (MQTT 5, 3.1.2.10), and a link
    # that fails silently is noticed here after at most twice as long. During that time an agent's devices look alive. With 6 s the
    # death of an agent's host is reported within 20 s: 9 s here, 10 s for which DcimAgentDown must hold.
    keepalive_s: Annotated[int, Field(ge=5, le=30)] = 6
    """Seconds between signs of life; the broker declares a silent client dead after 1.5 times as long."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Seconds to wait for a connection or an acknowledgement."""

    @model_validator(mode="after")
    def _complete(self) -> "Broker":
        if self.username == "":
            raise FaultAt("is empty; write the account's name, or remove it if the broker needs none", "username")
        if self.password is not None and not self.password.get_secret_value():
            raise FaultAt("is empty; give the account's password, or remove it if it needs none", "password")
        if self.password is not None and self.username is None:
            # MQTT 5 allows a password alone; with mosquitto it is a mistake.
            raise ValueError("password needs a username; add it")
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("ca_file, cert_file and key_file belong to TLS; set tls: true")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs a cert_file; add it")
        return self

    def tls_context(self) -> ssl.SSLContext | None:
        """TLS settings, or None for plain TCP. Raises ConfigError if a certificate file cannot be used."""
        if not self.tls:
            return None
        for key, path in (("ca_file", self.ca_file), ("cert_file", self.cert_file), ("key_file", self.key_file)):
            # A pipe in its place would block the event loop until somebody writes into it. And OpenSSL does not say which file is missing.
            if path is None or stat.S_ISREG(mode_of(path)):
                continue
            if is_absent(path):
                raise _CertificateFileError(f"{path} does not exist; correct the path", key)
            if mode_of(path):
                raise _CertificateFileError(f"{path} is not a regular file; correct the path", key)
            # The folder is one that only root may enter, as that of certbot.
            why = "cannot be looked at; the account that runs this must be able to enter its folder and to read it"
            raise _CertificateFileError(f"{path} {why}", key)
        key = "ca_file"
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            context.sslsocket_class = _ClosedOnFailure
            if self.cert_file:
                key = "cert_file"
                context.load_cert_chain(self.cert_file, self.key_file, password=_refuse_passphrase)
        except OSError as error:
            raise _CertificateFileError(explain_certificate_files(error), key) from error
        return context

    def check_files(self, config: Path, section: str = "broker") -> None:
        """Raises ConfigError with the line in this section of the configuration if a certificate file cannot be used."""
        try:
            self.tls_context()
        except _CertificateFileError as error:
            where = line_with(config, f"{section}.{error.key}")
            raise ConfigError(f"{where}: {section}: a certificate file cannot be used: {error.why}") from error

    def certificates(self) -> tuple[Certificate, ...]:
        """Those with which this side logs in, as the file has them now: the next connection is made with them. Blocks."""
        return read_certificates(self.cert_file) if self.tls and self.cert_file else ()

    def authorities(self, shown: Iterable[Certificate] = ()) -> tuple[Certificate, ...]:
        """Those of `ca_file`, as it is now, by which the broker is trusted that has shown these certificates. Blocks."""
        return authorities_of(shown, read_certificates(self.ca_file)) if self.tls and self.ca_file else ()

    def account(self) -> str:
        """The account, for people. One that logs in with a certificate has the name in it. Blocks."""
        own = next(iter(self.certificates()), None)
        return f"{own.subject} (by its certificate)" if own and not self.username else self.username or "without a name"


class BrokerAddresses:
    """Looks up the broker's address before each attempt to connect; takes turns if there are several.

    Left to the MQTT libraries, the look-up would block a thread for as long as DNS is silent, beyond the end of a stop.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver or Resolver()
        self._attempts = 0

    async def next(self, broker: Broker) -> str:
        """The address to try now. Raises ResolveError."""
        found = await self._resolver.addresses(broker.host)
        self._attempts += 1
        return found[(self._attempts - 1) % len(found)]


def what_to_check(fault: str) -> str:
    """What to check when the broker cannot be reached or refuses, by the words of the fault; empty if these say nothing."""
    return next((text for sign, text in REMEDIES if sign in fault.casefold()), "")


def remedy_for(fault: str, account: str = ACCOUNT_KEYS) -> str:
    """The same, to follow the words of the fault in a log; empty if these say it themselves.

    `account` names the keys of the account that the connection has, if it has one of its own.
    """
    remedy = what_to_check(fault).replace(ACCOUNT_KEYS, account)
    if not remedy or "check broker.username" in fault:
        return ""
    return f"; {remedy}; `rackflow doctor CONFIG` tries it"


def explain_alert(fault: str) -> str | None:
    """What a TLS alert of the broker means, with the words of the socket; None if it is none."""
    alert = next((text for sign, text in TLS_ALERTS.items() if sign in fault.upper()), None)
    return None if alert is None else f"the broker refuses the TLS certificate of this side: {alert} ({fault})"


def explain_certificate_files(error: Exception) -> str:
    """What is wrong with the files of `ca_file`, `cert_file` and `key_file`, with OpenSSL's words, and what to do."""
    reason = next((text for sign, text in CERTIFICATE_FILES.items() if sign in str(error).upper()), "check the paths")
    return f"{error}; {reason}"


def explain(fault: str, *, tls: bool) -> str:
    """What the end of a connection before the broker's answer means, with the words of the socket."""
    if alert := explain_alert(fault):
        return alert
    # With TLS 1.3 a broker refuses a certificate after the handshake. Its alert is lost if it hangs up before CONNECT has come,
    # which then resets the connection (one of ten attempts on loopback).
    hint = "; with TLS, it may refuse the certificate of this side: check cert_file and key_file" if tls else ""
    return f"the broker ended the connection before it answered: {fault}{hint}"


class _ClosedOnFailure(ssl.SSLSocket):
    """Closes itself when the handshake fails. paho-mqtt 2.2.0 leaves it open until it is garbage (no public issue)."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of the standard library
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _refuse_passphrase() -> str:
    # Without this, OpenSSL asks for the pass phrase on the terminal, and a service waits for ever.
    raise ConfigError(
        "broker: key_file is encrypted with a pass phrase; remove it (`openssl pkey -in KEY -out NEW`),"
        " and let only this account read the file"
    )
