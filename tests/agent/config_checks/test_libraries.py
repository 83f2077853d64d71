"""A library that the configuration needs and that is not installed is named before the start, with what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
agent: gw-1
labels: {site: t1}
credentials:
  public: {community: public}
  user: {version: 3, user: ops, auth: sha256, auth_key: long-enough, priv: aes128, priv_key: long-enough}
devices:
"""
SNMP = "  - {id: pdu-1, host: 192.0.2.1, credential: public, profile: apc-rpdu2"
EXTRA = "install rackflow with its extra: rackflow[agent]"


def checked(config: Path, *missing: str) -> subprocess.CompletedProcess[str]:
    """`rackflow-agent check` in a Python in which these modules cannot be imported."""
    # None in sys.modules is how Python itself marks what cannot be imported.
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing!r}))\n"
        "from agent.__main__ import main; sys.argv[1:] = ['check', sys.argv[1]]; sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(config)], capture_output=True, text=True, timeout=50, check=False
    )


@pytest.mark.parametrize(
    ("device", "missing", "said"),
    [
        (
            f"{SNMP}, engine: pysnmp}}",
            "pysnmp",
            f"engine: pysnmp: pysnmp is not installed, which pdu-1 needs; {EXTRA}, or set `engine: gufo`",
        ),
        (
            f"{SNMP}}}",
            "gufo",
            f"engine: gufo: gufo_snmp is not installed, which pdu-1 needs; {EXTRA}, or set `engine: py",
        ),
        (
            f"{SNMP.replace('public', 'user')}, engine: pysnmp}}",
            "cryptography",
            f"priv: aes128: cryptography is not installed, which pdu-1 needs; {EXTRA}",
        ),
        (
            "  - {id: m-1, protocol: modbus, profile: eastron-sdm630, transport: serial, serial: /dev/ttyS0}",
            "serial",
            f"transport: serial: pyserial is not installed, which m-1 needs; {EXTRA}",
        ),
    ],
    ids=["pysnmp", "gufo", "cryptography", "pyserial"],
)
def test_check_names_a_library_that_a_device_needs(device: str, missing: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"{CONFIG}{device}\n")
    done = checked(path, missing)
    assert done.returncode == 78
    assert f"{path}: {said}" in done.stderr
    assert ": not ok; 1 device" in done.stdout


def test_a_library_that_no_enabled_device_needs_is_not_asked_for(tmp_path: Path) -> None:
    """An agent of which all devices have `engine: pysnmp` works where gufo_snmp has no wheel."""
    path = tmp_path / "agent.yaml"
    off = f"{SNMP.replace('pdu-1', 'pdu-2')}, enabled: false}}"
    path.write_text(f"{CONFIG}{SNMP}, engine: pysnmp}}\n{off}\n")
    done = checked(path, "gufo", "pymodbus", "serial")
    assert (done.returncode, done.stderr) == (0, "")
