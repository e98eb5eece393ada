"""Instructions that do not fit a video: another object's or another task's."""

from collections.abc import Sequence

import numpy as np

PLACE = " and place it on the "


class Wrong:
    """Draws wrong instructions from those of a set of episodes.

    An instruction counts as wrong only where the video surely does not show it: never "pick up
    the mug" for a mug that was placed, or "the plate" where it went on "the black plate".

    Args:
        known: task name and instruction of every episode.
    """

    def __init__(self, known: Sequence[tuple[str, str]]) -> None:
        self._known = sorted(set(known))
        self._tasks = sorted({task for task, _ in self._known})

    def other_object(self, task: str, instruction: str, rng: np.random.Generator) -> str:
        """An instruction of the same task about something else."""
        thing, place = parts(instruction)
        found = [text for name, text in self._known if name == task and parts(text)[0] != thing]
        text = str(rng.choice(found)) if found else instruction
        # With the right receptacle in half of the cases, so that the object decides.
        if place and rng.random() < 0.5:
            return f"{text.partition(PLACE)[0]}{PLACE}{place}."
        return text

    def other_place(self, instruction: str, rng: np.random.Generator) -> str:
        """The right object on the wrong receptacle."""
        thing, place = parts(instruction)
        heads = {parts(text)[1] for _, text in self._known} - {""}
        found = sorted(head for head in heads if head.split()[-1] != place.split()[-1])
        return f"pick up the {thing}{PLACE}{rng.choice(found)}."

    def other_task(self, task: str, instruction: str, rng: np.random.Generator) -> str:
        """An instruction of another task about something else; of the same where it is alone."""
        if len(self._tasks) == 1:
            return self.other_object(task, instruction, rng)
        thing = parts(instruction)[0]
        name = rng.choice([other for other in self._tasks if other != task])
        found = [text for other, text in self._known if other == name and parts(text)[0] != thing]
        return str(rng.choice(found))

    def draw(self, task: str, instruction: str, rng: np.random.Generator) -> str:
        """Any of them: mostly another object."""
        kind = rng.random()
        if kind < 0.2:
            return self.other_task(task, instruction, rng)
        if kind < 0.4 and parts(instruction)[1]:
            return self.other_place(instruction, rng)
        return self.other_object(task, instruction, rng)


def parts(instruction: str) -> tuple[str, str]:
    """The object of an instruction, and its receptacle or nothing."""
    first, _, place = instruction.rstrip(".").partition(PLACE)
    return first.partition(" the ")[2], place
