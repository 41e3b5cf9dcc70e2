"""Broken inventories: what is written, and what must be said about it, and where."""

from tests.unit.model.broken.form import FORM
from tests.unit.model.broken.machines import MACHINES
from tests.unit.model.broken.passed import PASSED
from tests.unit.model.broken.values import VALUES

CASES = (*FORM, *VALUES, *MACHINES, *PASSED)
