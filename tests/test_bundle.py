"""The installer of the bundle for sites without internet, with a small package in Rackflow's place: real pip, real environments."""

import ensurepip
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.captures import REPOSITORY

PYTHON = os.path.realpath(sys.executable)
METADATA = "Metadata-Version: 2.1\nName: rackflow\nVersion: {}\nProvides-Extra: agent\nProvides-Extra: collector\nProvides-Extra: sim\n"


def pip_wheel() -> Path:
    """The pip that Python brings along."""
    places = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))
    return next(file for place in places for file in place.glob("pip-*.whl"))


def make_wheel(folder: Path, version: str) -> None:
    """A package `rackflow` whose command prints its version."""
    info = f"rackflow-{version}.dist-info"
    files = {
        "rackflow_stand_in.py": f"def main():\n    print('rackflow {version}')\n",
        f"{info}/METADATA": METADATA.format(version),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nrackflow = rackflow_stand_in:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"rackflow-{version}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def make_bundle(folder: Path, version: str) -> Path:
    """A bundle for this Python."""
    bundle = folder / f"rackflow-{version}-linux-x86_64-cp{sys.version_info[0]}{sys.version_info[1]}"
    (bundle / "wheels").mkdir(parents=True)
    shutil.copy(pip_wheel(), bundle / "wheels")
    make_wheel(bundle / "wheels", version)
    for part in ("config", "systemd"):
        shutil.copytree(REPOSITORY / "deploy" / part, bundle / "deploy" / part)
    shutil.copy(REPOSITORY / "deploy/package/bundle/install", bundle)
    digest = hashlib.sha256((bundle / "install").read_bytes()).hexdigest()
    (bundle / "SHA256SUMS").write_text(f"{digest}  ./install\n", encoding="utf-8")
    return bundle


def install(bundle: Path, root: Path, umask: str = "022") -> str:
    """Install it below `root`, as a shell with this umask does; returns what it prints."""
    (root / "units").mkdir(parents=True, exist_ok=True)
    places = {"PREFIX": root / "opt", "ETC": root / "etc", "UNITS": root / "units", "PYTHON": PYTHON}
    done = subprocess.run(
        ["/bin/sh", "-c", f"umask {umask}; ./install"],
        cwd=bundle,
        env={"PATH": os.environ["PATH"], **{name: str(place) for name, place in places.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unreadable(root: Path) -> Iterator[str]:
    """Files and folders that another account than root cannot read or enter."""
    for path in (root, *root.rglob("*")):
        mode = path.stat().st_mode
        if not mode & 0o004 or (path.is_dir() and not mode & 0o001):
            yield str(path.relative_to(root.parent))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path, "1.0")


def test_the_accounts_of_the_services_can_read_what_root_with_a_strict_umask_installs(
    bundle: Path, tmp_path: Path
) -> None:
    """The units run under an account made at each start, and hardened hosts give root the umask 077. Secrets are for root alone."""
    root = tmp_path / "host"
    for file in (bundle / "deploy").rglob("*.*"):
        file.chmod(0o600)  # as whoever unpacked the archive has them
    install(bundle, root, umask="077")
    assert list(unreadable(root / "opt")) == []
    assert [each for each in unreadable(root / "units") if each.endswith(".service")] == []
    assert sorted(unreadable(root / "etc")) == ["etc/agent.env", "etc/collector.env"]
    unit = (root / "units/rackflow-agent.service").read_text(encoding="utf-8")
    assert f"\nExecStart={root}/opt/bin/rackflow-agent run {root}/etc/agent.yaml\n" in unit
    assert f"\nEnvironmentFile=-{root}/etc/agent.env\n" in unit


def test_an_upgrade_keeps_configurations_and_works_when_the_python_of_the_environment_is_gone(
    bundle: Path, tmp_path: Path
) -> None:
    """As after an upgrade of Debian, whose next release has another Python and not the former one."""
    root = tmp_path / "host"
    assert "rackflow 1.0" in install(bundle, root)
    (root / "etc/agent.yaml").write_text("agent: mine\n", encoding="utf-8")
    for link in (root / "opt/bin").glob("python*"):
        link.unlink()
    (root / "opt/bin/python3.1").symlink_to("/usr/bin/python3.1")
    (root / "opt/bin/python").symlink_to("python3.1")
    assert "rackflow 2.0" in install(make_bundle(tmp_path, "2.0"), root)
    assert (root / "etc/agent.yaml").read_text(encoding="utf-8") == "agent: mine\n"


def test_an_upgrade_to_another_python_leaves_nothing_of_the_former_environment(bundle: Path, tmp_path: Path) -> None:
    """Both are there. Its libraries were compiled for the former one. What somebody else has put beside them stays."""
    root = tmp_path / "host"
    former = {
        "opt/bin/python": "#!/bin/sh\ncase $1 in -c) echo 3.1 ;; *) echo no such wheel; exit 1 ;; esac\n",
        "opt/lib/python3.1/site-packages/msgspec.py": "",
        "opt/pyvenv.cfg": "version = 3.1.5\n",
        "opt/notes": "ours",
    }
    for name, text in former.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "opt/bin/python").chmod(0o755)
    assert "rackflow 1.0" in install(bundle, root)
    assert not (root / "opt/lib/python3.1").exists()
    assert (root / "opt/notes").read_text(encoding="utf-8") == "ours"
