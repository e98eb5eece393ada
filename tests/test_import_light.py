"""`import molmospaces_gym` registers ids by name and loads nothing heavy."""

import json
import subprocess
import sys

HEAVY = (
    "cv2 imageio_ffmpeg isaaclab mani_skill matplotlib mujoco multiprocessing.pool numba pandas "
    "pydantic ray rich sapien scipy stable_baselines3 tensorboard torch transformers typer"
).split()


def _after(code: str) -> object:
    """Runs ``code`` in a new interpreter and returns the JSON it prints."""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_import_loads_nothing_heavy():
    code = (
        "import json, sys, gymnasium, numpy; before = set(sys.modules); import molmospaces_gym;"
        f"print(json.dumps([m for m in {HEAVY} if m in sys.modules and m not in before]))"
    )
    assert _after(code) == []


def test_ids_are_registered_by_string_entry_points():
    code = (
        "import json, gymnasium, molmospaces_gym;"
        "specs = [s for s in gymnasium.registry.values() if s.namespace == 'molmospaces_gym'];"
        "print(json.dumps([[s.id, s.entry_point, s.vector_entry_point, s.kwargs] for s in specs]))"
    )
    specs = _after(code)
    assert "molmospaces_gym/Pick-v1" in [spec[0] for spec in specs]
    for _, entry_point, vector_entry_point, _ in specs:
        assert entry_point.startswith("molmospaces_gym.")
        assert vector_entry_point.startswith("molmospaces_gym.")


def test_import_leaves_the_global_generators_alone():
    code = (
        "import json, random, numpy; random.seed(0); numpy.random.seed(0);"
        "a = (random.getstate(), numpy.random.get_state()[1].tolist()); import molmospaces_gym;"
        "b = (random.getstate(), numpy.random.get_state()[1].tolist()); print(json.dumps(a == b))"
    )
    assert _after(code) is True
