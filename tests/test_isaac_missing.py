"""What a user is told who asks for Isaac Lab without having it."""

import subprocess
import sys


def test_without_isaac_lab_the_command_that_installs_it_is_named():
    code = (
        "import sys; sys.modules['isaaclab'] = None; sys.modules['mujoco_usd_converter'] = None\n"
        "import gymnasium as gym, molmospaces_gym\n"
        "from molmospaces_gym.errors import BackendUnavailable\n"
        "for backend in ('isaac', 'isaac-newton', 'isaac-mujoco', 'isaac-physx'):\n"
        "    env = gym.make('molmospaces_gym/Pick-v1', backend=backend, houses=1)\n"
        "    try: env.reset(seed=0)\n"
        "    except BackendUnavailable as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.count('pip install "molmospaces-gym[isaac]"') == 4
