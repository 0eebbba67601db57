"""The run folder: everything one run said, complete or absent.

A folder is built beside its final place under a name of its own and renamed into it, so that no reader ever sees half of one.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ValidationError

from sim.results.summary import Summary
from sim.scenario.errors import InputError

SUMMARY, SCENARIO, STUDY, REPORT = "summary.json", "scenario.yaml", "study.json", "report.html"
SWEEP, OPTIMISATION, SENSITIVITY = "sweep.json", "optimisation.json", "sensitivity.json"
PLANS = "plans"
"""Where a study keeps a run folder a plan."""


@contextmanager
def written_folder(target: Path, *, replace: bool) -> Iterator[Path]:
    """A folder to fill, put at `target` when the block ends well and removed when it does not.

    InputError where `target` exists and is not to be replaced, or where its parent cannot be written.
    """
    refuse_folder(target, replace=replace)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=unfinished(target), dir=target.parent))
    except OSError as error:
        raise InputError.of(f"cannot be written: {error.strerror}; give another folder with --out", where=str(target)) from None
    try:
        yield work
        os.chmod(work, 0o755)
        if replace and target.exists():
            old = Path(tempfile.mkdtemp(prefix=unfinished(target), dir=target.parent))
            target.rename(old / target.name)
            work.rename(target)
            shutil.rmtree(old)
        else:
            work.rename(target)
    except OSError as error:
        raise InputError.of(f"cannot be written: {error.strerror}; nothing was kept", where=str(target)) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def unfinished(target: Path) -> str:
    """How the names of folders begin that stand beside `target` while it is written; a killed process leaves them."""
    return f".{target.name}.part-"


def refuse_folder(target: Path, *, replace: bool) -> None:
    """InputError where writing to `target` would touch what is there."""
    if target.exists() and not (replace and is_run(target)):
        raise InputError.of("exists already; choose another folder with --out, or move it away", where=str(target))


def is_run(folder: Path) -> bool:
    """Whether this is a run folder or that of a comparison, a sweep, an optimisation or a sensitivity study."""
    return any((folder / one).is_file() for one in (SUMMARY, STUDY, SWEEP, OPTIMISATION, SENSITIVITY))


def scenarios_of(folder: Path) -> set[str]:
    """The resolved scenarios that a folder of results is about: its own, and those of its plans."""
    return {path.read_text(encoding="utf-8", errors="replace") for path in (*folder.glob(SCENARIO), *folder.glob(f"{PLANS}/*/{SCENARIO}"))}


def write_run(
    folder: Path, scenario_yaml: str, summary: Summary, tables: Mapping[str, pd.DataFrame], calibrations: Mapping[str, BaseModel]
) -> None:
    """Fill a folder (from `written_folder`) with one run: resolved scenario, calibrations, tables, summary."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SCENARIO).write_text(scenario_yaml, encoding="utf-8")
    for gpu, calibration in calibrations.items():
        (folder / f"calibration-{gpu}.json").write_text(calibration.model_dump_json(indent=1), encoding="utf-8")
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / SUMMARY).write_text(json.dumps(summary.model_dump(mode="json"), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_summary(folder: Path) -> Summary:
    """A run's summary; InputError where the folder is no run."""
    path = folder / SUMMARY
    try:
        return Summary.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        found = f"is not a run folder ({error.strerror}: {SUMMARY})" if folder.exists() else "no such folder"
        raise InputError.of(f"{found}; give one that 'leadtime run' wrote", where=str(folder)) from None
    except (ValidationError, UnicodeDecodeError):
        raise InputError.of("is not a summary that this version reads; run the scenario again", where=str(path)) from None


def read_scenario(folder: Path) -> str:
    """The text of a folder's resolved scenario."""
    try:
        return (folder / SCENARIO).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError.of(f"has no readable {SCENARIO}; run the scenario again", where=str(folder)) from None


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """One of a run's tables: ``jobs``, ``timeline`` or ``billing``."""
    try:
        return pd.read_parquet(folder / f"{name}.parquet")
    except (OSError, ValueError):
        raise InputError.of(f"has no readable {name}.parquet; run the scenario again", where=str(folder)) from None
