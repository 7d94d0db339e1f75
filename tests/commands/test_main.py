"""The table of commands, and the console command that starts them."""

import importlib

import pytest

from clothseg import __version__
from clothseg.commands.main import COMMANDS, console, main
from clothseg.shipped import CONF
from support.paths import REPOSITORY

SCRIPTS = {path.stem for path in (REPOSITORY / "scripts").glob("*.py")}


@pytest.fixture
def typed(monkeypatch, capsys):
    """Run the console command with some words; returns its status and its two outputs."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["clothseg", *words])
        status = console()
        return status, *capsys.readouterr()

    return run


def test_every_script_is_a_command_and_every_command_a_script():
    assert COMMANDS.keys() == SCRIPTS | {"train"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_module_a_configuration_and_a_test(name):
    command = COMMANDS[name]
    assert callable(
        getattr(importlib.import_module(f"clothseg.commands.{name}"), f"{name}_command")
    )
    assert (CONF / f"{command.config}.yaml").is_file()
    tests = REPOSITORY / "tests" / "commands"
    assert (tests / f"test_{name}.py").is_file() or (tests / name).is_dir()


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_the_console_command_lists_the_commands(typed, words):
    status, output, error = typed(*words)
    assert (status, error) == (0, "")
    for name, command in COMMANDS.items():
        assert f"  {name:<10} {command.summary}\n" in output


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_the_words_that_were_typed(typed, name, capsys):
    assert typed(name, "--help")[1].startswith(f"clothseg {name} ")
    assert main(name, ["--help"]) == 0
    assert capsys.readouterr().out.startswith("python ")


def test_an_unknown_command_is_answered_with_the_closest(typed):
    status, output, error = typed("evalute")
    assert (status, output) == (1, "")
    assert error.startswith("error: evalute: no such command; did you mean `evaluate`? Available:")


def test_the_version_is_that_of_the_package(typed):
    assert typed("--version") == (0, f"clothseg {__version__}\n", "")


def test_a_flag_that_a_command_lacks_is_refused(typed):
    assert "-m: no such flag; available: --help" in typed("score", "-m")[2]
    assert "write keys without dashes: run=x" in typed("evaluate", "--run=x")[2]
