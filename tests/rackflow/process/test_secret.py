"""Secrets come from the environment, from files and from systemd's credentials, and no error shows one."""

import os
from pathlib import Path

import pytest

from rackflow import ConfigError
from rackflow.process.config import Secret, StrictModel, check_config
from rackflow.process.secret import MAX_SECRET_BYTES, load_env_file, read_secret

SECRET = "hunter2 with a blank"


class Account(StrictModel):
    """A section as configurations have it."""

    password: Secret
    """Its password."""


def private_file(folder: Path, content: bytes = SECRET.encode() + b"\n", mode: int = 0o640) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_text_without_a_source_is_the_secret_itself() -> None:
    assert read_secret(SECRET) == SECRET
    assert read_secret("filet:mignon") == "filet:mignon"


def test_a_file_gives_its_text_without_the_last_line_break(tmp_path: Path) -> None:
    assert read_secret(f"file:{private_file(tmp_path)}") == SECRET
    # The second is what Notepad saves.
    for content, secret in ((b"two\r\n", "two"), (b"\xef\xbb\xbftwo\r\n", "two"), (b"kept \n\n", "kept \n")):
        assert read_secret(f"file:{private_file(tmp_path, content)}") == secret


def test_a_secret_of_the_largest_size_is_whole(tmp_path: Path) -> None:
    largest = b"a" * (MAX_SECRET_BYTES - 1) + b"z"
    assert read_secret(f"file:{private_file(tmp_path, largest)}") == largest.decode()


def test_systemd_credentials_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private_file(tmp_path, mode=0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_secret("credential:secret") == SECRET


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_file_for_its_owner_and_group_is_accepted(tmp_path: Path, mode: int) -> None:
    assert read_secret(f"file:{private_file(tmp_path, mode=mode)}") == SECRET


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_a_file_that_everybody_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = private_file(tmp_path, mode=mode)
    with pytest.raises(ConfigError) as error:
        read_secret(f"file:{path}")
    assert str(error.value) == f"{path}: can be read by everybody ({mode:o}); chmod o-rwx {path}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty; write the secret into it"),
        (b"\n", "is empty; write the secret into it"),
        (b"\xff\xfe", "is not UTF-8; save the secret as text"),
        (b"a" * 65_537, "is larger than 65536 bytes, too large for a secret; correct the path"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = private_file(tmp_path, content)
    with pytest.raises(ConfigError) as error:
        read_secret(f"file:{path}")
    assert str(error.value) == f"{path}: {says}"


def test_a_pipe_and_a_folder_do_not_hold_up_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ConfigError, match=r"is not a regular file|cannot be read"):
            read_secret(f"file:{path}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "env:RACKFLOW_TEST_NOT_SET",
            "environment variable RACKFLOW_TEST_NOT_SET is not set; export it; check, run and doctor also read it from --env-file FILE",
        ),
        ("env:", "`env:` names no environment variable; write env:NAME"),
        ("env:RACKFLOW_TEST_EMPTY", "environment variable RACKFLOW_TEST_EMPTY is empty; give it the secret"),
        ("file:secret", "secret: is not an absolute path; begin it with /"),
        ("file:/nowhere/secret", "/nowhere/secret: no such file; correct the path"),
        ("file:/a\0b", "'/a\\x00b': is not a path"),
        ("credential:x", "credential x: systemd passed none; add LoadCredential=x:PATH to the unit"),
    ],
)
def test_a_source_without_a_secret_is_named(text: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("RACKFLOW_TEST_EMPTY", "")
    with pytest.raises(ConfigError) as error:
        read_secret(text)
    assert str(error.value) == says


@pytest.mark.parametrize("name", ["../secret", "", "..", "a/b"])
def test_a_credential_is_never_a_path_out_of_its_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    private_file(tmp_path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    with pytest.raises(ConfigError, match="is not the name of a credential"):
        read_secret(f"credential:{name}")


def test_an_error_of_the_configuration_names_key_and_source_and_never_the_secret(tmp_path: Path) -> None:
    path = private_file(tmp_path, mode=0o644)
    with pytest.raises(ConfigError) as error:
        check_config({"password": f"file:{path}"}, Account, "agent.yaml")
    assert str(error.value) == f"agent.yaml: password: {path}: can be read by everybody (644); chmod o-rwx {path}"
    assert SECRET not in str(error.value)
    path.chmod(0o600)
    account = check_config({"password": f"file:{path}"}, Account, "agent.yaml")
    assert account.password.get_secret_value() == SECRET
    assert SECRET not in repr(account)


def test_a_commands_environment_file_is_read_as_systemd_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "agent.env"
    file.write_text(
        "# made by hand\n; too\n\nRACKFLOW_A=plain\nRACKFLOW_B='two words'\n RACKFLOW_C=\"x#y\"\nRACKFLOW_D=\nRACKFLOW_E=a b\n"
        'RACKFLOW_F=it\'s\nRACKFLOW_F=ab"cd"\n'
    )
    for name in "ABCDEF":
        monkeypatch.delenv(f"RACKFLOW_{name}", raising=False)
        monkeypatch.setenv(f"RACKFLOW_{name}", "")  # so that the test's end takes away what is loaded
        monkeypatch.delenv(f"RACKFLOW_{name}")
    load_env_file(file)
    found = [os.environ[f"RACKFLOW_{name}"] for name in "ABCDEF"]
    assert found == ["plain", "two words", "x#y", "", "a b", 'ab"cd"']


def test_what_is_set_already_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACKFLOW_A", "of the shell")
    (tmp_path / "agent.env").write_text("RACKFLOW_A=of the file\n")
    load_env_file(tmp_path / "agent.env")
    assert os.environ["RACKFLOW_A"] == "of the shell"


@pytest.mark.parametrize("line", ["hunter2", "a name=hunter2", "export RACKFLOW_A=hunter2"])
def test_a_line_that_is_no_variable_is_named_and_not_shown(line: str, tmp_path: Path) -> None:
    file = tmp_path / "agent.env"
    file.write_text(f"# first\n{line}\n")
    with pytest.raises(ConfigError) as error:
        load_env_file(file)
    assert str(error.value) == f"{file}:2: is not NAME=VALUE"
