"""The mutants of a small module are those that are described, each a program, and each another one."""

from __future__ import annotations

import ast
import random
from typing import TYPE_CHECKING

import pytest

from tests.mutants.__main__ import LISTED, read_listed, stale
from tests.mutants.modules import TESTS_OF
from tests.mutants.mutations import mutants_of
from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("code", "mutants"),
    [
        ("x = a < b", ["x = a <= b", "x = a >= b"]),
        ("x = (a) is not (b)", ["x = (a) is (b)"]),
        ("x = a not in b", ["x = a in b"]),
        ("x = a + b * c", ["x = a - b * c", "x = a + b / c"]),
        ("x += y", ["x -= y"]),
        ("x = a and b", ["x = a or b"]),
        ("x = not a", ["x = a"]),
        ("x = -a", ["x = a"]),
        ("x = 5", ["x = (4)", "x = (6)"]),
        ("x = True", ["x = False"]),
        ("x = 'text'", []),
        ("x = f'{a + b}'", []),
        ("x: int = a - b", ["x: int = a + b"]),
        ("x = min(a, b)", ["x = max(a, b)"]),
        ("x = a[b:c]", ["x = a[:c]", "x = a[b:]"]),
        ("x = a if b else c", ["x = a if (not (b)) else c"]),
        ("x = [a for a in b if c]", ["x = [a for a in b if (not (c))]"]),
        ("work(a)", ["pass"]),
        ("a.b = c", ["pass"]),
        ("del a[b]", ["pass"]),
        ("import a", []),
        ("assert a < b", []),
        ("logger.debug('{}', 1 + 2)", []),
        ("def f(a=None):\n    return a", ["def f(a=None):\n    return None"]),
        ("def f():\n    return ''", ['def f():\n    return "?"']),
        ("def f():\n    return []", []),
        ("def f(x=True): ...", ["def f(x=False): ..."]),
        ("for a in b:\n    break", ["for a in b:\n    continue"]),
        ("if a:\n    raise b", ["if (not (a)):\n    raise b", "if a:\n    pass"]),
        ("@d(1)\nclass A: ...", []),
        ("if TYPE_CHECKING:\n    work(1 + 2)", []),
    ],
)
def test_each_fault_is_put_in_once(code: str, mutants: Sequence[str]) -> None:
    found = [mutant.applied(code.encode()).decode() for mutant in mutants_of("m.py", code.encode())]
    assert sorted(mutants) == sorted(found)


def test_a_mutant_tells_where_it_stands() -> None:
    code = "class A:\n    x = 1\n\n    def f(self, b=(2)):\n        return (\n            b + self.x\n        )\n"
    found = {mutant.after: mutant for mutant in mutants_of("m.py", code.encode())}
    constant, argument, plus = found["x = (0)"], found["def f(self, b=((1))):"], found["b - self.x"]
    assert ("A", 2, True) == (constant.function, constant.line, constant.at_import)
    assert ("A", 4, True) == (argument.function, argument.line, argument.at_import)
    assert ("A.f", 6, False, range(5, 8)) == (plus.function, plus.line, plus.at_import, plus.lines)
    assert ("m.py", "A.f", "b + self.x", "b - self.x") == plus.key


@pytest.mark.parametrize("module", TESTS_OF)
def test_a_module_that_is_mutated_and_its_tests_are_there(module: str) -> None:
    source = (REPOSITORY / module).read_bytes()
    mutants = mutants_of(module, source)
    assert len(mutants) > 20
    plain = ast.dump(ast.parse(source))
    for mutant in random.Random(1).sample(mutants, 10):  # noqa: S311 - the same ones every time
        assert plain != ast.dump(ast.parse(mutant.applied(source)))
        assert mutant.before != mutant.after
    assert [] == [file for file in TESTS_OF[module] if not (REPOSITORY / file).is_file()]


def test_every_listed_mutant_has_a_reason_and_is_of_a_module_that_is_mutated() -> None:
    listed = read_listed(LISTED)
    assert all(listed.values())
    assert set(TESTS_OF) >= {key[0] for key in listed}


def test_a_listed_mutant_that_the_code_no_longer_has_is_told() -> None:
    everything = {"m.py": mutants_of("m.py", b"x = a + b\n")}
    here, gone = ("m.py", "", "x = a + b", "x = a - b"), ("m.py", "", "x = a * b", "x = a / b")
    assert [gone] == stale({here: "why", gone: "why", ("n.py", "", "", ""): "not asked about"}, everything)
