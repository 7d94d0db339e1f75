"""Overrides outside of the grammar or of its limits: what is wrong, never a traceback or a wait."""

import math

import pytest

from clothseg.config.grammar import FORMS, MAX_DEPTH, MAX_LENGTH, parse_override
from clothseg.config.override import (
    MAX_JOBS,
    MAX_REFERENCES,
    number_of_values,
    parse,
    sweep_problem,
    values_of,
    variants,
)
from clothseg.error import ConfigError

FORM = "is not of the form key=value"
NO_KEY = "is no key; keys are words of the letters a to z, digits, `_` and `-`, joined by single"


def problem(text):
    with pytest.raises(ConfigError) as error:
        parse_override(text)
    (found,) = error.value.problems
    return found


def nested(opening, closing, levels):
    return opening * levels + "1" + closing * levels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"seed={'9' * 5000}", "a number must not have more than 4,300 digits"),
        (f"+a.b=[1,{'8' * 4301}]", "a number must not have more than 4,300 digits"),
        (f"labels={nested('{a:', '}', 400)}", "nested more than 20 levels deep"),
        (f"model.decoder_channels={nested('[', ']', MAX_DEPTH + 1)}", "nested more than 20"),
        (f"seed={'[' * 3000}", "nested more than 20 levels deep"),
        (f"seed={nested('int(', ')', 300)}", "nested more than 20 levels deep"),
        (f'seed="{nested("${a:", "}", 300)}"', "nested more than 20 levels deep"),
        (f"{'.'.join('a' * 3000)}=1", "nested more than 20 levels deep"),
        (f"~{'.'.join('a' * 30)}", "nested more than 20 levels deep"),
        (f"output={'x' * MAX_LENGTH}", "has 10,007 characters; at most 10,000 are allowed"),
    ],
)
def test_an_override_beyond_a_limit_is_one_short_message(text, message):
    found = problem(text)
    assert message in found
    assert len(found) < 400


@pytest.mark.parametrize("split", [1, 2])
def test_references_that_repeat_each_other_are_limited_in_the_whole_command(split):
    """Thirty lists of which each repeats the one before twice would have a billion items."""
    lists = [f'["${{a[{i}]}}","${{a[{i}]}}"]' for i in range(30)]
    overrides = [f"+a{i}=[x,{','.join(lists[i::split])}]" for i in range(split)]
    problems = []
    assert parse(overrides, problems) == []
    (found,) = problems
    assert found.startswith("`${` occurs 60 times; at most 16 are allowed")
    allowed = [f'seed="{"${a}" * MAX_REFERENCES}"']
    assert len(parse(allowed, problems)) == len(problems) == 1


@pytest.mark.parametrize("pair", [("[", "]"), ("{a:", "}")])
def test_an_override_at_the_limit_is_parsed(pair):
    assert parse_override(f"seed={nested(*pair, MAX_DEPTH)}").key_or_group == "seed"
    assert parse_override(f"output={'x' * (MAX_LENGTH - 7)}").key_or_group == "output"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('é="1"', f'`é="1"` {FORM} (`é` {NO_KEY}'),
        ('a..b="1"', NO_KEY),
        (".a=1", NO_KEY),
        ("a b=1", NO_KEY),
        ("+${a}=1", NO_KEY),
        ("=1", "the key is missing"),
        ("seed", "the `=` is missing"),
        ("", "the `=` is missing"),
        ("seed=choice()", "seed=choice(): choice() does not accept this; write choice(a,b)"),
        ("seed=range(a)", "write range(start,stop,step) with numbers"),
        ("seed=range(1,2,3,4)", "range() does not accept this"),
        ("seed=int(x)", "int() does not accept this; write int(1.0)"),
        ("seed=sort([1,a])", "sort() does not accept this"),
        ("seed=foo(1)", "(no such function as foo(); available: bool, choice, float, glob"),
        ("seed=[1", "(`[` is not closed)"),
        ("seed={a:", "(`{` is not closed)"),
        ("seed=[1,2}", "(`}` does not close `[`)"),
        ("seed=1]", "(`]` closes nothing)"),
        ("seed='abc", "(a closing ' is missing)"),
        ('seed="abc', '(a closing " is missing)'),
        ("seed=1,", "(something has to follow `,`)"),
        ("output=a#b!", "(unexpected `#`); quote special characters twice: 'output=\"a#b!\"'"),
        ("output=a=b", "(unexpected `=`); quote special characters twice: 'output=\"a=b\"'"),
        ("output=a'b'", "(unexpected `'b'`)"),
        ("a={null:1}", 'null is no key of a dictionary; write "null" for the word'),
        ("a=[{b:{null:1}}]", "null is no key of a dictionary"),
        ("a={null:1},{b:2}", "null is no key of a dictionary"),
        ("a=[1,choice(1,2)]", "a sweep cannot be a part of a value"),
        ("a={b:range(3)}", "a sweep cannot be a part of a value"),
        ("a=[glob(*)]", "a sweep cannot be a part of a value"),
    ],
)
def test_what_is_wrong_is_said_without_the_words_of_the_parser(text, message):
    found = problem(text)
    assert message in found
    for foreign in ("mismatched", "expecting", "EOF", "token", "viable", "Error"):
        assert foreign not in found


@pytest.mark.parametrize(
    "text", ["é=1", "seed=choice()", "seed=[1", "seed='a", "seed=1,", "seed=${a", "a=b'c'"]
)
def test_quotes_are_not_advised_where_they_do_not_help(text):
    assert "quote" not in problem(text)


@pytest.mark.parametrize("text", ["output=a(b)", "output=a#b", "output=(x)", "output=a=b c"])
def test_quotes_that_are_advised_keep_the_value(text):
    advised = problem(text).rpartition(": '")[2].removesuffix("'")
    assert parse_override(advised).value() == text.partition("=")[2]


def test_every_function_of_the_grammar_has_a_form():
    for name, form in FORMS.items():
        if name != "range":
            assert parse_override(f"a={form}").input_line == f"a={form}"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("range(3)", 3),
        ("range(0,1,0.3)", 4),
        ("range(5,0)", 0),
        ("range(5,0,-2)", 3),
        ("range(0,1,inf)", 1),
        ("range(10000)", 10_000),
        ("range(1e9)", 1e9),
        ("range(0,inf)", math.inf),
        ("range(0,-inf,-1)", math.inf),
        ("shuffle(range(1e9))", 1e9),
        ("sort(range(0,inf))", math.inf),
        ("int(range(1e9))", 1e9),
        ("a,b,a", 3),
        ("choice(1)", 1),
        ("[1,2]", 1),
        ("", 1),
    ],
)
def test_values_are_counted_without_being_enumerated(value, number):
    override = parse_override(f"seed={value}")
    assert number_of_values(override) == number
    if number < 100:
        assert len(values_of(override)) == number


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("range(nan)", "invalid range; its limits and its step must be numbers"),
        ("range(0,nan)", "invalid range"),
        ("range(0,1,nan)", "invalid range"),
        ("range(inf,inf)", "matches no value"),
        ("range(0,5,0)", "invalid range; the step must not be 0"),
        ("range(0,5.5,0.0)", "invalid range; the step must not be 0"),
        ("range(1e9)", "1,000,000,000 values, but a command has at most 10,000 jobs; choose fewer"),
        ("range(100000)", "100,000 values, but a command has at most 10,000 jobs"),
        ("range(0,1e20,1e-9)", "more than a trillion values"),
        ("range(0,inf)", "endlessly many values"),
        ("shuffle(range(-inf,0))", "endlessly many values"),
        ("range(10001)", "10,001 values"),
        ("range(0,10000.5)", "values, but a command has at most 10,000 jobs"),
    ],
)
def test_a_sweep_that_is_no_sweep_or_too_large_is_a_message(value, message):
    assert message in sweep_problem(parse_override(f"seed={value}"), is_group=False)


def test_a_large_sweep_is_accepted_up_to_the_limit():
    assert sweep_problem(parse_override(f"seed=range({MAX_JOBS})"), is_group=False) is None


def test_the_text_of_a_shuffled_value_is_that_of_the_value():
    (override,) = parse(["seed=shuffle(range(40))"], [])
    found = variants(override, is_option=False)
    assert sorted(variant.value for variant in found) == list(range(40))
    assert all(variant.text == f"seed={variant.value}" for variant in found)
