"""The options record: signatures, schemas and documentation are what it says."""

from __future__ import annotations

import inspect
import math
import re

import pytest
from helpers import import_torch

import xent
from xent._options import ALL, OPTIONS, SCHEMA, LossOptions
from xent._validation import NAMES

torch = import_torch()

from xent.torch import parallel  # noqa: E402

PUBLIC = {name: option for name, option in OPTIONS.items() if option.losses}
OWN = {"return_grad", "out", "group", "offset", "num_classes"}
"""Keyword arguments of a function that are not options of the loss."""


def keywords(function):
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in OWN
    }


@pytest.mark.parametrize("module", [xent, parallel])
@pytest.mark.parametrize("loss", ALL)
def test_signatures_are_the_record(module, loss):
    if not hasattr(module, loss):
        assert (module, loss) == (parallel, "binary_cross_entropy")
        return
    expected = {
        name: LossOptions._field_defaults[name]
        for name, option in PUBLIC.items()
        if loss in option.losses
    }
    assert keywords(getattr(module, loss)) == expected


@pytest.mark.parametrize("loss", ALL)
def test_every_option_is_documented_where_it_is_taken(loss):
    text = inspect.getdoc(getattr(xent, loss)).partition("Parameters\n")[2]
    heads = re.findall(r"^\w[^:\n]*", text.partition("\nReturns\n")[0], re.MULTILINE)
    parameters = {name.strip() for head in heads for name in head.split(",")}
    for name, option in PUBLIC.items():
        assert (name in parameters) == (loss in option.losses), name


def test_every_option_has_a_meaning_and_a_default():
    assert list(OPTIONS) == list(LossOptions._fields) == list(LossOptions._field_defaults)
    assert all(option.meaning for option in OPTIONS.values())
    assert LossOptions().checked() == LossOptions()


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy", "linear_cross_entropy"])
def test_operations_take_the_whole_record(name):
    schema = getattr(torch.ops.xent, name).default._schema
    given = [argument.name for argument in schema.arguments]
    assert given[-len(OPTIONS) :] == list(OPTIONS)
    assert SCHEMA.count(",") == len(OPTIONS) - 1


WRONG = {
    "ignore_index": 1.0,
    "label_smoothing": 1.5,
    "softcap": 0,
    "z_loss": -1,
    "reduction": "avg",
}


@pytest.mark.parametrize("name", [n for n, option in OPTIONS.items() if option.check])
def test_each_check_names_its_option(name):
    for others in ({}, {"label_smoothing": 0.5}):  # the short way and the general one
        with pytest.raises((TypeError, ValueError), match=f"{name} is {WRONG[name]!r}"):
            LossOptions(**{**others, name: WRONG[name]}).checked()


def test_nan_is_no_default():
    for name in ("label_smoothing", "z_loss"):
        with pytest.raises(ValueError, match=f"{name} is nan"):
            LossOptions(**{name: math.nan}).checked()


def test_integers_become_floats():
    checked = LossOptions(softcap=30, label_smoothing=1, z_loss=0).checked()
    assert [type(checked.softcap), type(checked.label_smoothing)] == [float, float]


def test_weights_are_converted_under_the_callers_names():
    seen = []
    options = LossOptions(class_weight=1, pos_weight=2, caller="torch")
    made = options.map_weights(lambda value, name: seen.append(name) or value + 1)
    assert seen == ["weight", "pos_weight"]
    assert (made.class_weight, made.sample_weight, made.pos_weight) == (2, None, 3)
    assert LossOptions().map_weights(None) == LossOptions()


def test_every_caller_has_names():
    assert all(LossOptions(caller=caller).names is names for caller, names in NAMES.items())
