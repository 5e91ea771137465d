"""Advice helps in the mode that the user is in: it names no mode that is set, nor one that changes nothing."""

import numpy as np
import pytest

from toolkit.data.contract.advice import advise
from toolkit.data.contract.check import LACKS, NO_KEY
from toolkit.data.contract.convert import NO_NUMBER, Reason
from toolkit.data.contract.faults import Faults, Refusal
from toolkit.data.contract.rules import Contract, Rule

TABLE, WIDENS, OTHER = "column 'x' must be there and is not.", LACKS, NO_NUMBER
CASES = [  # mode, no contract yet, what is wrong, which modes are named
    ("fail", False, [WIDENS], {"quarantine", "widen"}),
    ("fail", False, [OTHER], {"quarantine"}),
    ("fail", False, [NO_KEY], {"quarantine"}),
    ("fail", False, [WIDENS, OTHER], {"quarantine", "widen", "end the run still"}),
    ("fail", False, [TABLE], {"widen"}),
    ("fail", False, [TABLE, OTHER], {"widen", "end the run still"}),
    ("fail", True, [OTHER], {"quarantine"}),
    ("quarantine", False, [WIDENS], {"No row is left"}),
    ("quarantine", False, [TABLE], {"widen"}),
    ("quarantine", True, [OTHER], {"no row is left"}),
    ("widen", False, [OTHER], {"quarantine"}),
    ("widen", True, [OTHER], {"quarantine"}),
]


@pytest.mark.parametrize(("mode", "first", "wrong", "named"), CASES)
def test_only_what_helps_is_advised(
    mode: str, first: bool, wrong: list[Reason | str], named: set[str]
) -> None:
    faults = Faults()
    for what in wrong:
        if isinstance(what, str):
            faults.table.append(what)
        else:
            faults.add(Refusal("x", what, np.array([True])), None, 0)
    contract = Contract("id", (Rule("x", "number", missing=True),), "schemas/t.yaml")
    told = advise(faults, mode, contract, first)
    words = {"quarantine", "widen", "end the run still", "No row is left", "no row is left"}
    assert {word for word in words if word in told} == named
    assert "schemas/t.yaml" in told


@pytest.mark.parametrize("missing", [False, True])
def test_a_cell_is_to_be_left_empty_only_where_the_contract_lets_it(missing: bool) -> None:
    faults = Faults()
    faults.add(Refusal("x", NO_NUMBER, np.array([True])), None, 0)
    assert "leave them empty" in NO_NUMBER.advice
    contract = Contract("id", (Rule("x", "number", missing=missing),), "schemas/t.yaml")
    told = advise(faults, "fail", contract, False)
    assert ("Cells of 'x' may be empty only with missing: true in the contract." in told) != missing
