"""Files of a search that somebody else made: nothing in them is run, and no trial is invented."""

import json
import os
import pickle
import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clothseg.config.search_space import Choice, Range
from clothseg.error import DataError
from clothseg.jobs.search.claims import Claims
from clothseg.jobs.search.optuna_study import FILE, OptunaStudy
from clothseg.jobs.search.random_study import RandomStudy

SPACE = [Range("optimizer.lr", 1e-4, 1e-1, log=True), Range("trainer.max_epochs", 1, 9)]
ENDLESS = "with recursive n(x) as (select 1 union all select x + 1 from n)"
DIRECTIONS = "1 as study_direction_id, 'MAXIMIZE' as direction, 1 as study_id, 0 as objective"


def opened(folder, sampler="tpe"):
    folder.mkdir(exist_ok=True)
    return OptunaStudy(folder, SPACE, True, sampler, "median", 0)


def use(folder, sampler="tpe"):
    """Do what the start of a search does."""
    study = opened(folder, sampler)
    study.unfinished()
    study.trials()
    return study.trial(study.begin())


@pytest.fixture
def folder(tmp_path):
    """Folder of a search with one complete trial."""
    study = opened(tmp_path / "search")
    study.begin()
    study.report(0, [0.4, 0.5])
    study.end(0, "complete")
    study._storage.engine.dispose()
    return tmp_path / "search"


def change(folder, *statements):
    connection = sqlite3.connect(folder / FILE)
    for statement in statements:
        connection.execute(*(statement if isinstance(statement, tuple) else (statement,)))
    connection.commit()
    connection.close()


class Payload:
    """Object whose pickle makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_the_state_of_cmaes_is_no_code(folder, tmp_path):
    planted = pickle.dumps(Payload(tmp_path / "made")).hex()
    insert = "insert into trial_system_attributes values (null, 1, 'cma:optimizer:0', ?)"
    change(folder, (insert, (json.dumps(planted),)))
    with pytest.raises(DataError, match=r"study\.db cannot be used"):
        use(folder, "cmaes")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "statements",
    [
        ["drop table study_directions", f"create view study_directions as select {DIRECTIONS}"],
        [
            "drop table study_directions",
            f"create view study_directions as {ENDLESS} select {DIRECTIONS} from n",
        ],
        [
            "create trigger t after insert on trials begin "
            "update studies set study_name = 'x' where study_id = 9; end"
        ],
    ],
    ids=["view", "endless", "trigger"],
)
def test_views_and_triggers_are_not_run(folder, statements):
    change(folder, *statements)
    with pytest.raises(DataError, match=r"study\.db cannot be used \(.*(prohibited|authorized)"):
        use(folder)


@pytest.mark.parametrize(
    "parameters",
    [
        {"optimizer.lr": "0.01", "trainer.max_epochs": "2", "output": "elsewhere"},
        {"optimizer.lr": "0.01"},
        {"optimizer.lr": "0.01", "trainer.max_epochs": "99"},
        {"optimizer.lr": "0.01,0.02", "trainer.max_epochs": "2"},
        {"optimizer.lr": 0.01, "trainer.max_epochs": 2},
        ["optimizer.lr=0.01"],
        None,
    ],
)
@pytest.mark.parametrize("state", ["RUNNING", "COMPLETE"])
def test_only_values_of_the_search_space_become_overrides(folder, state, parameters):
    update = "update trial_user_attributes set value_json = ? where key = 'parameters'"
    change(folder, (update, (json.dumps(parameters),)), f"update trials set state = '{state}'")
    with pytest.raises(DataError, match="trial 0 has parameters that are not searched"):
        use(folder)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("update trials set number = 7", "trial 0 is missing"),
        ("update trials set state = 'WAITING'", "trial 0 was not begun by this search"),
        ("update trials set state = 'x'", "its content is not that of a study"),
        ("delete from trial_values", "trial 0 has a score that is not a finite number"),
        ("update trial_values set value_type = 'INF_POS', value = null", "not a finite number"),
        ("update trial_user_attributes set value_json = '{'", "its content is not that of a study"),
        ("insert into trial_user_attributes values (null, 1, 'reason', '[]')", "is not text"),
        ("update trial_params set distribution_json = 'null'", "its content is not that of a"),
        ("delete from studies", "cannot be used"),
    ],
)
def test_what_optuna_would_not_have_written_is_a_sentence(folder, statement, reason):
    change(folder, statement)
    with pytest.raises(DataError, match=rf"study\.db cannot be used .*{reason}|{reason}.*delete"):
        use(folder)


@pytest.mark.parametrize("ending", ["", "-journal", "-wal"])
def test_a_link_is_refused_because_its_file_would_be_written(tmp_path, ending):
    other = tmp_path / "other.db"
    change_nothing = sqlite3.connect(other)
    change_nothing.execute("create table bookmarks (a)")
    change_nothing.close()
    before = other.read_bytes()
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / f"{FILE}{ending}").symlink_to(other)
    with pytest.raises(DataError, match=rf"{FILE}{ending}: is a link"):
        opened(tmp_path / "search")
    assert other.read_bytes() == before


def test_a_pipe_or_a_huge_file_is_not_opened(tmp_path):
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / FILE)
    with pytest.raises(DataError, match=r"study\.db: is a named pipe"):
        opened(tmp_path / "a")
    (tmp_path / "b").mkdir()
    with (tmp_path / "b" / FILE).open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DataError, match=r"study\.db: has 1,073,741,824 bytes"):
        opened(tmp_path / "b")


BOUNDS = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=2, unique=True).map(sorted)
COUNTS = st.lists(st.integers(-1000, 1000), min_size=2, max_size=2, unique=True).map(sorted)
RANGES = st.one_of(
    BOUNDS.map(lambda b: Range("a", *b)),
    COUNTS.map(lambda b: Range("a", *b)),
    st.tuples(st.integers(-9, 9), st.integers(1, 9), st.integers(1, 9)).map(
        lambda t: Range("a", t[0] / 10, (t[0] + t[1] * t[2]) / 10, step=t[1] / 10)
    ),
    st.just(Choice("a", ("focal", "dice"))),
)


@given(RANGES, st.integers(0, 2**31 - 1))
def test_a_dimension_has_every_value_that_is_drawn_from_it(part, seed):
    study = RandomStudy([part], seed)
    for _ in range(int(min(5, study.capacity))):
        assert part.has(study.trial(study.begin()).parameters["a"])


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "0.2", "1e-9", "0.0_1", " 0.01", "x", 0.01, None]
)
def test_a_range_has_no_other_text(text):
    assert not SPACE[0].has(text)
    assert not Choice("loss", ("focal", "dice")).has(text)


def test_the_claim_of_a_trial_that_cannot_be_read_is_named(tmp_path):
    claims = Claims(tmp_path)
    (tmp_path / ".trial-0.claim").mkdir()
    with pytest.raises(DataError, match=r"\.trial-0\.claim cannot be written"):
        claims.take(0)
    assert claims.take(1)
    marker = (tmp_path / ".trial-1.claim").read_text()
    claims.release_all()
    foreign = re.sub(r"duration=.*", "duration=5.0", marker)
    (tmp_path / ".trial-1.claim").write_text(re.sub(r"host=.*", "host=another", foreign))
    with pytest.raises(DataError, match=r"\.trial-1\.claim is not the claim of .* delete it"):
        claims.take(1)
