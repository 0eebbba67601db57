"""Ciw: single-GPU jobs on c servers, first come, first served, with our arrivals and run times."""

import json
import sys
import time

import ciw
import numpy as np


def main(file: str) -> None:
    jobs = np.load(file)
    arrival, lasts, servers = jobs["arrival_s"], jobs["duration_s"], int(jobs["gpus_in_all"])
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*np.diff(arrival, prepend=0.0).tolist(), float("inf")])],
        service_distributions=[ciw.dists.Sequential(lasts.tolist())],
        number_of_servers=[servers],
    )
    simulation = ciw.Simulation(network)
    began = time.perf_counter()
    simulation.simulate_until_max_customers(len(arrival), method="Finish")
    seconds = time.perf_counter() - began
    waits = [record.waiting_time for record in simulation.get_all_records()]
    print(json.dumps({"seconds": seconds, "jobs": len(waits), "mean_wait_s": float(np.mean(waits))}))


if __name__ == "__main__":
    main(sys.argv[1])
