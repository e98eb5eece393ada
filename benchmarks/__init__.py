"""Benchmarks: shipped suites, the evaluator and its statistics."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molmospaces_gym.benchmarks.evaluator import RunResult as RunResult
    from molmospaces_gym.benchmarks.evaluator import evaluate as evaluate

__all__ = ["RunResult", "evaluate"]


def __getattr__(name: str) -> Any:
    # Looking up a shipped suite imports this package and must not load the evaluator.
    if name in __all__:
        from molmospaces_gym.benchmarks import evaluator

        return getattr(evaluator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
