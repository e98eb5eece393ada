"""Named exceptions. Each message says what was wrong, what was expected and what to do."""


class MolmoSpacesError(Exception):
    """Base class of every error this package raises on purpose."""


class UnknownName(MolmoSpacesError, LookupError):
    """A task, robot, backend, camera, suite or other registered name does not exist."""

    def __init__(self, kind: str, name: object, known: "list[str] | tuple[str, ...]") -> None:
        choices = ", ".join(sorted(known)) or "none"
        super().__init__(f"unknown {kind} {name!r}; known: {choices}")
        self._arguments = (kind, name, known)

    def __reduce__(self) -> "tuple[type[UnknownName], tuple[object, ...]]":
        # Exceptions are rebuilt from their message alone, which is not what __init__ takes.
        return type(self), self._arguments


class InvalidConfig(MolmoSpacesError, ValueError):
    """A constructor argument has the wrong type, value or combination."""


class RunChanged(InvalidConfig):
    """A folder holds a run of other settings or data; going on would mix the two."""


class InvalidAction(MolmoSpacesError, ValueError):
    """An action is not finite or has the wrong shape; the env stays usable."""


class InvalidEpisode(MolmoSpacesError, ValueError):
    """An episode or benchmark file is malformed or names something its scene does not hold."""


class UnknownBody(InvalidEpisode):
    """An episode names a body, joint or actuator that its scene does not hold."""


class SceneNotFound(MolmoSpacesError, FileNotFoundError):
    """The files of a house are missing; the message holds the command that fetches them."""


class SuiteNotFound(MolmoSpacesError, FileNotFoundError):
    """The files of an official suite are missing; the message holds the command to fetch them."""


class InvalidScene(MolmoSpacesError, ValueError):
    """A scene file exists but cannot be read or compiled."""


class UnsupportedScene(InvalidScene):
    """A scene holds something that the chosen simulator cannot represent; the message names it."""


class MixedHouses(UnsupportedScene):
    """Slots that step together hold houses that the simulator cannot simulate together."""


class BackendUnavailable(MolmoSpacesError, RuntimeError):
    """A simulator is not installed or does not work here; the message holds the repair command."""


class RendererUnavailable(MolmoSpacesError, RuntimeError):
    """A renderer does not work here; the message holds the repair command."""


class NotReset(MolmoSpacesError, RuntimeError):
    """``step`` or ``render`` was called before ``reset``."""


class PolicyUnavailable(MolmoSpacesError, RuntimeError):
    """A policy's file or package is missing or unreadable; the message says how to repair it."""


class RewardModelUnavailable(MolmoSpacesError, RuntimeError):
    """A reward model's weights, package or server are missing; the message says what to do."""


class InvalidAnswer(MolmoSpacesError, ValueError):
    """What a reward model answered cannot be read as a score; nothing is put in its place."""


class WorkersUnavailable(MolmoSpacesError, RuntimeError):
    """The workers of a run cannot be started or end at once; what was played is kept."""


class AxisUnavailable(MolmoSpacesError, ValueError):
    """A benchmark, robot or policy cannot be varied along an axis of a sweep."""


class InvalidSubmission(MolmoSpacesError, ValueError):
    """A run cannot be submitted, or a field of the form is missing; the message says which."""


class InvalidTrajectory(MolmoSpacesError, ValueError):
    """A recorded episode or its file is malformed; the message says what was expected."""


class MixedActions(InvalidTrajectory):
    """The episodes of a dataset were played in different action modes; the message names them."""


class MissingPackage(MolmoSpacesError, ImportError):
    """An optional package is not installed; the message holds the command that installs it."""


class NotComparable(MolmoSpacesError, ValueError):
    """Two results are not of the same episodes or rows; the message names what differs."""


class RemotePolicyError(MolmoSpacesError, RuntimeError):
    """A policy server failed and the episode was not judged; ``eval --resume`` plays it again."""


class PolicyUnreachable(RemotePolicyError):
    """No policy server answers at the address, or it went away during an episode."""


class PolicyTimeout(RemotePolicyError):
    """A policy server took longer than the timeout to connect, to read or to reply."""


class PolicyServerError(RemotePolicyError):
    """A policy server sent a traceback; ``server_traceback`` holds it whole."""

    server_traceback = ""


class InvalidReply(RemotePolicyError):
    """What a foreign policy sends is no action of the expected shape, or cannot be decoded."""


class HandshakeMismatch(RemotePolicyError):
    """A policy server and the env differ in control step, action type, gripper unit or cameras."""


class InvalidMessage(MolmoSpacesError, ValueError):
    """A frame is no message of the policy protocol, or a message cannot be put into a frame."""
