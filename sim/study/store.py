"""The store of a study under way: every replication that ended, so that a study killed at any moment goes on from there.

A hidden folder beside the run folder to be, holding one SQLite file (write-ahead log): a row a replication under the hash of all that
it follows from, with its tables, committed as one. A half-written row is not there, and what was committed survives the death of every
process. The file is locked while a study is at work, and removed once the run folder stands.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sim
from sim.engine.remaining import NeverDoneError
from sim.results.run_folder import refuse_folder, scenarios_of, unfinished
from sim.scenario.document import Document
from sim.scenario.errors import InputError, Problem
from sim.scenario.loading import resolved_yaml
from sim.study.replication import Replication
from sim.study.stored import decode, encode
from sim.study.tasks import Done, Task

LEDGER = "ledger.sqlite"
PATIENCE_S = 2.0
"""For whoever looks into the file as it is opened, a backup say; another study at work holds it for as long as that takes."""
WORTH_KEEPING_S = 5.0
"""Work that is done again rather than kept: shorter studies leave no store behind."""

TABLES = """
CREATE TABLE study (name TEXT, version TEXT);
CREATE TABLE replications (task TEXT PRIMARY KEY, plan TEXT, number INTEGER, seconds REAL, said TEXT);
CREATE TABLE tables (task TEXT, name TEXT, arrow BLOB, PRIMARY KEY (task, name));
"""


@contextmanager
def resumable(target: Path, name: str) -> Iterator["Store"]:
    """The store of the study called `name`, whose folder will be `target`: removed when the block ends well.

    When it does not, what stopped it (KeyboardInterrupt, InputError) says what is kept.
    """
    store, fresh = Store(_beside(target), name), not target.exists()
    if len(store):
        for left_behind in target.parent.glob(f"{unfinished(target)}*"):
            shutil.rmtree(left_behind, ignore_errors=True)
    try:
        yield store
    except KeyboardInterrupt as stop:
        if fresh and target.exists():
            store.discard()
            raise KeyboardInterrupt(f"stopped; {target} is complete") from None
        raise KeyboardInterrupt(f"stopped; {store.kept} ({store.folder})" if len(store) else str(stop)) from None
    except InputError as error:
        if len(store) and not isinstance(error, NeverDoneError):  # which would end as it did
            error.problems.append(Problem(store.kept, str(store.folder)))
        raise  # as it is: a plugin's error brings its traceback along
    else:
        store.discard()
    finally:
        store.close()


def _beside(target: Path) -> Path:
    return target.parent / f".{target.name}.study"


def refuse_finished(target: Path, name: str, documents: Iterable[Document]) -> None:
    """InputError where `target` exists; says so where it holds this very study of `documents`, and removes the store beside it.

    A process killed between the last rename and its end leaves that store; it is known by what the folder is about, so that no other
    folder put in the way costs an unfinished study what it keeps.
    """
    if {resolved_yaml(document) for document in documents} <= scenarios_of(target):
        with suppress(InputError):  # another's, or another is at work there
            Store(_beside(target), name).discard()
        raise InputError.of("exists already, this study, finished; read its report, or choose another folder with --out", where=str(target))
    refuse_folder(target, replace=False)


def task_key(task: Task) -> str:
    """SHA-256 of everything that a replication follows from."""
    return hashlib.sha256(f"{task.preparation.key}\n{task.number}".encode()).hexdigest()


class Store:
    """The store in `folder` of the study called `name`, a name that says what is in it (`sim.study.run.Run.folder_name`).

    InputError where the folder is another study's or version's, or another process is at work there.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._name = name
        self._ledger: sqlite3.Connection | None = None
        self._unkept: list[tuple[Task, Done]] = []
        self._stored: set[str] = set()
        if (folder / LEDGER).exists():
            with self._told():
                self._open()
                self._refuse_another()
                self._stored = {key for (key,) in self._asked("SELECT task FROM replications")}

    def __contains__(self, task: Task) -> bool:
        return task_key(task) in self._stored

    def __len__(self) -> int:
        return len(self._stored)

    def keep(self, task: Task, done: Done) -> None:
        """Commit a replication; the first ones of a study wait until there is something worth keeping."""
        self._unkept.append((task, done))
        if self._ledger is None:
            if sum(one.seconds for _, one in self._unkept) < WORTH_KEEPING_S:
                return
            with self._told():
                self.folder.mkdir(parents=True, exist_ok=True)
                self._open()
        with self._told():
            while self._unkept:
                self._commit(*self._unkept[0])
                del self._unkept[0]

    def read(self, task: Task) -> Replication:
        """A replication that is in the store."""
        key = task_key(task)
        with self._told():
            ((said,),) = self._asked("SELECT said FROM replications WHERE task = ?", key)
            tables = dict(self._asked("SELECT name, arrow FROM tables WHERE task = ?", key))
        return decode(said, tables)

    @property
    def kept(self) -> str:
        """For someone whose study stopped."""
        return f"{len(self)} finished replications are kept; the same command goes on from there"

    def close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def discard(self) -> None:
        """Remove the store: its study's run folder stands."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _open(self) -> None:
        self._ledger = sqlite3.connect(self.folder / LEDGER, timeout=PATIENCE_S, isolation_level=None)
        self._asked("PRAGMA locking_mode = EXCLUSIVE")
        self._asked("PRAGMA journal_mode = WAL")
        self._asked("PRAGMA synchronous = NORMAL")
        self._ledger.execute("BEGIN EXCLUSIVE")
        if not self._asked("SELECT name FROM sqlite_master"):
            for statement in TABLES.strip().split(";\n"):
                self._asked(statement)
            self._asked("INSERT INTO study VALUES (?, ?)", self._name, sim.__version__)
        self._ledger.execute("COMMIT")

    def _refuse_another(self) -> None:
        ((name, version),) = self._asked("SELECT name, version FROM study")
        if (name, version) != (self._name, sim.__version__):
            of = f"{name}, begun by leadtime {version}" if version != sim.__version__ else name
            self.close()
            raise InputError.of(
                f"holds an unfinished study of {of}, and this is {self._name}; give another folder with --out, or remove that one",
                where=str(self.folder),
            )

    def _commit(self, task: Task, done: Done) -> None:
        key = task_key(task)
        said, tables = encode(done.replication)
        assert self._ledger is not None
        self._ledger.execute("BEGIN")
        try:
            row = (key, task.plan, task.number, done.seconds, said)
            self._ledger.execute("INSERT OR REPLACE INTO replications VALUES (?, ?, ?, ?, ?)", row)
            for name, arrow in tables.items():
                self._ledger.execute("INSERT OR REPLACE INTO tables VALUES (?, ?, ?)", (key, name, arrow))
            self._ledger.execute("COMMIT")
        except BaseException:
            if self._ledger.in_transaction:
                self._ledger.execute("ROLLBACK")
            raise
        self._stored.add(key)

    def _asked(self, statement: str, *values: Any) -> list[Any]:
        assert self._ledger is not None
        return self._ledger.execute(statement, values).fetchall()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What a disk or a database says, as one error."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self.close()
            says = error.strerror if isinstance(error, OSError) else str(error)
            if "locked" in str(says):
                says = "another leadtime is at work on this study; wait for it, or give another folder with --out"
            else:
                says = f"cannot be written: {says}; make room there, or give another folder with --out"
            raise InputError.of(says, where=str(self.folder)) from None
