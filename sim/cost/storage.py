"""Seconds at a node's storage, which a merge reads and writes at the same time."""

from sim.cost.calibration import Calibration

BOTH = "disk-both"


def storage_families(calibration: Calibration) -> tuple[str, ...]:
    """The calibration's families that reading and writing at once rests on."""
    return ("disk-read", "disk-write", *((BOTH,) if BOTH in calibration.fits else ()))


def storage_seconds(read: float, written: float, calibration: Calibration) -> float:
    """Seconds until these bytes are read and written, at once as far as both last.

    What a disk does at once was measured; of one that nobody measured so, reads and writes are taken not to meet, as on a full-duplex link.
    """
    alone = max(calibration.fit("disk-read").bytes_seconds(read), calibration.fit("disk-write").bytes_seconds(written))
    if BOTH not in calibration.fits:
        return alone
    left = calibration.fit("disk-read" if read > written else "disk-write")
    together = calibration.fit(BOTH).bytes_seconds(2 * min(read, written))
    return max(alone, together + left.bytes_seconds(abs(read - written)) - left.overhead_s)
