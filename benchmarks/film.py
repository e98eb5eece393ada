"""Frames of one episode: stills for the contact sheet and the report, and a video, if wanted."""

from collections.abc import Callable
from typing import Any

from molmospaces_gym.benchmarks.pictures import (
    VideoFile,
    save_failure_still,
    save_still,
    video_path,
)
from molmospaces_gym.benchmarks.records import Job
from molmospaces_gym.benchmarks.rollout import Plan

CHEAP_RENDERER = "raster"
"""The renderer, also the default one, that shows a failed episode's end at no cost to speak of."""


class Film:
    """Takes the frames that a plan wants of one episode.

    ``render`` gives the current frame (H, W, 3) uint8; ``dt`` are the seconds between two frames.
    """

    def __init__(self, plan: Plan, job: Job, render: Callable[[], Any], dt: float) -> None:
        self._plan, self._job, self._render = plan, job, render
        self._still = job.index in plan.stills
        cheap = plan.env_kwargs.get("renderer", CHEAP_RENDERER) == CHEAP_RENDERER
        looked_at = self._still or cheap or plan.video != "none"
        self._failure = looked_at and job.index in plan.failure_stills
        self._video: VideoFile | None = None
        if plan.video != "none":
            self._video = VideoFile(video_path(plan.out, job.episode_id), 1.0 / dt)

    def first(self) -> None:
        """Keep the frame after the reset."""
        if self._still:
            self._keep("first", self._render())
        self.next()

    def next(self) -> None:
        """Keep the frame after an action."""
        if self._video is not None:
            self._video.append(self._render())

    def last(self, fine: bool) -> None:
        """Keep the last frame; ``fine`` says that no failure can be seen in it."""
        failed = self._failure and not fine
        if self._still or failed:
            frame = self._render()
            self._keep("last", frame)
            if failed:
                save_failure_still(self._plan.out, self._job.episode_id, frame)

    def close(self, success: bool) -> None:
        """End the video, or remove it where only failures are wanted."""
        if self._video is not None:
            video, self._video = self._video, None
            video.close(keep=self._plan.video == "all" or not success)

    def _keep(self, moment: str, frame: Any) -> None:
        if self._still:
            save_still(self._plan.out, self._job.index, moment, frame)
