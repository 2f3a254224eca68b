"""Arrow's columns as arrays: the same figures as Arrow's own way, and nothing of pandas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from hybrid_tui.market.arrow import figures_of


@pytest.mark.parametrize("cuts", [(), (3,), (0, 2, 2)])
def test_figures_are_those_of_the_column_however_it_is_cut(cuts: tuple[int, ...]) -> None:
    whole = np.array([1.5, -2.0, np.inf, 0.0, 7.25])
    parts = np.split(whole, cuts)
    column = pa.chunked_array([pa.array(part, pa.float64()) for part in parts], pa.float64())
    assert figures_of(column, np.float64).tolist() == whole.tolist()
    assert figures_of(column.slice(1, 3), np.float64).tolist() == whole[1:4].tolist()
    assert figures_of(column.slice(0, 0), np.float64).tolist() == []


def test_instants_are_their_ticks() -> None:
    column = pa.chunked_array([pa.array([5, 10], pa.timestamp("ms", tz="UTC"))])
    assert figures_of(column, np.int64).tolist() == [5, 10]


@pytest.mark.parametrize(
    "column",
    [pa.chunked_array([pa.array([1.0, None])]), pa.chunked_array([pa.array([1], pa.int32())])],
)
def test_a_missing_figure_or_another_width_is_refused(column: pa.ChunkedArray) -> None:
    with pytest.raises(ValueError, match="missing figures"):
        figures_of(column, np.float64)
