"""The parity checks on MuJoCo itself and on MuJoCo with faults: no other simulator needed."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from molmospaces_gym.benchmarks.parity import CHECKS, measure, write_report
from molmospaces_gym.benchmarks.parity.bench import degrees
from molmospaces_gym.benchmarks.parity.results import Measured
from molmospaces_gym.benchmarks.parity.tolerances import EXCEPTIONS, TOLERANCES, tolerance
from molmospaces_gym.cli.main import app, main
from molmospaces_gym.errors import InvalidConfig, UnknownName

FEW = {"robots": ("franka_droid",), "tasks": ("Pick",), "episodes": 1}


@pytest.mark.slow
def test_mujoco_is_like_itself_in_every_check(backends, rows):
    report = measure("twin", **FEW)
    assert report.checks == tuple(CHECKS) and not report.skipped and not report.losses
    assert {row.check for row in report.rows} == set(CHECKS)
    found = rows(report)
    assert not report.failures
    # But for what compares with a finer MuJoCo, or only tells something.
    for (subject, quantity), row in found.items():
        if "0.2 ms" not in quantity and "tumbling" not in quantity:
            assert row.value == 0.0, (subject, quantity)
    finer = found["franka_droid", "joints, worst, MuJoCo in steps of 0.2 ms"]
    assert 1e-6 < finer.value
    assert len(report.pictures) == 8
    assert all(not picture.difference.any() for picture in report.pictures)


def test_a_fault_is_found_and_what_the_backend_says_is_kept(backends, rows):
    report = measure("crooked", ("kinematics",), **FEW)
    row = rows(report)["franka_droid", "body position"]
    assert row.value == pytest.approx(2.0) and row.bound == 1e-3 and not row.passed
    assert report.failures == (row,)
    assert report.losses == ("2 mm in x",)


def test_what_cannot_be_represented_is_listed_and_the_rest_is_compared(backends):
    report = measure("picky", ("kinematics",), robots=("franka_droid", "rby1"))
    assert [(entry.subject, entry.check) for entry in report.skipped] == [("rby1", "kinematics")]
    assert "mobile base" in report.skipped[0].reason
    assert {row.subject for row in report.rows} == {"franka_droid"}


def test_a_simulators_own_poses_are_compared_where_it_has_some(backends, rows):
    found = rows(measure("bare", ("kinematics",), **FEW))
    assert found["franka_droid", "body position"].value == 0.0
    assert found["franka_droid", "own position"].value == pytest.approx(1e-3, rel=1e-6)


def test_the_report_is_complete_in_all_three_files(backends, tmp_path):
    report = measure("crooked", ("kinematics", "camera"), **FEW)
    paths = write_report(report, tmp_path / "out")
    data = json.loads(paths[0].read_text())
    assert data["passed"] is False and data["losses"] == ["2 mm in x"]
    assert len(paths[1].read_text().splitlines()) == 1 + len(report.rows) == 1 + len(data["rows"])
    page = paths[2].read_text()
    assert page.count("data:image/png;base64,") == 3 * len(report.pictures) > 0
    assert 'class="failed"' in page and "2 mm in x" in page
    assert "http" not in page


def test_the_command_ends_with_1_beyond_a_bound(backends, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    few = ["--check", "kinematics", "--robot", "franka_droid", "--out", str(tmp_path)]
    good = CliRunner().invoke(app, ["parity", "--backend", "twin", *few])
    assert good.exit_code == 0 and "all 2 differences are within" in good.output
    bad = CliRunner().invoke(app, ["parity", "--backend", "crooked", *few])
    assert bad.exit_code == 1
    assert "1 of 2 differences are beyond" in bad.output and "2 mm in x" in bad.output
    assert (tmp_path / "parity.html").is_file()


def test_mistakes_are_named(capsys):
    with pytest.raises(UnknownName, match="kinematics"):
        measure("maniskill", ("kinematic",))
    with pytest.raises(UnknownName, match="mujoco"):
        measure("gazebo")
    with pytest.raises(UnknownName, match="rby1"):
        measure("maniskill", robots=("r2d2",))
    with pytest.raises(InvalidConfig, match="name another"):
        measure("mujoco")
    with pytest.raises(InvalidConfig, match="episodes"):
        measure("maniskill", episodes=0)
    with pytest.raises(SystemExit) as ended:
        main(["parity", "--backend", "gazebo"])
    assert ended.value.code == 2 and "known" in capsys.readouterr().err


def test_every_bound_has_a_reason_and_every_exception_a_row():
    for table in (TOLERANCES, *EXCEPTIONS.values()):
        for key, entry in table.items():
            assert entry.reason and entry.unit, key
            assert key.partition(": ")[0] in CHECKS, key
    for table in EXCEPTIONS.values():
        for key, entry in table.items():
            plain = TOLERANCES[key.partition(" @ ")[0]]
            assert entry.unit == plain.unit
            assert plain.bound is None or entry.bound > plain.bound
    named = tolerance("maniskill", "kinematics", "own position", "rby1")
    assert named.bound > tolerance("maniskill", "kinematics", "own position", "franka_droid").bound


def test_no_number_does_not_pass():
    def row(value, bound=1.0):
        return Measured("camera", "x", "y", value, "mm", bound, "")

    assert row(1.0).passed and not row(1.1).passed and not row(float("nan")).passed
    assert row(float("nan"), None).passed


def test_angles_are_those_of_rotations():
    half = np.sqrt(0.5)
    first = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    second = np.array([[half, half, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(degrees(first, second), [90.0, 0.0], atol=1e-9)
