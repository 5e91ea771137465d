"""What may be done about a table that breaks its contract, beyond what is told of each violation."""

from __future__ import annotations

from toolkit.data.contract.faults import Faults
from toolkit.data.contract.rules import Contract


def advise(faults: Faults, mode: str, contract: Contract, first: bool) -> str:
    """Say it in a sentence or two: no more than would help, and nothing that is set already.

    Parameters
    ----------
    faults : Faults
        All of the table's.
    mode : str
        ``collect.on_violation``.
    contract : Contract
        What the table was checked by.
    first : bool
        There was no contract: it is inferred from this very table.
    """
    if first:
        return _advise_first(mode, contract.file)
    return _tell_empty(faults, contract) + _advise_later(faults, mode, contract.file)


def _tell_empty(faults: Faults, contract: Contract) -> str:
    """Say so where cells that might be left empty may not be, by the contract."""
    strict = [
        fault.column
        for fault in faults
        if "empty" in fault.reason.advice and not contract.by_name[fault.column].missing
    ]
    named = ", ".join(f"'{name}'" for name in dict.fromkeys(strict))
    return f"Cells of {named} may be empty only with missing: true in the contract. " if strict else ""


def _advise_later(faults: Faults, mode: str, contract: str) -> str:
    correct = f"Correct the table, or {contract} if that is wrong"
    if mode == "widen":
        return (
            f"No change of the contract is proposed for other types, nor for keys that lack or repeat. {correct}; or "
            "set collect.on_violation in params.yaml to quarantine (such rows are put aside)."
        )
    if mode == "quarantine" and not faults.table:
        return f"No row is left. {correct}."
    taken = [fault.reason.widens for fault in faults]
    ways = ["quarantine (such rows are put aside)"] if taken and not faults.table else []
    if faults.table or any(taken):
        rest = "" if all(taken) else "; other types and wrong keys end the run still"
        ways.append(f"widen (the contract's change is proposed{rest})")
    return f"{correct}; or set collect.on_violation in params.yaml to {' or to '.join(ways)}."


def _advise_first(mode: str, contract: str) -> str:
    left = ", as no row is left" if mode == "quarantine" else ""
    other = "" if left else "put them aside (collect.on_violation: quarantine); or "
    return (
        f"The contract {contract} was to be written from this table, and is not yet{left}. Correct the rows; or "
        f"{other}begin the contract by hand (schemas/README.md). A column that is no feature, such as the label, may "
        "hold anything if collect.exclude names it."
    )
