"""Training on more or fewer GPUs than asked for."""

from collections.abc import Iterator
from typing import Annotated

from sim.scenario.errors import Broken
from sim.scenario.model import Word
from sim.scenario.units import Whole


class ElasticTraining(Word):
    """From `min` to `max` GPUs: as many as `gpus` says, or that number doubled or halved any number of times.

    Jobs start on fewer than `gpus` where so many are not free, and shrink (for others that wait) and grow (onto free GPUs) at checkpoints.
    """

    min: Annotated[int, Whole(1, "the least number of GPUs")]
    max: Annotated[int, Whole(1, "the largest number of GPUs")]

    def sizes(self, gpus: int) -> tuple[int, ...]:
        """Those of a job that asks for so many, in order."""
        halved = [gpus]
        while halved[-1] % 2 == 0 and halved[-1] // 2 >= self.min:
            halved.append(halved[-1] // 2)
        doubled = [gpus]
        while doubled[-1] * 2 <= self.max:
            doubled.append(doubled[-1] * 2)
        return (*halved[::-1], *doubled[1:])


def broken_sizes(elastic: ElasticTraining, gpus: tuple[int, ...], checkpoint: float | None) -> Iterator[Broken]:
    """What is wrong with an elastic workload's words, by paths under it."""
    if checkpoint is None:
        yield ("elastic",), "found elastic, and jobs resize at checkpoints, which these do not write; add 'checkpoint: 30 min'"
    if elastic.min > elastic.max:
        yield ("elastic", "max"), f"found {elastic.max}, under the min of {elastic.min}; swap them"
        return
    outside = [size for size in gpus if not elastic.min <= size <= elastic.max]
    if outside:
        sizes = " and ".join(map(str, outside))
        yield ("elastic",), f"found {elastic.min} to {elastic.max} GPUs, and jobs that ask for {sizes}; widen it, or change 'gpus'"
    elif all(elastic.sizes(size) == (size,) for size in gpus):
        yield ("elastic",), f"found {elastic.min} to {elastic.max} GPUs, in which no number of 'gpus' doubled or halved lies; widen it"
