"""Rows are counted in the same cells whichever way is quicker for their number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.monitoring.cell_fit import fit_cells, histogram_cells
from toolkit.monitoring.cells import _SORTED_ROWS, CellGroup, Cells

EDGES = st.lists(
    st.sampled_from([-1e300, -2.5, -1.0, -0.0, 0.5, 1.0, 3.0, 1e300]), max_size=6, unique=True
).map(sorted)
VALUES = st.sampled_from(
    [np.nan, -np.inf, np.inf, -1e300, -2.5, -1.0, -0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 1e300, 5e-324]
)


@given(st.lists(EDGES, min_size=1, max_size=4), st.integers(_SORTED_ROWS, 3 * _SORTED_ROWS), st.data())
def test_many_rows_at_once_are_counted_as_one_by_one(edges, rows, data):
    group = CellGroup([Cells(f"c{place}", "number", tuple(each)) for place, each in enumerate(edges)])
    columns = {
        f"c{place}": np.array(data.draw(st.lists(VALUES, min_size=rows, max_size=rows)))
        for place in range(len(edges))
    }
    single = sum(
        group.count({name: values[row : row + 1] for name, values in columns.items()}) for row in range(rows)
    )
    np.testing.assert_array_equal(group.count(columns), single)


@pytest.mark.parametrize("lowest", [0.0, 0.0061, 0.15])
def test_a_cell_of_scores_is_called_by_its_edges_wherever_the_least_score_lies(lowest):
    labels = histogram_cells("p", [lowest, 0.5, 0.9995], 10).labels
    assert labels[:3] == ("≤ 0.001", "0.001 – 0.002", "0.002 – 0.005")
    assert labels[-3:] == ("0.998 – 0.999", "> 0.999", "missing")


@pytest.mark.parametrize("lowest", [0.0, 3.25])
def test_a_least_value_that_many_rows_have_has_a_cell_of_its_own(lowest):
    labels = fit_cells("x", "number", [lowest] * 60 + list(range(10, 50)), 4).labels
    assert labels[:2] == (f"< {lowest:.4g}", f"{lowest:.4g}")
