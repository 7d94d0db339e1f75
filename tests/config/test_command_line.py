"""Errors on the command line: all are reported together, with key, value and a suggestion."""

import re
import sys

import pytest

from clothseg.commands.main import main
from clothseg.config.command_line import check_command, hydra_overrides
from clothseg.config.flags import split_flags
from clothseg.config.suggestion import did_you_mean
from clothseg.config.target import resolve_target
from clothseg.error import ConfigError
from clothseg.shipped import options

IMAGE_SIZE = (
    r"must be one number of pixels for both sides, or a list of two, \[height,width\]; each a "
    "whole number from 32 to 4096"
)


def problems(*overrides):
    with pytest.raises(ConfigError) as error:
        check_command(overrides, every_fold=True)
    return error.value.problems


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "model=fnp",
            r"model=fnp: no such option; did you mean `fpn`\? Available: classic_segnet, ",
        ),
        ("trainer=null", r"trainer=null: no such option; available: auto, cpu, ddp, ddp_cpu"),
        ("data=3", r"data=3: must be a valid dictionary"),
        ("modle=fpn", r"modle: no such key; did you mean `model`\?"),
        (
            "optimizer.lrr=1",
            r"optimizer\.lrr: no such key; did you mean `lr`\? Available: backbone_rate, betas, lr",
        ),
        ("data.image_sise=64", r"data\.image_sise: no such key; did you mean `image_size`\?"),
        ("data.image_size=[128]", rf"data\.image_size=\[128\]: {IMAGE_SIZE}$"),
        ("data.image_size=[128,96,3]", rf"data\.image_size=\[128, 96, 3\]: {IMAGE_SIZE}$"),
        ("data.image_size=[128,-96]", rf"data\.image_size=\[128, -96\]: {IMAGE_SIZE}$"),
        ("data.image_size=[]", rf"data\.image_size=\[\]: {IMAGE_SIZE}$"),
        ("data.image_size=[128,true]", rf"data\.image_size=\[128, True\]: {IMAGE_SIZE}$"),
        ("data.image_size=16", rf"data\.image_size=16: {IMAGE_SIZE}$"),
        ("data.image_size=64.5", rf"data\.image_size=64\.5: {IMAGE_SIZE}$"),
        ("data.image_size={h:1}", rf"data\.image_size=.*: {IMAGE_SIZE}$"),
        ("data.fit=pad", r"data\.fit=pad: must be 'squeeze', 'letterbox' or 'crop'$"),
        ("+data.more=1", r"data\.more: no such key"),
        ("optimizer.lr=abc", r"optimizer\.lr=abc: must be a valid number"),
        ("optimizer.lr=-1", r"optimizer\.lr=-1: must be greater than 0"),
        ("trainer.max_epochs=1.5", r"trainer\.max_epochs=1\.5: must be a valid integer"),
        ("trainer.precision=64", r"trainer\.precision=64: must be 32, 16 or 'bf16'"),
        ("split.validation=0.9", r"split\.validation=0\.9: must be .* 0\.5 or must be 'test'"),
        ("split.fold=7", r"split\.fold=7: must be 0 to 4, because there are 5 folds"),
        ("split.fold=0,7", r"split\.fold=7: must be 0 to 4"),
        ("dataset=ccp", r"dataset\.root is required: add dataset\.root=<value>"),
        ("~optimizer.lr", r"optimizer\.lr: required key is missing"),
        ("a b", r"`a b` is not of the form key=value"),
        ("labels.names=[A]", r"1 names; 2 to 254 classes"),
        (
            "dataset.names=[hair,glove]",
            r"labels=refined15 does not assign 1 of the dataset's names: glove",
        ),
        ("labels.gathers.Hat=[hat,crown]", r"gathers names that no dataset has: crown"),
        ("loss._target_=os.system", r"loss\._target_=os\.system is not trusted"),
        (
            "model._target_=clothseg.build.torch.load",
            r"clothseg\.build\.torch\.load is not trusted",
        ),
        (
            "+model.extra._target_=builtins.eval",
            r"model\.extra\._target_=builtins\.eval is not trusted",
        ),
        ("+hydra.callbacks.x._target_=os.system", r"hydra\.callbacks\.x\._target_: cannot be set"),
        ("+hydra.callbacks.x={_target_:joblib.load}", r"hydra\.callbacks\.x: cannot be set"),
        ("hydra.launcher._target_=os.system", r"hydra\.launcher\._target_: cannot be set"),
        ("hydra.searchpath=[x]", r"hydra\.searchpath: cannot be set; of Hydra's keys only hydra"),
        ("hydra/callbacks=x", r"hydra/callbacks: cannot be set"),
        ("hydra/lancher=local", r"hydra/lancher: .*; did you mean `hydra/launcher`\?"),
        ("hydra/sweeper=null", r"hydra/sweeper=null: no such option"),
        ("~hydra/launcher", r"hydra/launcher=null: no such option; available: local"),
        (
            "hydra.launcher.max_paralel=2",
            r"hydra\.launcher\.max_paralel: no such key; did you mean `max_parallel`",
        ),
        (
            "hydra.launcher.max_parallel=1,2",
            r"max_parallel=1,2: this setting applies to the entire sweep",
        ),
        ("hydra.sweeper.params.x=1", r"hydra\.sweeper\.params\.x: .* as <key>=a,b with -m"),
        ("bugdet=smoke", r"bugdet: no such key; did you mean `budget`\?"),
        ("experimant=x", r"experimant: no such key; did you mean `experiment`\?"),
        ("dataset.root=~/ccp", r"root=~/ccp: `~` is not .* write dataset\.root=\$HOME/ccp$"),
        ("dataset.root='~/ccp'", r"`~` is not expanded .* write dataset\.root=\$HOME/ccp$"),
        ("seed=interval(0,1)", r"interval\(0,1\): interval\(\) cannot be enumerated; use choice"),
        ("model=interval(0,1)", r"interval\(0,1\): interval\(\) cannot be enumerated; use choice"),
        ("seed=glob(*)", r"seed=glob\(\*\): glob\(\) selects options of a group; use choice"),
        ("model=glob(z*)", r"model=glob\(z\*\): matches no value; available: classic_segnet, "),
        ("logger=glob(*)", r"logger cannot be swept over; 'logger=\[csv,.*\]' selects all"),
        ("seed=range(5,0)", r"seed=range\(5,0\): matches no value"),
        ("seed=range(0,5,0)", r"seed=range\(0,5,0\): invalid range; the step must not be 0"),
        ("optimizer.lr=inf", r"optimizer\.lr=inf: must be a finite number"),
        ("dataset.root=a(b)", r"quote special characters twice: 'dataset\.root=\"a\(b\)\"'"),
        ("split.folds=0", r"split\.folds=0: must be greater than or equal to 2"),
        ("split.folds=0,5", r"split\.folds=0: must be greater than or equal to 2"),
        ("split.folds=100000000", r"split\.folds=100000000: must be less than or equal to 100"),
        ("split.folds=${nope}", r"Interpolation key 'nope' not found"),
        ("~dataset", r"dataset\._target_: required key is missing"),
        ("~optimizer._target_", r"optimizer\._target_: required key is missing"),
        ("~callbacks.checkpoints", r"callbacks\.checkpoints: required, because it saves the epoch"),
        ("callbacks.checkpoints.monitor=val/x", r"monitor=val/x: must be .*'val/mean_iou'"),
        ("~callbacks.early_stoping", r"~callbacks\.early_stoping: no such key; available: checkp"),
        ("~optimizer.lrr", r"~optimizer\.lrr: no such key; did you mean `lr`\?"),
        ("model=linknet backbone=mit_b2", r"model=linknet cannot have backbone=mit_b2: .*fpn"),
    ],
)
def test_an_error_names_the_key_and_the_allowed_values(override, message):
    overrides = [override] if override == "a b" else override.split()
    assert any(re.search(message, problem) for problem in problems(*overrides))


def test_all_errors_are_listed_together():
    found = problems(
        "model=fnp", "modle=3", "optimizer.lr=x", "split.fold=9", "seed=-1", "labels=c"
    )
    assert len(found) == 6


def test_an_unknown_option_causes_no_errors_about_keys_of_its_group():
    assert len(problems("model=fnp", "model.dropout=0.1")) == 1


def test_an_error_in_a_sweep_is_found_before_anything_runs():
    found = problems("model=fpn,linknet", "backbone=resnet18,mit_b2", "optimizer.lr=1e-3,0")
    assert len(found) == 2


def test_a_sweep_composes_every_combination():
    jobs = check_command(["model=fpn,unet", "optimizer.lr=1e-3,1e-4", "split.fold=range(3)"])
    assert len(jobs) == 12
    seen = {
        (j.choices["model"], j.config.plain["optimizer"]["lr"], j.config.plain["split"]["fold"])
        for j in jobs
    }
    assert len(seen) == 12


def test_a_glob_selects_every_matching_option():
    jobs = check_command(["model=glob([f*,*net],exclude=*p*)"])
    assert {"fcn", "linknet", "unet"} <= {job.choices["model"] for job in jobs}
    swept = [text for text in options("experiment") if text.startswith("ccp/")]
    assert hydra_overrides(["experiment=glob(ccp/*)"]) == [f"experiment={','.join(swept)}"]


def test_launcher_settings_reach_hydra_as_they_were_validated():
    typed = ["hydra/launcher=submitit_slurm", "hydra.launcher.additional.account=vision"]
    (job,) = check_command(typed)
    assert job.launcher["additional"] == {"account": "vision"}
    assert hydra_overrides(typed) == [typed[0], f"++{typed[1]}"]


def test_values_keep_their_types():
    (job,) = check_command(["backbone.weights=null", "optimizer.betas=[0.8,0.9]", "output='a b'"])
    assert job.config.plain["backbone"]["weights"] is None
    assert job.config.plain["optimizer"]["betas"] == [0.8, 0.9]
    assert job.config.plain["output"] == "a b"


def test_labels_on_the_command_line_override_the_default_of_the_dataset():
    (job,) = check_command(["dataset=ccp", "labels=body4", "dataset.root=x"])
    assert job.config.plain["labels"]["name"] == "body4"
    (job,) = check_command(["dataset=ccp", "dataset.root=x"])
    assert job.config.plain["labels"]["name"] == "refined15"


@pytest.mark.parametrize(
    "typed",
    [
        "-m model=fpn backbone=resnet18",
        "model=fpn -m backbone=resnet18",
        "model=fpn backbone=resnet18 -m",
    ],
)
def test_flags_may_stand_anywhere(typed):
    assert split_flags(typed.split()) == (["model=fpn", "backbone=resnet18"], ["-m"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=unet"], "--model=unet: no such flag; write keys without dashes: model=unet"),
        (["-m", "--foo"], "--foo: no such flag; available: -m, --multirun, --cfg"),
        (["--resolve"], "--resolve: only allowed together with --cfg"),
        (["--cfg=job", "model=fnp"], "model=fnp: no such option; did you mean `fpn`?"),
        (["--cfg=job", "hydra.searchpath=[x]"], "hydra.searchpath: cannot be set; of Hydra's keys"),
        (["--cfg", "job", "model=fpn,unet", "-m"], "show a single configuration; pass one value"),
    ],
)
def test_an_invalid_flag_is_an_error(arguments, message, capsys):
    assert main("train", arguments) == 1
    assert message in capsys.readouterr().err


def test_a_flag_of_another_command_is_rejected(capsys):
    assert main("evaluate", ["run=x", "--subset=train"]) == 1
    assert "write keys without dashes: subset=train" in capsys.readouterr().err


def test_an_unusable_path_is_reported_in_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main("train", [f"dataset.root={tmp_path / 'file'}"]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {tmp_path / 'file'}")
    assert message.count("\n") == 1


def test_a_flag_keeps_its_value():
    for typed in (["--cfg", "job", "model=fpn"], ["model=fpn", "--cfg=job"]):
        assert split_flags(typed) == (["model=fpn"], ["--cfg", "job"])


def test_functions_of_a_trusted_package_are_allowed_but_not_its_imports(tmp_path, monkeypatch):
    (tmp_path / "wardrobe_losses.py").write_text(
        "from os import system\ndef mine(*, weight: float): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve_target("wardrobe_losses.mine", ["wardrobe_losses"]).__name__ == "mine"
    for target in (
        "wardrobe_losses.system",
        "wardrobe_losses.os.system",
        "wardrobe_losses_too.mine",
    ):
        with pytest.raises(ConfigError):
            resolve_target(target, ["wardrobe_losses"])
    overrides = ["loss._target_=wardrobe_losses.mine", "trust=[wardrobe_losses]"]
    assert check_command([*overrides, "+loss.weight=2.0"])[0].config.plain["loss"]["weight"] == 2
    assert "loss.weight: required key is missing" in problems(*overrides)
    sys.modules.pop("wardrobe_losses")


def test_a_suggestion_is_made_only_for_a_close_match():
    assert did_you_mean("adm", ["adam", "sgd"]) == "did you mean `adam`? Available: adam, sgd"
    assert did_you_mean("zzz", ["adam", "sgd"]) == "available: adam, sgd"


OWN = """
def trainer(callbacks, world_size, *, precision: str, threads: int | None): ...
def split(census, *, folds: list[int]): ...
def checkpoints(folder, *, patience: int): ...
"""


def test_functions_of_the_user_may_lack_keys_but_not_contradict_those_that_are_read(
    tmp_path, monkeypatch
):
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    (default,) = check_command([])

    def own(group, **keys):
        """Overrides that replace the function of a node and all of its keys."""
        node = default.config.plain
        for name in group.split("."):
            node = node[name]
        removed = [f"~{group}.{key}" for key in node if key not in ("_target_", *keys)]
        name = group.rpartition(".")[2]
        values = [f"++{group}.{key}={value}" for key, value in keys.items()]
        return ["trust=[own_parts]", f"{group}._target_=own_parts.{name}", *removed, *values]

    (job,) = check_command(own("trainer", precision="bf16", threads=2))
    assert job.config.execution.precision == "bf16"
    assert (job.config.execution.devices, job.config.execution.accelerator) == (1, "auto")
    assert "trainer.precision=double: must be 32, 16 or 'bf16'" in problems(
        *own("trainer", precision="double", threads=2)
    )
    (job,) = check_command(own("split", folds="[1,2]"), every_fold=True)
    assert (job.config.folds, job.config.fold) == (None, None)
    found = problems(*own("callbacks.checkpoints", patience=3))
    assert found[0].startswith("callbacks.checkpoints.monitor=None: must be one of val/loss")


def test_a_command_without_sweeps_accepts_a_single_value(capsys):
    assert main("evaluate", ["run=a,b"]) == 1
    assert "several values for one key: this command accepts a single value" in (
        capsys.readouterr().err
    )
