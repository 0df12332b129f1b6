"""What the steps of a workflow took: the summary of a run that has ended."""

from __future__ import annotations

from nbstream.events.usage import add_usage, tokens_of

from .parts import StepSection
from .transcript import Transcript


class Recap:
    """The steps of a workflow that has ended, and their sum; empty (and false) for any other run."""

    def __init__(self, transcript: Transcript) -> None:
        steps = transcript.flow if transcript.finish_reason else []
        self.steps: list[StepSection] = steps if len(steps) > 1 else []

    def __bool__(self) -> bool:
        return bool(self.steps)

    @property
    def total(self) -> str:
        """`3 steps: 26.3 s, 855 tokens`; steps side by side share their time."""
        began = min(step.time for step in self.steps)
        ended = max(step.time + (step.duration or 0.0) for step in self.steps)
        usage = None
        for step in self.steps:
            usage = add_usage(usage, step.usage)
        return (
            f"{len(self.steps)} steps: {', '.join([f'{ended - began:.1f} s', *tokens_of(usage)])}"
        )

    def to_text(self) -> str:
        """A line for each step, and one for all; as markdown it is a list."""
        if not self.steps:
            return ""
        rows = [f"{n}. {step.label}: {step.cost}" for n, step in enumerate(self.steps, start=1)]
        return "\n".join([*rows, "", self.total])
