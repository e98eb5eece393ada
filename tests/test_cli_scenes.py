"""``molmospaces-gym scenes``."""

import json
from pathlib import Path

import mujoco
import pytest
from typer.testing import CliRunner

from molmospaces_gym.cli.main import app, main


def test_write_makes_files_that_are_scenes(tmp_path):
    result = CliRunner().invoke(app, ["scenes", "write", "generated/val/3", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    model = mujoco.MjModel.from_xml_path(str(tmp_path / "val_3.xml"))
    metadata = json.loads((tmp_path / "val_3_metadata.json").read_text())
    names = {model.body(i).name for i in range(model.nbody)}
    assert set(metadata["objects"]) <= names


@pytest.mark.parametrize("name", ["procthor-10k/val/notanumber", "mars/val/0"])
def test_fetch_of_a_wrong_name_is_one_line(name, assets: Path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["scenes", "fetch", name])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_list_of_an_empty_folder(assets: Path):
    result = CliRunner().invoke(app, ["scenes", "list", "procthor-10k", "val"])
    assert result.exit_code == 0 and result.output.startswith("0 houses")
