"""The contract of a table: what each column must hold, as a file for people and as a check of every row."""

from toolkit.data.contract.parse import load_contract, parse_contract
from toolkit.data.contract.rules import TYPES, Contract, Rule

__all__ = ["TYPES", "Contract", "Rule", "load_contract", "parse_contract"]
