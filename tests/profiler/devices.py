"""The devices of this machine: what the profiler runs on one is tested on each."""

import torch

DEVICES = [torch.device("cpu"), *([torch.device("cuda")] if torch.cuda.is_available() else [])]
