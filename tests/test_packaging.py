"""setup.cfg lists what the tree holds, and the wheel holds what setup.cfg lists."""

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA_SUFFIXES = {".css", ".csv", ".gz", ".html", ".js", ".json", ".md", ".npz", ".xml", ".typed"}
DATA_SUFFIXES |= {".safetensors", ".yaml"}


def _setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return config


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _package_dirs() -> dict[str, Path]:
    pairs = (line.split("=") for line in _lines(_setup_cfg()["options"]["package_dir"]))
    return {name.strip(): ROOT / folder.strip() for name, folder in pairs}


def _source_files(suffixes: set[str]) -> set[str]:
    """Paths inside site-packages of the files of every package folder with these suffixes."""
    found = set()
    for package, folder in _package_dirs().items():
        for file in folder.rglob("*"):
            if file.suffix in suffixes and "__pycache__" not in file.parts:
                found.add(f"{package.replace('.', '/')}/{file.relative_to(folder).as_posix()}")
    return found


def test_setup_cfg_lists_exactly_the_packages_of_the_tree():
    listed = _lines(_setup_cfg()["options"]["packages"])
    files = _source_files({".py"})
    packages = {file.rsplit("/", 1)[0].replace("/", ".") for file in files if "__init__" in file}
    assert len(listed) == len(set(listed))
    assert set(listed) == packages


def test_every_python_file_lies_in_a_package():
    files = _source_files({".py"})
    assert {f"{file.rsplit('/', 1)[0]}/__init__.py" for file in files} <= files


def test_extras_name_only_declared_requirements():
    extras = set(metadata.metadata("molmospaces-gym").get_all("Provides-Extra") or [])
    declared = set(_setup_cfg()["options.extras_require"])
    assert extras == declared, "setup.cfg changed since the package was installed; install again"


def test_entry_points_resolve():
    distribution = metadata.distribution("molmospaces-gym")
    ours = [entry for entry in distribution.entry_points if entry.value.startswith("molmospaces")]
    # Isaac Lab imports it; tests/isaac/test_isaac_lab.py does where Isaac Lab is installed.
    ours = [entry for entry in ours if entry.group != "isaaclab.tasks"]
    assert {entry.group for entry in ours} >= {"console_scripts", "molmospaces_gym.policies"}
    for entry in ours:
        assert callable(entry.load()), entry


def test_constraints_are_exact_and_cover_the_requirements():
    pins = {}
    for line in _lines((ROOT / "constraints.txt").read_text()):
        if not line.startswith("#"):
            name, version = line.split("==")
            pins[_canonical(name)] = version
    config = _setup_cfg()
    required = _lines(config["options"]["install_requires"])
    for extra in ("test", "dev", "sb3"):
        required += _lines(config["options.extras_require"][extra])
    names = {_canonical(re.split(r"[<>=!\[ ;]", line)[0]) for line in required}
    assert names <= set(pins)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.slow
def test_wheel_holds_the_sources_and_data_under_one_name(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = _copy_of_the_sources(tmp_path / "source")
    result = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(source)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    contents = {name for name in names if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in contents} == {"molmospaces_gym"}
    assert contents == _source_files({".py"} | DATA_SUFFIXES)
    licences = {name.rsplit("/", 1)[-1] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}


def _copy_of_the_sources(target: Path) -> Path:
    """Copies what a build reads, so that no build folder is left in the tree."""
    target.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, target)
    for folder in _package_dirs().values():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, target / folder.name, ignore=ignored)
    return target
