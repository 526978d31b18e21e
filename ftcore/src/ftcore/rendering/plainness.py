"""Proves of a chat template that it only prints contents: then a skeleton says all it does.

The proof is by the template's own syntax tree. Contents may be joined to other text, stripped at
the ends and printed, and it may be asked whether they are there; for contents that are not blank,
nothing else of the rendering depends on them. Whatever is not known to be harmless (a search
inside a content, a filter, a message handed on as a whole) ends the proof, and every row is
rendered by Jinja.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from jinja2 import nodes

from ftcore.rendering.sandbox import template_environment

# What an expression may hold: nothing of a content, (text around) a content, or messages.
Kind = Literal["free", "content", "messages"]
# Tests whose answer is the same for every text, and for every list of messages.
_TYPE_TESTS = {"string", "defined", "undefined", "none", "mapping", "sequence", "iterable"}
_STRIPS = {"strip", "lstrip", "rstrip"}
_NEIGHBOURS = {"previtem", "nextitem"}
_UNSTEADY = {"strftime_now", "lipsum"}


class _NotPlain(Exception):
    """Something whose dependence on contents is not known."""


def prints_contents_only(source: str) -> bool:
    """Tell whether all that a template does with contents that are not blank is to print them."""
    tree = template_environment().parse(source)
    names: dict[str, Kind] = {"messages": "messages"}
    try:
        while True:  # a loop may use what it assigns further down: look until nothing is new
            before = dict(names)
            _Proof(names).block(tree.body)
            if names == before:
                return True
    except _NotPlain:
        return False


class _Proof:
    """One walk over a template; ``names`` says what each variable may hold, anywhere."""

    def __init__(self, names: dict[str, Kind]) -> None:
        self._names = names

    def block(self, body: Iterable[nodes.Node]) -> None:
        """Check statements."""
        for node in body:
            check = _STATEMENTS.get(type(node))
            if check is None:
                raise _NotPlain
            check(self, node)

    def output(self, node: nodes.Output) -> None:
        for item in node.nodes:
            if not isinstance(item, nodes.TemplateData) and self.kind(item) == "messages":
                raise _NotPlain

    def condition(self, node: nodes.If) -> None:
        self.test(node.test)
        self.block(node.body)
        self.block(node.elif_)
        self.block(node.else_)

    def loop(self, node: nodes.For) -> None:
        kind = self.kind(node.iter)
        if kind == "content" or node.recursive:
            raise _NotPlain
        self.assign(node.target, kind)
        if node.test is not None:
            self.test(node.test)
        self.block(node.body)
        self.block(node.else_)

    def assignment(self, node: nodes.Assign) -> None:
        self.assign(node.target, self.kind(node.node))

    def marked(self, node: nodes.CallBlock) -> None:
        """Check a ``{% generation %}`` block; other call blocks hand their body to a macro."""
        if not isinstance(node.call.node, nodes.ExtensionAttribute):
            raise _NotPlain
        self.block(node.body)

    def nothing(self, node: nodes.Node) -> None:
        """Accept a statement that holds no expression."""

    def assign(self, target: nodes.Node, kind: Kind) -> None:
        """Remember what a variable may hold."""
        if isinstance(target, nodes.Name):
            key = target.name
        elif isinstance(target, nodes.NSRef):
            key = f".{target.attr}"  # of any namespace: one may have two names
        elif kind == "free":  # several targets at once
            return
        else:
            raise _NotPlain
        known = self._names.get(key, kind)
        if {known, kind} == {"content", "messages"}:
            raise _NotPlain
        self._names[key] = known if kind == "free" else kind

    def test(self, node: nodes.Node) -> None:
        """Check an expression that is only asked for its truth; contents are true."""
        if isinstance(node, nodes.And | nodes.Or):
            self.test(node.left)
            self.test(node.right)
        elif isinstance(node, nodes.Not):
            self.test(node.node)
        else:
            self.kind(node)

    def free(self, *found: nodes.Node | None) -> None:
        """Refuse expressions that hold a content or messages."""
        if any(self.kind(node) != "free" for node in found if node is not None):
            raise _NotPlain

    def kind(self, node: nodes.Node) -> Kind:
        """Return what an expression may hold."""
        check = _EXPRESSIONS.get(type(node))
        if check is None:
            raise _NotPlain
        return check(self, node)

    def name(self, node: nodes.Name) -> Kind:
        if node.name in _UNSTEADY:
            raise _NotPlain
        return self._names.get(node.name, "free")

    def constant(self, node: nodes.Node) -> Kind:
        return "free"

    def literal(self, node: nodes.List | nodes.Tuple) -> Kind:
        self.free(*node.items)
        return "free"

    def join(self, node: nodes.Add | nodes.Concat) -> Kind:
        parts = node.nodes if isinstance(node, nodes.Concat) else [node.left, node.right]
        kinds = {self.kind(part) for part in parts}
        if "messages" in kinds:
            raise _NotPlain
        return "content" if "content" in kinds else "free"

    def arithmetic(self, node: nodes.BinExpr) -> Kind:
        self.free(node.left, node.right)
        return "free"

    def sign(self, node: nodes.UnaryExpr) -> Kind:
        self.free(node.node)
        return "free"

    def both(self, node: nodes.And | nodes.Or) -> Kind:
        # As a value, `a or b` is one of the two; as a truth (`test`) it may hold contents.
        self.free(node.left, node.right)
        return "free"

    def negation(self, node: nodes.Not) -> Kind:
        self.test(node.node)
        return "free"

    def choice(self, node: nodes.CondExpr) -> Kind:
        self.test(node.test)
        kinds = {self.kind(node.expr1)}
        kinds.add("free" if node.expr2 is None else self.kind(node.expr2))
        if kinds == {"content", "messages"}:
            raise _NotPlain
        return next(iter(kinds - {"free"}), "free")

    def comparison(self, node: nodes.Compare) -> Kind:
        kinds = [self.kind(node.expr), *(self.kind(operand.expr) for operand in node.ops)]
        if set(kinds) == {"free"}:
            return "free"
        (operand, *more) = node.ops
        if not more and kinds == ["content", "free"] and operand.op in ("eq", "ne"):
            # A content is neither true nor false, neither none nor empty.
            other = operand.expr
            if isinstance(other, nodes.Const) and other.value in (None, True, False, ""):
                return "free"
        # `'tool_calls' in message` asks for a key.
        asked = not more and operand.op in ("in", "notin") and isinstance(node.expr, nodes.Const)
        if asked and kinds == ["free", "messages"]:
            return "free"
        raise _NotPlain

    def type_test(self, node: nodes.Test) -> Kind:
        kind = self.kind(node.node)
        self.free(*node.args, *(pair.value for pair in node.kwargs))
        if kind != "free" and node.name not in _TYPE_TESTS:
            raise _NotPlain
        return "free"

    def filtered(self, node: nodes.Filter) -> Kind:
        if node.node is None or node.dyn_args or node.dyn_kwargs or node.name == "random":
            raise _NotPlain
        kind = self.kind(node.node)
        self.free(*node.args, *(pair.value for pair in node.kwargs))
        plain = not node.args and not node.kwargs
        if kind == "content" and not (plain and node.name in ("trim", "string")):
            raise _NotPlain
        if kind == "messages":
            if plain and node.name in ("length", "count"):
                return "free"
            if not (plain and node.name in ("list", "first", "last")) and not _by_role(node):
                raise _NotPlain
        return kind

    def call(self, node: nodes.Call) -> Kind:
        if node.dyn_args or node.dyn_kwargs:
            raise _NotPlain
        self.free(*node.args, *(pair.value for pair in node.kwargs))
        if isinstance(node.node, nodes.Getattr):
            kind = self.kind(node.node.node)
            stripped = node.node.attr in _STRIPS and not node.args and not node.kwargs
            if kind == "messages" or (kind == "content" and not stripped):
                raise _NotPlain
            return kind
        self.free(node.node)
        return "free"

    def attribute(self, node: nodes.Getattr) -> Kind:
        return self._member(node.node, node.attr)

    def item(self, node: nodes.Getitem) -> Kind:
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self._member(node.node, node.arg.value)
        kind = self.kind(node.node)
        if isinstance(node.arg, nodes.Slice):
            self.free(node.arg.start, node.arg.stop, node.arg.step)
        else:
            self.free(node.arg)
            # `message[key]` may be the content by another name; a number only counts messages.
            if kind == "messages" and not _is_number(node.arg):
                raise _NotPlain
        if kind == "content":
            raise _NotPlain
        return kind

    def _member(self, owner: nodes.Node, name: str) -> Kind:
        kind = self.kind(owner)
        if kind == "content":
            raise _NotPlain
        if kind == "messages":
            return "content" if name == "content" else "free"
        if name in _NEIGHBOURS:  # of a loop's turn
            return "messages"
        return self._names.get(f".{name}", "free")


def _by_role(node: nodes.Filter) -> bool:
    """Tell whether messages are chosen by a field other than their content."""
    named = [item.value for item in node.args[:1] if isinstance(item, nodes.Const)]
    chosen = node.name in ("selectattr", "rejectattr") and not node.kwargs
    return chosen and bool(named) and named[0] in ("role", "weight", "tool_calls")


def _is_number(node: nodes.Node) -> bool:
    """Tell whether an index is a number: a constant, or a loop's count and sums of them."""
    if isinstance(node, nodes.Const):
        return isinstance(node.value, int)
    if isinstance(node, nodes.Neg | nodes.Pos):
        return _is_number(node.node)
    if isinstance(node, nodes.Add | nodes.Sub):
        return _is_number(node.left) and _is_number(node.right)
    counts = ("index", "index0", "revindex", "revindex0", "length")
    return (
        isinstance(node, nodes.Getattr)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "loop"
        and node.attr in counts
    )


_STATEMENTS: dict[type[nodes.Node], Callable[..., None]] = {
    nodes.Output: _Proof.output,
    nodes.If: _Proof.condition,
    nodes.For: _Proof.loop,
    nodes.Assign: _Proof.assignment,
    nodes.CallBlock: _Proof.marked,
    nodes.Continue: _Proof.nothing,
    nodes.Break: _Proof.nothing,
}
_EXPRESSIONS: dict[type[nodes.Node], Callable[..., Kind]] = {
    nodes.Const: _Proof.constant,
    nodes.TemplateData: _Proof.constant,
    nodes.Name: _Proof.name,
    nodes.List: _Proof.literal,
    nodes.Tuple: _Proof.literal,
    nodes.Add: _Proof.join,
    nodes.Concat: _Proof.join,
    nodes.Sub: _Proof.arithmetic,
    nodes.Mod: _Proof.arithmetic,
    nodes.Neg: _Proof.sign,
    nodes.And: _Proof.both,
    nodes.Or: _Proof.both,
    nodes.Not: _Proof.negation,
    nodes.CondExpr: _Proof.choice,
    nodes.Compare: _Proof.comparison,
    nodes.Test: _Proof.type_test,
    nodes.Filter: _Proof.filtered,
    nodes.Call: _Proof.call,
    nodes.Getattr: _Proof.attribute,
    nodes.Getitem: _Proof.item,
}
