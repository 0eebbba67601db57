"""The plain answers of a run, a sentence each: when targets break, how much headroom is left, whether commitments pay."""

from collections.abc import Iterator

from sim.report.words import TITLES, headroom_window, usd, value
from sim.results.breach import Breach
from sim.results.difference import difference
from sim.results.summary import Summary
from sim.scenario.units import DAY, format_duration


def answers(summary: Summary) -> list[str]:
    """Every sentence that the run can say."""
    judged = () if summary.unmeasured else summary.breaches
    return [*(_breach(summary, one) for one in judged), *_headroom(summary), *_commitments(summary)]


def _breach(summary: Summary, one: Breach) -> str:
    statistic = TITLES[f"wait.{one.figure.rsplit('.', 1)[1]}"]
    what = f"{one.workload}, {statistic} of each {format_duration(one.window_s)}:"
    over = f"over {format_duration(one.limit_s)} to the end"
    count = summary.replications
    broken = round(one.probability * count)
    if count == 1:
        return f"{what} stays {over}{_dates(one)} (a single run)" if broken else f"{what} does not stay {over} (a single run)"
    if not broken:
        return f"{what} stays {over} in none of {count} replications (95 % interval: at most {one.probability_high:.0%} of them)"
    interval = f"{one.probability:.0%}, 95 % interval {one.probability_low:.0%} – {one.probability_high:.0%}"
    return f"{what} stays {over} in {broken} of {count} replications ({interval}){_dates(one)}"


def _dates(one: Breach) -> str:
    """From when on, as far as dates lie before the horizon: each day once, of the largest share; alone where all replications agree."""
    spread = {"5 %": one.early_s, "half": one.median_s, "95 %": one.late_s}
    shares = {f"day {seconds / DAY:.0f}": share for share, seconds in spread.items() if seconds is not None}
    if len(shares) == 1 and one.late_s is not None:
        return f", from {next(iter(shares))} on"
    return f", from {', '.join(f'{day} on in {share} of all' for day, share in shares.items())}" if shares else ""


def _headroom(summary: Summary) -> Iterator[str]:
    end, least = summary.figure("headroom.end_gpus"), summary.figure("headroom.least_gpus")
    if end.mean is None or least.mean is None:
        return
    share = f"{summary.target_utilisation:.0%}"
    gone = sum(date is not None for date in summary.figure("headroom.gone_s").values)
    ends, window = value("headroom.end_gpus", end.mean), headroom_window(summary.horizon_s)
    left = f"{ends} in the last {window} and {value('headroom.least_gpus', least.mean)} in the tightest"
    lost = f"; it is gone, and stays so, in {gone} of {summary.replications} replications" if gone else ""
    yield f"headroom at {share} utilisation, against the work that arrives: {left}{lost}"


def _commitments(summary: Summary) -> Iterator[str]:
    used, pays = summary.figure("commitment.utilisation"), summary.figure("commitment.break_even_utilisation")
    if used.mean is None or pays.mean is None:
        return
    capacity, rented = f"owned and committed capacity is used to {used.mean:.0%}", f"the same GPU-hours on demand{_prices(summary)}"
    above = difference(used, pays, paired=True, antithetic=summary.intervals.pairs)
    if pays.mean > 1:
        yield f"{capacity}, and never pays: even used to the full it is dearer than {rented}"
    elif above.low is not None and not above.shown:
        yield f"{capacity}, and pays from {pays.mean:.0%} on: replications do not tell whether it is cheaper than {rented}"
    else:
        yield f"{capacity}, {'cheaper' if used.mean > pays.mean else 'dearer'} than {rented}: it pays from {pays.mean:.0%} on"


def _prices(summary: Summary) -> str:
    """What on demand costs, and where; the GPU too where there are several."""
    prices = summary.on_demand
    of = {one.gpu: f"{one.gpu}, " if len(prices) > 1 else "" for one in prices}
    said = " and ".join(f"{usd(one.usd_per_gpu_hour)}/GPU/h ({of[one.gpu]}{one.seller})" for one in prices)
    return f" at {said}" if said else ""
