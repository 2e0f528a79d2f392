"""All mutants of a module: its source with one small fault each, found in its syntax tree.

Mutated are comparisons, arithmetic, `and`/`or`, negations, numbers and truth values, conditions, the ends of slices,
`min`/`max` and `any`/`all`, `break`/`continue`, what is returned, and statements that only have an effect (a call, a
`raise`, a `del`, setting an attribute or an item), which are left out. Left alone are annotations, decorators, text,
logging, `zip`'s `strict`, what is only for the type checker, and the inside of f-strings, whose places Python 3.11
doesn't tell.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPARISONS: Final[dict[type[ast.cmpop], tuple[str, tuple[str, ...]]]] = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: (r"is\s+not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: (r"not\s+in", ("in",)),
}
_ARITHMETIC: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}
_SWAPPED_CALLS: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
    "argmax": "argmin",
    "ceil": "floor",
    "floor": "ceil",
}
_BODIES: Final = frozenset({"body", "orelse", "finalbody", "handlers", "cases"})
_LEFT_ALONE: Final = (ast.JoinedStr, ast.arguments, ast.AnnAssign)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: bytes `begin` to `end` of the file `module`, in `function` at `line`, say `text` instead."""

    module: str
    function: str
    line: int
    begin: int
    end: int
    text: str
    before: str  # the line as it is, without what stands around it
    after: str  # ... and with the fault
    lines: range  # what its statement stands on, without what is inside of it
    at_import: bool  # it runs when the module is imported, not when a function is called

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when code above it is changed."""
        return self.module, self.function, self.before, self.after

    def applied(self, source: bytes) -> bytes:
        """Return the module's source with this fault in it."""
        return source[: self.begin] + self.text.encode() + source[self.end :]


def mutants_of(module: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a module, in the order of the text."""
    finder = _Finder(module, source)
    finder.visit_body(ast.parse(source).body, "", at_import=True)
    found = {(mutant.begin, mutant.end, mutant.text): mutant for mutant in reversed(finder.found)}
    return [found[place] for place in sorted(found)]


class _Finder:
    """Walks a module's statements, noting the mutants of each."""

    def __init__(self, module: str, source: bytes) -> None:
        self._module = module
        self._source = source
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._function = ""
        self._lines = range(0)
        self._at_import = True
        self.found: list[Mutant] = []

    def visit_body(self, body: list[ast.stmt], function: str, *, at_import: bool) -> None:
        """Note the mutants of some statements, which stand in `function`."""
        for statement in body:
            self._function, self._at_import = function, at_import
            self._lines = _own_lines(statement)
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                name = f"{function}.{statement.name}" if function else statement.name
                if isinstance(statement, ast.FunctionDef):
                    for default in (*statement.args.defaults, *statement.args.kw_defaults):
                        self._walk(default)
                self.visit_body(statement.body, name, at_import=at_import and isinstance(statement, ast.ClassDef))
            elif isinstance(statement, ast.AnnAssign):
                self._walk(statement.value)
            elif not _is_apart(statement):
                self._statement(statement)
                self._walk_parts(statement)
                for part in _bodies(statement):
                    self.visit_body(part, function, at_import=at_import)

    def _walk_parts(self, statement: ast.stmt) -> None:
        """Note the mutants of a statement's own expressions."""
        for name, value in ast.iter_fields(statement):
            if name not in _BODIES:
                for node in value if isinstance(value, list) else [value]:
                    self._walk(node)

    def _walk(self, node: object) -> None:
        if not isinstance(node, ast.AST) or isinstance(node, _LEFT_ALONE):
            return
        if isinstance(node, ast.keyword) and node.arg == "strict":
            return
        for begin, end, text in self._edits(node):
            self._note(begin, end, text)
        for child in ast.iter_child_nodes(node):
            self._walk(child)

    def _statement(self, statement: ast.stmt) -> None:
        begin, end = self._span(statement)
        match statement:
            case ast.Return(value=ast.Constant(value="")):
                self._note(begin, end, 'return "?"')
            case ast.Return(value=ast.expr() as value) if not _is_nothing(value):
                self._note(begin, end, "return None")
            case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Delete():
                self._note(begin, end, "pass")
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) if not self._function.endswith("__init__"):
                self._note(begin, end, "pass")
            case ast.AugAssign():
                old, new = _ARITHMETIC[type(statement.op)]
                self._between(statement.target, statement.value, re.escape(old) + "=", f"{new}=")
            case ast.Break():
                self._note(begin, end, "continue")
            case ast.Continue():
                self._note(begin, end, "break")
            case ast.If(test=ast.expr() as test) | ast.While(test=ast.expr() as test):
                self._negated(test)

    def _edits(self, node: ast.AST) -> Iterator[tuple[int, int, str]]:
        match node:
            case ast.Compare() | ast.BinOp() | ast.BoolOp():
                self._operators(node)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
                begin, end = self._span(node)
                sign = re.match(rb"(not|[-~])\s*", self._source[begin:end])
                assert sign is not None
                yield begin, begin + sign.end(), ""
            case ast.IfExp():
                self._negated(node.test)
            case ast.comprehension():
                for test in node.ifs:
                    self._negated(test)
            case ast.Constant():
                yield from self._constants(node)
            case ast.Slice():
                yield from ((*self._span(bound), "") for bound in (node.lower, node.upper) if bound is not None)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _SWAPPED_CALLS:
                end = self._span(node.func)[1]
                yield end - len(name), end, _SWAPPED_CALLS[name]

    def _operators(self, node: ast.Compare | ast.BinOp | ast.BoolOp) -> None:
        match node:
            case ast.Compare():
                for op, left, right in zip(node.ops, (node.left, *node.comparators), node.comparators, strict=False):
                    old, news = _COMPARISONS[type(op)]
                    for new in news:
                        self._between(left, right, rf"\b{old}\b" if old[0].isalpha() else old, new)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                old, new = _ARITHMETIC[type(node.op)]
                self._between(node.left, node.right, re.escape(old), new)
            case ast.BoolOp():
                old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
                for left, right in zip(node.values, node.values[1:], strict=False):
                    self._between(left, right, rf"\b{old}\b", new)

    def _constants(self, node: ast.Constant) -> Iterator[tuple[int, int, str]]:
        begin, end = self._span(node)
        if isinstance(node.value, bool):
            yield begin, end, str(not node.value)
        elif isinstance(node.value, int | float):
            yield begin, end, f"({node.value + 1!r})"
            yield begin, end, f"({node.value - 1!r})"

    def _negated(self, test: ast.expr) -> None:
        """Turn a condition round; that of a comparison or a negation is turned round there."""
        if not isinstance(test, ast.Compare | ast.UnaryOp):
            begin, end = self._span(test)
            self._note(begin, end, f"(not ({self._source[begin:end].decode()}))")

    def _between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        """Replace an operator between two operands, and the parentheses that may stand around them."""
        begin = self._span(left)[1]
        found = re.search(old, self._source[begin : self._span(right)[0]].decode())
        if found is not None:
            self._note(begin + found.start(), begin + found.end(), new)

    def _span(self, node: ast.expr | ast.stmt | ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def _note(self, begin: int, end: int, text: str) -> None:
        line = self._source.count(b"\n", 0, begin) + 1
        from_, to = self._starts[line - 1], self._source.find(b"\n", max(end - 1, begin))
        to = len(self._source) if to < 0 else to
        before = " ".join(self._source[from_:to].decode().split())
        after = " ".join((self._source[from_:begin] + text.encode() + self._source[end:to]).decode().split())
        where = self._module, self._function, line, begin, end, text
        self.found.append(Mutant(*where, before, after, self._lines, self._at_import))


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield what stands inside of a compound statement."""
    for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield part.body
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])


def _own_lines(statement: ast.stmt) -> range:
    """Return the lines of a statement up to what stands inside of it."""
    inside = [part[0].lineno for part in _bodies(statement) if part]
    end = min(inside) if inside else (statement.end_lineno or statement.lineno) + 1
    return range(statement.lineno, max(end, statement.lineno + 1))


def _is_nothing(value: ast.expr) -> bool:
    """Tell whether a value is None or as good as None to who asks for its truth only: False, 0, []."""
    match value:
        case ast.Constant(value=constant):
            return not constant
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return True
    return False


def _is_apart(statement: ast.stmt) -> bool:
    """Tell whether a statement is none of a program's own doing: imports, text, logging, types."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Assert():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.expr() as value))):
            return "logger" in {name.id for name in ast.walk(value) if isinstance(name, ast.Name)}
    return False
