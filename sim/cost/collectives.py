"""Seconds of collectives between GPUs: ring algorithms, bound by the slowest link (Patarasuk & Yuan, JPDC 2009)."""

from dataclasses import dataclass

from sim.scenario.errors import InputError


@dataclass(frozen=True)
class NodeType:
    """Where a gang may land, as far as its speed goes: device, node size, and bytes/s a GPU inside and between nodes."""

    gpu: str
    gpus_per_node: int
    intra_node: float | None
    inter_node: float | None

    def nodes(self, gpus: int) -> int:
        return -(-gpus // self.gpus_per_node)

    def link(self, gpus: int) -> float:
        """Bytes/s a GPU over the slowest link that a gang of this size crosses; InputError where nobody said how fast it is."""
        inside = gpus <= self.gpus_per_node
        bandwidth = self.intra_node if inside else self.inter_node
        if bandwidth is None:
            word = "intra-node" if inside else "inter-node"
            raise InputError.of(
                f"{gpus} GPUs of type {self.gpu} work together over a network nobody described; "
                f"add 'network: {{{word}: 25 Gb/s}}' (its own figure) to their pool"
            )
        return bandwidth


def all_reduce_seconds(bytes_each: float, gpus: int, node_type: NodeType) -> float:
    """A ring all-reduce of `bytes_each` on every GPU: 2(g−1)/g of them cross each link."""
    return 2 * all_gather_seconds(bytes_each, gpus, node_type)


def all_gather_seconds(bytes_each: float, gpus: int, node_type: NodeType) -> float:
    """A ring all-gather (or reduce-scatter) to (from) `bytes_each` on every GPU: (g−1)/g of them cross each link."""
    return 0.0 if gpus == 1 else (gpus - 1) / gpus * bytes_each / node_type.link(gpus)
