"""Inputs that the jobs of a sweep share: computed once, before any job starts."""

import pickle
from dataclasses import replace
from functools import cache

import pytest
import torch

from clothseg import build
from clothseg.cache import read_census
from clothseg.config.command_line import check_command
from clothseg.dataset.folder import FolderReader
from clothseg.error import ConfigError, DataError
from clothseg.jobs.ending import Done
from clothseg.jobs.inputs import Inputs, share_inputs
from clothseg.jobs.outcome import run_here
from clothseg.run.job import Job
from clothseg.run.record import Record
from clothseg.split import Split
from clothseg.split.stratified import _assign_folds
from support.small_datasets import write_own_photos


@pytest.fixture
def own(tmp_path):
    return write_own_photos(tmp_path / "own", photos=12)


@cache
def composed(root, *overrides):
    folders = [f"dataset.root={root}", f"data.cache={root.parent / 'cache'}"]
    small = ["data.image_size=32", "data.batch_size=2", "split.folds=2", "split.validation=0.3"]
    (job,) = check_command(["dataset=folder", *folders, *small, *overrides])
    return job.config


def jobs_of(root, *variants, folds=2):
    """Jobs of all folds of configurations that differ in some overrides."""
    jobs = []
    for number, overrides in enumerate(variants or [()]):
        config = composed(root, *overrides)
        for fold in range(folds):
            folder = root.parent / "runs" / str(number) / f"fold-{fold}"
            of_fold = config.changed(split={"fold": fold})
            jobs.append(Job("a model", folder, of_fold, {}, []))
    return jobs


def test_folds_share_one_census_and_one_partition(own, monkeypatch, reads):
    listed = []
    open_census = build.open_census
    monkeypatch.setattr(
        build, "open_census", lambda *arguments: listed.append(1) or open_census(*arguments)
    )
    _assign_folds.cache_clear()
    jobs = share_inputs(jobs_of(own), Inputs())
    assert len(listed) == _assign_folds.cache_info().misses == 1
    assert len(reads) == 12
    assert len({job.census for job in jobs}) == 1
    census = read_census(jobs[0].census)
    assert sorted(name for job in jobs for name in job.split.test) == sorted(census.names)
    for job in jobs:
        assert job.split == build.build_split(job.config, census)
        reader = build.build_dataset(job.config)
        build.open_pixels(job.config, reader, census, job.split)
    assert len(reads) == 12  # pixels were decoded in the same pass


def test_jobs_are_sent_to_other_processes_with_their_inputs(own):
    job = share_inputs(jobs_of(own), Inputs())[1]
    assert pickle.loads(pickle.dumps(job)) == job


def test_sizes_of_a_sweep_are_decoded_in_one_pass(own, reads):
    jobs = share_inputs(jobs_of(own, ("data.image_size=32",), ("data.image_size=48",)), Inputs())
    for job in jobs:
        census, reader = read_census(job.census), build.build_dataset(job.config)
        build.open_pixels(job.config, reader, census, job.split)
    assert len(reads) == 12


def test_images_at_their_own_aspect_are_decoded_in_the_same_pass(own, reads):
    jobs = share_inputs(jobs_of(own, (), ("augmentation=dang2020",)), Inputs())
    for job, has_own_aspect in zip(jobs, (False, False, True, True), strict=True):
        census, reader = read_census(job.census), build.build_dataset(job.config)
        cache = build.open_training_pixels(job.config, reader, census, job.split)
        assert (cache.own_aspect is not None) == has_own_aspect
    assert len(reads) == 12


def test_a_budget_decodes_the_pixels_of_its_own_images_only(own, reads):
    job = share_inputs(jobs_of(own, ("data.max_train_images=2",)), Inputs())[0]
    assert len(reads) == 12
    del reads[:]
    census, reader = read_census(job.census), build.build_dataset(job.config)
    build.open_pixels(job.config, reader, census, job.split)
    assert set(reads) == job.split.names
    assert len(reads) == len(job.split.names) < 12


def test_a_command_lists_a_dataset_once(own, monkeypatch):
    listings = []
    list_samples = FolderReader.list_samples

    def counted(reader):
        listings.append(reader.root)
        return list_samples(reader)

    monkeypatch.setattr(FolderReader, "list_samples", counted)
    inputs, jobs = Inputs(), jobs_of(own, (), ("seed=1",))
    inputs.require([job.config for job in jobs])
    for job in jobs:
        inputs.fingerprint(job.config)
    share_inputs(jobs, inputs)
    assert listings == [own]


def test_finished_jobs_have_no_inputs_unless_they_are_repeated(own, reads):
    begun = []

    def share(jobs):
        return share_inputs(jobs, Inputs(), begin=lambda: begun.append(1))

    jobs = jobs_of(own, (), ("rerun=true",))
    for job in jobs:
        Record(job.folder).begin({}, {}, [], "CPU")
        Record(job.folder).set_state("done")
    shared = share(jobs)
    assert shared[:2] == jobs[:2]
    assert all(job.census and job.split for job in shared[2:])
    assert begun == [1]
    del reads[:]
    assert share(jobs[:2]) == jobs[:2]
    assert reads == []
    assert begun == [1]


def test_a_frozen_split_is_not_replaced(own):
    first, second = jobs_of(own)
    split = Split(["0", "1", "2"], ["3"], ["4"], "division", 0.0)
    split.write(first.folder / "split.json")
    shared = share_inputs([first, second], Inputs())
    assert (shared[0].split, shared[1].split is None) == (None, False)
    assert Split.read(first.folder / "split.json") == split


def test_a_dataset_that_is_too_small_is_one_error(own):
    with pytest.raises(ConfigError, match="12 distinct images cannot be split into 7 parts"):
        share_inputs(jobs_of(own, (), ("split.folds=7",)), Inputs())


def test_a_defective_sample_is_one_error(own):
    (own / "images" / "3.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"3\.jpg: the image is truncated") as error:
        share_inputs(jobs_of(own, (), ("seed=1",)), Inputs())
    assert str(error.value).count("truncated") == 1


def test_every_problem_of_a_sweep_is_stated(own):
    with pytest.raises(ConfigError) as error:
        share_inputs(jobs_of(own, ("split.folds=7",), (), ("split.folds=8",)), Inputs())
    assert len(error.value.problems) == 2


def test_a_defective_dataset_does_not_hide_an_impossible_split(own, tmp_path):
    other = write_own_photos(tmp_path / "other", photos=12)
    (other / "images" / "3.jpg").write_bytes(b"")
    with pytest.raises(DataError) as error:
        share_inputs([*jobs_of(other), *jobs_of(own, ("split.folds=7",))], Inputs())
    assert "3.jpg: the image is truncated" in str(error.value)
    assert "cannot be split into 7 parts" in str(error.value)


@pytest.mark.slow(seconds=8)
def test_a_job_with_inputs_trains_without_its_dataset(own):
    """Neither lists the dataset nor touches its files, which are gone."""
    network = ["model=unet", "backbone=mobilenet_v2", "model.decoder_channels=[16,16,16,16,16]"]
    trainer = ["trainer=cpu", "trainer.threads=1", "trainer.max_epochs=1"]
    (job, _) = jobs_of(own, (*network, *trainer))
    choices = {"model": "unet", "backbone": "mobilenet_v2", "dataset": "folder", "labels": "folder"}
    (job,) = share_inputs([replace(job, choices=choices)], Inputs())
    own.rename(own.with_name("moved"))
    assert run_here(job) == Done("done")
    assert Split.read(job.folder / "split.json") == job.split
    assert Record(job.folder).metrics["epochs"] == 1


def test_weights_that_do_not_fit_are_refused_before_images_are_decoded(own, tmp_path, reads):
    path = tmp_path / "other.pth"
    torch.save({"layer.weight": torch.zeros(2, 2)}, path)
    config = composed(own, "backbone=resnet18", f"backbone.weights={path}")
    with pytest.raises(ConfigError, match=r"does not fit resnet18: \d+ layers missing"):
        Inputs().require([config])
    assert reads == []
