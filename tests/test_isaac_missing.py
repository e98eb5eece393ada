"""What a user is told who asks for Isaac Lab without having it."""

import subprocess
import sys


def test_without_isaac_lab_the_command_that_installs_it_is_named():
    code = (
        "import sys; sys.modules['isaaclab'] = None; sys.modules['mujoco_usd_converter'] = None\n"
        "from molmospaces_gym.backends import isaac\n"
        "from molmospaces_gym.errors import BackendUnavailable\n"
        "for physics in ('auto', 'newton', 'mujoco', 'physx'):\n"
        "    try: isaac.isaac_world(1, physics)\n"
        "    except BackendUnavailable as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.count('pip install "molmospaces-gym[isaac]"') == 4
