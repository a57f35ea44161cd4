"""How often something is tried, as people write it."""

from typing import Annotated

from pydantic import Field

from orchestrator.load.fields import Delay, Jitter
from orchestrator.load.shape import Shape


class RetriesShape(Shape):
    """How often a step is tried, and how long it waits in between."""

    attempts: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="How often the step is tried, the first time included.", examples=[3]
    )
    delay: Delay = Field(default=5.0, description="How long to wait after the first failure.", examples=["5s"])
    backoff: Annotated[float, Field(ge=1, le=100)] = Field(
        default=1.0, description="What the delay is multiplied with after every further failure.", examples=[2]
    )
    max_delay: Delay | None = Field(default=None, description="The longest delay; 5m if not given.", examples=["1m"])
    jitter: Jitter | None = Field(
        default=None,
        description="What is added to each delay by chance, at the most: a part of it, or a time.",
        examples=["10%"],
    )
