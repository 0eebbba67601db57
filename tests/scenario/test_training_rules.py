"""What a training workload's words allow depends on each other."""

import pytest

from sim.scenario.errors import InputError
from sim.scenario.one_job import read_job

JOB = {"model": "llama-3.1-8b", "tokens": "300M"}


def test_a_gpu_sees_a_whole_sequence_at_least() -> None:
    """A step of half a sequence would cost half of its attention; what is not given is 4096 tokens of 16384."""
    for flags in ({}, {"sequence": "16384"}, {"sequence": "32768", "tokens-per-gpu": "32768"}):
        read_job("training", {**JOB, **flags})
    for flags in ({"sequence": "32768"}, {"tokens-per-gpu": "2048"}, {"sequence": "32768", "tokens-per-gpu": "20000"}):
        with pytest.raises(InputError, match=r"tokens-per-gpu of (32768|4096) would do"):
            read_job("training", {**JOB, **flags})
