"""Rows are counted in the same cells whichever way is quicker for their number."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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
