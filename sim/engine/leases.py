"""On-demand nodes: asked for when a gang needs them, paid from the provider's answer until they have idled for `keep_warm`.

Whether a free node is still warm is decided only when someone asks for it: a node idle for longer than `keep_warm` went back in the
meantime and must be asked for anew. So leases need no event of their own.
"""

from collections.abc import Callable

from sim.engine.placement import PackedNodes, Place, nodes_of


class Leases:
    """When each node of a pool is ready, and the spans for which it is paid."""

    def __init__(self, nodes: PackedNodes, keep_warm_s: float, draw_delay: Callable[[], float]) -> None:
        self._nodes = nodes
        self._keep_warm = keep_warm_s
        self._draw_delay = draw_delay
        self._ready: list[float] = []
        self._warm_until: list[float] = []
        self.node: list[int] = []
        self.from_s: list[float] = []
        self.to_s: list[float] = []

    def start_of(self, place: Place, gpus: int, now: float) -> float:
        """When a gang placed at `now` can start: at once on warm nodes, after the provider's answer on cold ones."""
        nodes = place if isinstance(place, list) else [place] if place is not None else []
        ready, start, answer = self._ready, now, -1.0
        for node in nodes:
            while node >= len(ready):
                ready.append(-1.0)
                self._warm_until.append(-1.0)
            fresh = isinstance(place, list) or self._nodes.alone_on(node, gpus)
            if fresh and now > self._warm_until[node]:
                self._return(node)
                if answer < 0:  # one request, one answer for all nodes it needs
                    answer = now + self._draw_delay()
                ready[node] = answer
            if ready[node] > start:
                start = ready[node]
        return start

    def idle(self, place: Place, now: float) -> None:
        """Note nodes that a gang leaves wholly free."""
        for node in place if isinstance(place, list) else [place] if place is not None else []:
            if self._nodes.whole_node_free(node):
                self._warm_until[node] = max(now, self._ready[node]) + self._keep_warm  # its gang may be gone before it came

    def holds(self, node: int, now: float) -> bool:
        """Whether the node is leased and has come; one on which a gang runs always is."""
        return node < len(self._ready) and 0 <= self._ready[node] <= now and (now <= self._warm_until[node] or not self._idle(node))

    def _idle(self, node: int) -> bool:
        return self._nodes.whole_node_free(node)

    def lose(self, node: int, now: float) -> None:
        """End the node's lease: it is gone, whoever was on it."""
        if node < len(self._ready) and self._ready[node] >= 0:
            until = min(now, self._warm_until[node]) if self._idle(node) else now
            if until > self._ready[node]:
                self.node.append(node)
                self.from_s.append(self._ready[node])
                self.to_s.append(until)
            self._ready[node] = self._warm_until[node] = -1.0

    def warm_until(self, node: int) -> float:
        """Until when an idle node is kept; −1 where it never was leased or is gone."""
        return self._warm_until[node] if node < len(self._ready) else -1.0

    def expects_delay(self, gpus: int, now: float) -> bool:
        """Whether a gang that fits now would wait for nodes: cold ones, or one that others have asked for and that has not come."""
        return any(self._is_cold(node, now) or now < self._ready[node] for node in nodes_of(self._nodes.place_for(gpus)))

    def _is_cold(self, node: int, now: float) -> bool:
        return node >= len(self._ready) or (self._idle(node) and now > self._warm_until[node])

    def close(self) -> None:
        """Give every node back after its last warm span."""
        for node in range(len(self._ready)):
            self._return(node)

    def _return(self, node: int) -> None:
        if self._ready[node] >= 0:
            self.node.append(node)
            self.from_s.append(self._ready[node])
            self.to_s.append(self._warm_until[node])
            self._ready[node] = -1.0
