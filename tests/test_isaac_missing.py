"""What a user is told who asks for Isaac Lab without having it."""

import subprocess
import sys


def test_without_isaac_lab_the_command_that_installs_it_is_named():
    code = (
        "import sys; sys.modules['isaaclab'] = None; sys.modules['mujoco_usd_converter'] = None\n"
        "from molmospaces_gym.backends import isaac\n"
        "from molmospaces_gym.errors import BackendUnavailable\n"
        "for name in ('isaac', 'isaac_newton', 'isaac_mujoco', 'isaac_physx'):\n"
        "    try: getattr(isaac, f'{name}_world')()\n"
        "    except BackendUnavailable as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.count('pip install "molmospaces-gym[isaac]"') == 4
