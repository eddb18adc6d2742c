"""Where the models of a comparison come from: columns, files and tables, in order or by key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from language_files import chat

import xent
from xent.scoring import FileError
from xent.scoring.comparing import compare, groups, pairing
from xent.scoring.comparing.finding import by_model
from xent.scoring.sources import joined

N = 60
RNG = np.random.default_rng(5)
P = np.round(RNG.uniform(0.05, 0.95, N), 6)
Q = np.round(np.clip(P + RNG.normal(0, 0.15, N), 0.02, 0.98), 6)
Y = (RNG.random(N) < P).astype(int)
IDS = RNG.permutation(N) * 3 + 1
A = pd.DataFrame({"id": IDS, "label": Y, "prob": P})
B = pd.DataFrame({"id": IDS, "label": Y, "prob": Q})
WIDE = pd.DataFrame({"id": IDS, "label": Y, "prob_A": P, "prob_B": Q})
DATA = compare(WIDE).state.totals.to_data()
ORDER = np.random.default_rng(6).permutation(N)


def same(*sources: Any, **options: Any) -> bool:
    """Are the sums those of all rows of both models, to the bit?"""
    return bool(compare(*sources, **options).state.totals.to_data() == DATA)


def problem(*sources: Any, **options: Any) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        compare(*sources, **options)
    return str(caught.value)


# ---- models in the columns of one source


@pytest.mark.parametrize(
    ("columns", "models"),
    [
        ({"prob_A": P, "prob_B": Q}, {"A": "prob_A", "B": "prob_B"}),
        ({"A_prob": P, "B_prob": Q}, {"A": "A_prob", "B": "B_prob"}),
        ({"prob_A": P, "logit_B": np.log(Q / (1 - Q))}, {"A": "prob_A", "B": "logit_B"}),
        ({"prob_0": 1 - P, "prob_1": P, "logit": np.log(Q / (1 - Q))},
         {"prob": "prob_0,prob_1", "logit": "logit"}),
        ({"A_0": 1 - P, "A_1": P, "B_0": 1 - Q, "B_1": Q}, {"A": "A_0,A_1", "B": "B_0,B_1"}),
        ({"0.A": 1 - P, "1.A": P, "0.B": 1 - Q, "1.B": Q}, {"A": "0.A,1.A", "B": "0.B,1.B"}),
        ({"prob_A_0": 1 - P, "prob_A_1": P, "prob_B_0": 1 - Q, "prob_B_1": Q},
         {"A": "prob_A_0,prob_A_1", "B": "prob_B_0,prob_B_1"}),
        ({"prob_A": np.c_[1 - P, P], "prob_B": np.c_[1 - Q, Q]}, {"A": "prob_A", "B": "prob_B"}),
        ({"prob_f": P, "prob_no": Q}, {"f": "prob_f", "no": "prob_no"}),
    ],
)  # fmt: skip
def test_models_are_found_by_the_names_of_columns(
    columns: dict[str, Any], models: dict[str, str]
) -> None:
    table = {"age": np.arange(N) / 7, "label": Y, **columns}
    found = compare(table)
    assert [model.name for model in found.models] == list(models)
    for read, own in zip(found.read, models.values(), strict=True):
        assert all(f"'{column}'" in read for column in own.split(","))
        assert "label 0 (" not in read
    wanted = [each.loss for each in compare(WIDE).models]
    assert [each.loss for each in found.models] == pytest.approx(wanted, rel=1e-12)
    asked = {name: own.split(",") for name, own in models.items()}
    again = compare(table, models=asked)
    assert again.state == found.state


def test_names_that_join_a_model_and_a_class() -> None:
    assert by_model(["m1_cat", "m1_big_dog", "m2_cat", "m2_big_dog"], {"cat", "big_dog"}) == {
        "m1": {"cat": "m1_cat", "big_dog": "m1_big_dog"},
        "m2": {"cat": "m2_cat", "big_dog": "m2_big_dog"},
    }
    of_one_label = by_model(["A_cat", "A_dog", "B_cat", "B_dog", "age"], {"cat"})
    assert of_one_label == {
        "A": {"cat": "A_cat", "dog": "A_dog"}, "B": {"cat": "B_cat", "dog": "B_dog"}
    }  # fmt: skip
    assert by_model(["A_cat", "A_dog", "B_cat"], {"cat", "dog"}) == {}
    assert by_model(["A_cat", "A_dog"], set()) == {}


def test_columns_that_sum_to_one_are_classes_of_one_model() -> None:
    table = {"label": Y, "prob_no": 1 - P, "prob_yes": P}
    assert problem(table) == (
        "dict: holds the scores of one model, in 'prob_no', 'prob_yes'. Name a file for each "
        "model, or the columns of each: --model A=prob_no --model B=prob_yes."
    )
    named = {"label": np.array(["no", "yes"])[Y], "prob_no": 1 - P, "prob_yes": P}
    assert "holds the scores of one model" in problem(named)


def test_what_is_no_model_is_not_guessed() -> None:
    assert problem({"label": Y, "lr": P, "gb": Q, "age": np.arange(N)}) == (
        "dict: no columns of models among label, lr, gb, age. They are found by name: prob_A and "
        "prob_B, or A_cat, A_dog, B_cat, B_dog. Name a file for each model, or the columns of "
        "each: --model A=lr --model B=gb."
    )
    table = {"label": Y, "lr": P, "gb": Q}
    asked = {"lr": "lr", "gb": "gb"}
    assert "model lr: its name does not say what it holds." in problem(table, models=asked)
    found = compare(table, models=asked, kind="probabilities")
    assert found.state.totals.to_data() == DATA
    kinds = {"lr": "probabilities", "gb": "logits"}
    mixed = compare({**table, "gb": np.log(Q / (1 - Q))}, models=asked, kind=kinds)
    assert [each.kind for each in mixed.scores.values()] == ["probabilities", "logits"]


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        ((), {}, "there is no source; expected files or tables of predictions."),
        ((WIDE,), {"models": ["A", "B"]}, "model A has no columns, but there is one source: "
         "--model A=COLUMN, or name a file for each model."),
        ((WIDE,), {"models": {"A": "prob_A"}}, "there is one model; expected two or more."),
        ((WIDE,), {"models": {"A": "prob_A", "B": "prob_Z"}},
         "pandas DataFrame: model B: no column 'prob_Z'; the columns are id, label, prob_A, "
         "prob_B."),
        ((WIDE,), {"models": "AB"}, "models is 'AB'; expected a list: ['AB']."),
        ((A, B), {"models": ["A"]}, "1 models are named, but there are 2 sources; of several "
         "sources, each holds one model."),
        ((A, B), {"models": ["A", "A"]}, "two models are called A; each needs a name of its own."),
        ((A, B), {"baseline_model": "C"}, "there is no model C; the models are A, B."),
        ((A, B), {"kind": {"C": "logits"}}, "there is no model C; the models are A, B."),
        ((A, B), {"truth": A}, "truth needs a key: the column that it and the predictions have."),
        ((WIDE,), {"score_columns": ["prob_A"]}, "score_columns are those of one model in each of "
         "several sources; of one source, name the columns of each model: --model NAME=COLUMNS."),
        ((A, B), {"level": 1}, "level is 1; expected a number above 0.5 and below 1."),
        ((A, B), {"level": 0.5}, "level is 0.5; expected a number above 0.5 and below 1."),
        ((A, B), {"margin": 0}, "margin is 0; expected a finite number above 0."),
        ((A, B), {"differing": -1}, "differing is -1; expected a number of rows, 0 or more."),
        ((A, B), {"missing": "skip"}, "missing is 'skip'; expected 'error' or 'drop'."),
        ((A, B), {"by": "id"}, "by is 'id'; expected a list: ['id']."),
        ((A, B), {"by": ["Id"]}, "table A: no column 'Id'"),
        ((WIDE[:0],), {}, "pandas DataFrame: holds no rows."),
        ((A[:0], B[:0]), {}, "table A: holds no rows."),
    ],
)  # fmt: skip
def test_what_was_asked_for_wrongly(
    sources: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    kind = TypeError if "expected a list" in message else ValueError
    with pytest.raises(kind) as caught:
        compare(*sources, **options)
    assert str(caught.value).startswith(message)


def test_too_many_models() -> None:
    many = {f"prob_m{i}": P for i in range(51)}
    assert problem({"label": Y, **many}).startswith("51 models in dict; at most 50 are compared.")


# ---- several sources


def test_several_sources_in_the_same_order(tmp_path: Path) -> None:
    assert same(A, B)
    assert same(pl.from_pandas(A), {"label": Y, "prob": Q})
    assert same([A[:20], A[20:]], [B[:7], B[7:50], B[50:]])
    assert same(iter([A[:20], A[20:]]), B)
    assert same(P, Q, labels=Y, kind="probabilities")
    A.to_csv(tmp_path / "logistic.csv", index=False)
    B.to_parquet(tmp_path / "boosted.parquet")
    found = compare(tmp_path / "logistic.csv", tmp_path / "boosted.parquet")
    assert [model.name for model in found.models] == ["logistic", "boosted"]
    assert found.state.totals.to_data() == DATA
    folder = tmp_path / "parts"
    folder.mkdir()
    for i in range(4):
        B[i * 15 : i * 15 + 15].to_csv(folder / f"{i}.csv", index=False)
    assert same(tmp_path / "logistic.csv", folder)
    twins = [tmp_path / name for name in ("p.csv", "p.tsv")]
    A.to_csv(twins[0], index=False)
    A.to_csv(twins[1], index=False, sep="\t")
    assert [model.name for model in compare(*twins).models] == ["p.csv", "p.tsv"]
    again = compare(twins[0], twins[0])
    assert "have the same loss in each row" in again.conclusion


def test_extra_columns_are_taken_from_where_they_are() -> None:
    more = B.assign(country=np.where(IDS % 2, "DE", "FR"), w=1 + IDS % 3, user=IDS % 11)
    found = compare(
        A, more, by=["country"], weight_column="w", cluster="user", show=["country", "id"]
    )
    wide = compare(
        WIDE.assign(country=more.country, w=more.w, user=more.user), by=["country"],
        weight_column="w", cluster="user", show=["country", "id"],
    )  # fmt: skip
    for part in ("totals", "slices", "clusters"):
        assert getattr(found.state, part).to_data() == getattr(wide.state, part).to_data()
    assert found.show == ("country", "id"), "the second is of the first source"
    assert [each.key for each in found.differing] == [each.key for each in wide.differing]


def test_bins_of_a_column() -> None:
    more = B.assign(age=np.r_[np.nan, np.arange(N - 1.0)])
    found = compare(A, more, by=["age:20:40"], show=["age"])
    assert {row.key[0] for row in found.differing} <= {"", *map(str, range(N))}
    rows = {each.value: each.rows for each in found.by_value("age:20:40")}
    assert rows == {"below 20": 20, "20 to 40": 20, "40 and above": 19, "(missing)": 1}


def test_kinds_and_the_order_of_classes_may_differ() -> None:
    labels = np.array(["cat", "dog"])[Y]
    one = {"label": labels, "prob_cat": 1 - P, "prob_dog": P}
    two = {"label": labels, "logit_dog": np.log(Q), "logit_cat": np.log(1 - Q)}
    found = compare(one, two)
    assert [each.kind for each in found.scores.values()] == ["probabilities", "logits"]
    wide = compare(WIDE)
    for a, b in zip(found.models, wide.models, strict=True):
        assert (a.loss, a.accuracy) == (pytest.approx(b.loss, rel=1e-12), b.accuracy)
    first = found.differing[0]
    assert first.predicted == tuple(int(p > 0.5) for p in (P[first.row], Q[first.row]))


@pytest.mark.parametrize("name", ["weight", "w", "sample_weight", "Weights"])
def test_weights_are_no_model(name: str) -> None:
    weights = np.linspace(0.1, 1, 60)
    told = problem({"label": [0, 1] * 30, name: weights, "prob": P})
    assert "holds the scores of one model, in 'prob'." in told
    assert told.endswith("--model A=prob --model B=COLUMN.")
    told = problem({"label": [0, 1] * 30, name: weights, "a": P, "b": 1 - P})
    assert told.endswith("--model A=a --model B=b.")
    found = xent.compare({"label": [0, 1] * 30, name: weights, "prob_a": P, "prob_b": P**2})
    assert [model.name for model in found.models] == ["a", "b"]
    assert f"--weight-column {name} would weigh them." in found.to_text()


def test_different_classes_are_named() -> None:
    one = {"label": ["cat", "dog"] * 30, "prob_cat": 1 - P, "prob_dog": P}
    two = {"label": ["cat", "dog"] * 30, "prob_cat": 1 - P, "prob_dog": P / 2, "prob_cow": P / 2}
    assert problem(one, two) == (
        "A and B: the models have different classes: only B has cow. Losses over different "
        "classes cannot be compared."
    )
    three = {"label": ["Cat", "Dog"] * 30, "prob_Cat": 1 - P, "prob_Dog": P}
    assert problem(one, three) == (
        "A and B: the models have different classes: only A has cat and dog; only B has Cat and "
        "Dog. If they are the same ones by other names, pass --classes A,B,..."
    )


def test_labels_must_agree_row_by_row(tmp_path: Path) -> None:
    wrong = B.assign(label=np.r_[Y[:17], 1 - Y[17], Y[18:]])
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    A.to_csv(a, index=False)
    wrong.to_csv(b, index=False)
    assert problem(a, b) == (
        f"{b}: row 17 (line 19), column 'label': the label is {1 - Y[17]}, but in row 17 of {a} "
        f"it is {Y[17]}. Are the rows in the same order? A column that says which rows belong "
        "together is named by --key COLUMN."
    )
    found = problem(A, wrong.iloc[ORDER], key="id")
    assert found.endswith(
        f"the label is {1 - Y[17]}, but in row 17 of table A it is {Y[17]}. Both have the same "
        "key: one of the labels is wrong."
    )
    assert found.startswith(f"table B: row {np.flatnonzero(ORDER == 17)[0]}, column 'label'")
    ignored = B.assign(label=np.r_[-1, Y[1:]])
    message = problem(A, ignored, ignored=["-1"])
    assert "the label is one that is left out, but in row 0 of table A it is another one" in message


def test_sources_must_have_as_many_rows() -> None:
    for one, two in ((A, B[:40]), ([A[:30], A[30:]], B[:40])):
        assert problem(one, two) == (
            "table A: the sources differ in their number of rows: table A 60, table B 40. Name the "
            "column that says which rows belong together: --key COLUMN."
        )


# ---- columns that several sources have


MORE = {"w": 1.0 + IDS % 3, "country": np.where(IDS % 2, "DE", "FR"), "age": IDS / 4}
ASKED: dict[str, Any] = {"weight_column": "w", "by": ["country", "age:20:40"], "cluster": "country"}


@pytest.mark.parametrize(
    ("column", "value", "told", "first"),
    [("w", 7.5, "7.5", f"{1 + IDS[17] % 3}"), ("country", "IT", "IT", MORE["country"][17]),
     ("country", None, "missing", MORE["country"][17]),
     ("age", 3.0, "3", str(MORE["age"][17]).removesuffix(".0")),
     ("age", None, "missing", str(MORE["age"][17]).removesuffix(".0"))],
)  # fmt: skip
def test_columns_that_two_sources_have_must_agree(
    column: str, value: Any, told: str, first: str, tmp_path: Path
) -> None:
    one, two = A.assign(**MORE), B.assign(**MORE)
    compare(one, two, **ASKED)
    compare(one, two.iloc[ORDER], key="id", **ASKED)
    two[column] = two[column].where(np.arange(N) != 17, value)
    rename = "If the column is about something else here, give it another name."
    order = "Are the rows in the same order? A column that says which rows belong together is "
    order += f"named by --key COLUMN. {rename}"
    a, b = tmp_path / "a.csv", tmp_path / "b.parquet"
    one.to_csv(a, index=False)
    two.to_parquet(b)
    for x, y in ((a, b), (one, two), (a, two), ([one[:9], one[9:]], [two[:17], two[17:]])):
        names = [str(each) if isinstance(each, Path) else None for each in (x, y)]
        called = [name or f"table {own}" for name, own in zip(names, "AB", strict=True)]
        assert problem(x, y, **ASKED) == (
            f"{called[1]}: row 17, column '{column}': the value is {told}, but in row 17 of "
            f"{called[0]} it is {first}. {order}"
        )
    assert problem(one, two.iloc[ORDER], key="id", **ASKED) == (
        f"table B: row {np.flatnonzero(ORDER == 17)[0]}, column '{column}': the value is {told}, "
        f"but in row 17 of table A it is {first}. Both have the same key: one of the values is "
        f"wrong. {rename}"
    )
    assert problem(A, one, two, **ASKED).startswith(
        f"table C: row 17, column '{column}': the value is {told}, but in row 17 of table B it is "
    )


def test_an_error_on_columns_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    B.assign(w=np.r_[MORE["w"][:17], 7, MORE["w"][18:]]).to_csv(path, index=False)
    found = problem(A.assign(**MORE), path, weight_column="w")
    assert found.startswith(f"{path}: row 17 (line 19), column 'w': the value is 7, but in row 17 ")


BINS: dict[str, Any] = {"by": ["c:20"]}
VALUES: dict[str, Any] = {"by": ["c"], "cluster": "c"}
FIRST = np.arange(N) == 0
TIMES = pd.Series(pd.to_datetime(IDS, unit="s"))


@pytest.mark.parametrize(
    ("one", "two", "options"),
    [
        (IDS, IDS.astype(float), VALUES), (IDS, IDS.astype(str), VALUES),
        (IDS / 10, (IDS / 10).astype(np.float32), BINS),
        (IDS / 10, (IDS / 10).astype(np.float32), {"weight_column": "c"}),
        (pd.Series(IDS.astype(str)), pd.Series(IDS.astype(str)).astype("category"), VALUES),
        (np.r_[np.nan, IDS[1:]], pd.Series(IDS).mask(FIRST), {"by": ["c"]}),
        (np.r_[np.nan, IDS[1:]], pd.Series(IDS).mask(FIRST).astype("Int64"), BINS),
        (pd.Series([None, *"ab" * 29, "c"]), pd.Series(["", *"ab" * 29, " c"]), {"by": ["c"]}),
        (TIMES.astype("datetime64[s]"), TIMES.astype("datetime64[us]"), VALUES),
    ],
)  # fmt: skip
def test_the_same_values_of_other_types_agree(one: Any, two: Any, options: dict[str, Any]) -> None:
    a, b = {"label": Y, "prob": P, "c": one}, {"label": Y, "prob": Q, "c": two}
    compare(a, b, **options)
    compare(b, a, **options)
    other = pd.Series(two).iloc[[1, 0, *range(2, N)]]
    assert ", column 'c': the value is " in problem(a, {**b, "c": other}, **options)


def test_columns_that_need_not_agree() -> None:
    one, two = A.assign(**MORE), B.assign(country="IT").rename(columns={"id": "row"})
    found = compare(one, two.drop(columns="country"), by=["id"], key="id=row")
    assert len(found.by_value("id")) == N, "the other name of the key"
    assert len(compare(A, B, by=["prob:0.5"]).by_value("prob:0.5")) == 2, "scores are its own"
    assert len(compare(A, B, by=["label"]).by_value("label")) == 2, "labels are checked as such"
    wrong = A.assign(label=np.where(np.arange(N) == 17, 1 - Y, Y))
    assert "17, column 'label': the label is" in problem(A, wrong, by=["label"])
    gone = one.assign(prob=np.r_[np.nan, P[1:]]), one.assign(w=np.r_[9, MORE["w"][1:]])
    assert compare(*gone, weight_column="w", missing="drop").rows == N - 1, "a row that is left out"
    truth = A[["id", "label"]].assign(country=MORE["country"])
    left = (one[["id", "prob", "country"]], two.rename(columns={"row": "id"}))
    found = compare(*left, truth=truth, key="id", by=["country"])
    assert [each.value for each in found.by_value("country")] == ["DE", "FR"], "of all sources"


def test_a_weight_of_zero_must_agree_too() -> None:
    w = np.r_[0, MORE["w"][1:]]
    found = problem(A.assign(w=w), B.assign(w=MORE["w"]), weight_column="w")
    assert (
        f"row 0, column 'w': the value is {1 + IDS[0] % 3}, but in row 0 of table A it is 0. "
        in found
    )


# ---- by key


@pytest.mark.parametrize("ending", ["", ".csv", ".parquet"])
def test_rows_are_found_by_key_in_any_order(ending: str, tmp_path: Path) -> None:
    other: Any = B.iloc[ORDER]
    if ending:
        path = tmp_path / f"b{ending}"
        other.to_csv(path, index=False) if ending == ".csv" else other.to_parquet(path)
        other = path
    assert same(A, other, key="id")
    assert same(A, B, key="id"), "in the same order"
    renamed = B.iloc[ORDER].rename(columns={"id": "row"})
    assert same(A, renamed, key="id=row")
    three = compare(A, other, renamed.rename(columns={"row": "id"}), key="id")
    assert three.pairs[2].same
    lists = {"id": IDS[ORDER], "label": Y[ORDER], "probs": np.c_[1 - Q, Q][ORDER]}
    found = compare(A, lists, key="id")
    assert found.models[1].loss == pytest.approx(compare(WIDE).models[1].loss, rel=1e-12)


def test_the_parts_of_a_join_do_not_matter() -> None:
    other = B.iloc[ORDER]
    parts = [other[:13], other[13:14], other[14:]]
    assert same([A[:31], A[31:]], parts, key="id")
    assert same(A, B, key=["id", "label"])


def test_labels_of_another_table() -> None:
    truth = A[["id", "label"]].iloc[::-1]
    one, two = A[["id", "prob"]], B[["id", "prob"]].iloc[ORDER]
    assert same(one, two, truth=truth, key="id")
    assert same(one, two, truth=truth.rename(columns={"id": "row"}), key="id=row")
    assert same(WIDE.drop(columns="label"), truth=truth, key="id")
    submission = [each.rename(columns={"prob": "label"}) for each in (one, two)]
    assert same(*submission, truth=truth, key="id", kind="probabilities")
    part = compare(one, two, truth=truth[:50], key="id", missing="drop")
    assert part.rows == 50
    assert ("no label", 10) in part.left_out


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        (A.assign(id=IDS // 6), B.assign(id=IDS // 6).iloc[ORDER],
         "table B: 30 rows with a key 'id' that earlier rows have: "),
        (A.assign(id=np.r_[IDS[:59], IDS[0]]), B,
         f"table A: 1 row with a key 'id' that earlier rows have: '{IDS[0]}'. Each row needs a key "
         "of its own."),
        (A, B.assign(id=IDS + 1000), f"table A: none of the keys 'id' is in table B: '{IDS[0]}', "),
        (A[:50], B, "table B: 10 rows with a key 'id' that table A does not have: "),
        (A, B.assign(id=[None, *IDS[1:]]), "table B: 1 row without a key 'id'."),
        (A, B.drop(columns="id"), "table B: no column 'id'; the columns are label, prob."),
        (iter([A]), B, "table A: an iterator, which is read once; a join reads the keys first."),
    ],
)  # fmt: skip
def test_keys_that_do_not_fit(one: Any, two: Any, message: str) -> None:
    assert problem(one, two, key="id").startswith(message)


def test_duplicate_keys_in_the_same_order() -> None:
    twice = {"id": np.r_[IDS[:59], IDS[0]]}
    assert problem(A.assign(**twice), B.assign(**twice), key="id") == (
        f"table A: 1 row with a key 'id' that earlier rows have: '{IDS[0]}'. Each row needs a key "
        "of its own."
    )


def test_rows_without_a_partner_are_left_out_and_counted() -> None:
    found = compare(A[5:], B.iloc[ORDER][B.id.iloc[ORDER] != IDS[20]], key="id", missing="drop")
    assert found.rows == 54
    assert found.left_out == (("a key only in table B", 5), ("a key that table B does not have", 1))
    assert "Left out: 5 with a key only in table B, 1 with a key that table B does" in str(found)
    nothing = problem(A, B.assign(id=IDS + 1000), key="id", missing="drop")
    assert nothing.startswith("table A: none of the keys 'id' is in table B: ")
    assert "Are these the keys of the same rows? There they are '1" in nothing


def test_what_is_missing_is_an_error_or_counted() -> None:
    gone = B.assign(prob=np.r_[np.nan, np.nan, Q[2:]])
    assert problem(A, gone) == (
        "table B: row 0, column 'prob': the value is missing. --missing drop leaves such rows out."
    )
    some = A.assign(prob=np.r_[P[0], np.nan, np.nan, P[3:]], label=[*Y[:58], None, Y[59]])
    found = compare(some, gone, missing="drop")
    assert found.rows == N - 4
    assert found.left_out == (
        ("no label in table A", 1), ("no score of A", 2), ("no score of B", 2)
    )  # fmt: skip
    wide = compare(WIDE.assign(prob_B=gone.prob), missing="drop")
    assert (wide.rows, wide.left_out) == (N - 2, (("no score of B", 2),))
    kept = compare(WIDE.assign(label=np.r_[-1, Y[1:]]), ignored=["-1"])
    assert (kept.rows, kept.left_out) == (N - 1, (("label left out", 1),))


def test_errors_name_the_row_of_the_source_it_is_in(tmp_path: Path) -> None:
    bad = B.assign(prob=np.r_[Q[:5], 1.5, Q[6:]])
    what = "1.5: a probability lies between 0 and 1; "
    what += "correct this one, or leave it blank and pass --missing drop."
    assert problem(A, bad) == f"table B: row 5, column 'prob': {what}"
    path = tmp_path / "b.csv"
    bad.iloc[ORDER].to_csv(path, index=False)
    at = int(np.flatnonzero(ORDER == 5)[0])
    assert problem(A, path, key="id") == f"{path}: row {at} (line {at + 2}), column 'prob': {what}"


def test_weights_of_zero() -> None:
    w = np.r_[np.zeros(10), np.ones(N - 10)]
    found = compare(WIDE.assign(w=w), weight_column="w")
    assert (found.rows, found.left_out) == (N - 10, (("weight 0", 10),))
    assert found.models[0].loss == compare(WIDE[10:]).models[0].loss
    assert problem(WIDE.assign(w=0.0), weight_column="w") == (
        "pandas DataFrame: holds no row of weight above 0."
    )
    named = compare(WIDE.assign(weight=w))
    assert "Rows count alike; --weight-column weight would weigh them." in str(named)


def test_a_column_of_very_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MOST_CELLS", 2000)
    n = 2001
    table = {"label": np.resize(Y, n), "prob_A": np.resize(P, n), "prob_B": np.resize(Q, n),
             "user": np.arange(n)}  # fmt: skip
    assert problem(table, by=["user"]) == (
        "column 'user' has 2,001 values or more: too many to compare by each (at most 2,000 "
        "comparisons are made). Leave it out of --by, or make a column of fewer values, such as "
        "ranges."
    )
    found = compare(table, cluster="user")
    assert found.state.clusters.sizes.number is None
    assert (
        f"Errors are those of {len(found.state.clusters.of(0)):,} groups of clusters in 'user'."
        in str(found)
    )
    assert found.notes == [
        "Nearly each row is a cluster of its own in 'user': errors are about those of "
        "independent rows."
    ]


def test_a_join_that_would_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "MOST_BYTES", 1000)
    message = problem(A, B.iloc[ORDER], key="id")
    assert message.startswith("table B: its 60 rows would take 0.0 GB of memory to join, and at ")
    assert message.endswith(
        "Split the files by the key, or sort them by it: files in the same order take no memory."
    )
    assert same(A, B, key="id"), "in the same order"


def test_keys_of_very_many_rows_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MOST_KEYS", 10)
    assert same(A, B, key="id")


def test_what_compare_is_not_for(tmp_path: Path) -> None:
    labels = {"label_x": Y, "label_y": Y[ORDER], "prob_x": P, "prob_y": Q}
    message = problem(labels, labels, label_column=["label_x", "label_y"])
    assert "several labels of a row may be true at once; xent compare is for one label" in message
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps(chat()) + "\n" for _ in range(3)))
    with pytest.raises(FileError, match="log-probabilities of a language model; xent compare is"):
        compare(path, path)


def test_the_public_name() -> None:
    assert xent.compare is compare
    assert "compare" in dir(xent)
