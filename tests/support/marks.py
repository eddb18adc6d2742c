"""Which tests take long, and why: `make test-fast`, `test` and `test-slow` go by these lists.

A name is a file, or a file and a test (with all its parameters). Seconds are those of a processor,
with kernels compiled before.
"""

from __future__ import annotations

SLOW = {
    "tests/check/test_check_composed.py::test_two_parts_are_named": "thorough",  # 60 s
    "tests/check/test_check_composed.py::test_two_parts_are_named_of_tensors": "thorough",  # 50 s
    "tests/check/test_check_composed.py::test_the_page_says_which_are_told_apart": "thorough",
    "tests/check/test_check_correct.py": "compiling",  # 33 s: JAX compiles every case
    "tests/check/test_check_right_losses.py": "thorough",  # 150 s
    "tests/core/test_properties.py": "thorough",  # 24 s
    "tests/docs/test_axe.py": "browser",  # 150 s: 60 pages, twice
    "tests/docs/test_browser.py": "browser",
    "tests/docs/test_search.py": "browser",
    "tests/docs/test_site.py": "browser",
    "tests/docs/test_targets.py::test_every_test_is_in_one_of_the_two": "thorough",  # 40 s
    "tests/engine/test_kernels.py::test_the_mean_of_a_hundred_million_losses": "thorough",
    "tests/engine/test_kernels.py::test_two_hundred_shapes_under_guard_pages": "compiling",
    "tests/engine/test_kernels_loading.py::"
    "test_where_nothing_can_be_written_kernels_are_compiled_all_the_same": "compiling",
    "tests/explanation/test_live.py": "browser",
    "tests/explanation/test_quantities.py::test_a_page_computes_the_librarys_numbers": "browser",
    "tests/learn/test_lessons.py": "browser",
    "tests/learn/test_clinic.py::test_the_file_is_what_the_script_finds": "thorough",  # 8 s
    "tests/learn/test_sentence.py::test_weights_are_those_of_the_script": "thorough",  # 6 s
    "tests/scoring/test_ray.py": "cluster",
    "tests/scoring/test_report_browser.py": "browser",
    "tests/torch/test_char_lm.py": "transformers",
    "tests/torch/test_torch_generators.py::test_second_derivatives": "thorough",
    "tests/torch/test_torch_generators.py::test_forward_mode": "thorough",
    "tests/torch/test_torch_generators.py::test_forward_over_reverse": "thorough",
    "tests/torch/test_torch_higher_derivatives.py::test_other_transforms_compiled": "compiling",
    "tests/torch/test_torch_higher_derivatives.py::test_other_networks_compiled": "compiling",
    "tests/torch/test_torch_huggingface.py": "transformers",
    "tests/torch/test_torch_huggingface_fusing.py": "transformers",
    "tests/torch/test_torch_parallel.py": "ranks",
    "tests/torch/test_torch_recorded.py": "compiling",  # 30 s: torch.compile
}
"""Left to `make test-slow`, each with the mark that says why; all have the mark `slow` too."""

MEDIUM = [
    "tests/check/test_check_audit.py",
    "tests/check/test_check_catalogue.py",
    "tests/cli/test_cli.py",
    "tests/cli/test_plot_command.py",
    "tests/docs/test_readme.py",
    "tests/explanation/test_display.py",
    "tests/explanation/test_quantities.py",
    "tests/explanation/test_trees.py",
    "tests/learn/test_accuracy.py",
    "tests/learn/test_learn.py",
    "tests/plots/test_pictures.py",
    "tests/plots/test_plots.py",
    "tests/plots/test_score_plots.py",
    "tests/scoring/test_report_page.py",
    "tests/torch/test_torch_array_engine.py",
    "tests/torch/test_torch_fake_devices.py",
    "tests/torch/test_torch_generators.py",
    "tests/torch/test_torch_higher_derivatives.py",
    "tests/torch/test_torch_positions.py::test_compiled",
    "tests/torch/test_torch_transforms.py",
]
"""Run by `make test`, but not by `make test-fast`."""


def marks_of(nodeid: str) -> list[str]:
    """The marks of a test."""
    file, _, name = nodeid.partition("::")
    places = {file, f"{file}::{name.partition('[')[0]}"}
    marks = {mark for place in places & set(SLOW) for mark in ("slow", SLOW[place])}
    if places & set(MEDIUM):
        marks.add("medium")
    return sorted(marks)
