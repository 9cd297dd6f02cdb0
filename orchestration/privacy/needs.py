"""Which KPIs need a field of a contract: read from the SQL that computes them.

A KPI is followed from its measures in the registry back through the models to the accepted rows.
A field counts as needed when a value of it can change the figure: it is in an expression, decides
which rows are counted (`where`, an inner join, `group by`, `qualify`), or picks what is joined to
them. Warnings on a row (`has_timing_warning`) are not followed into the rules behind them.
Nothing is listed by hand, so a changed model changes the answer.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlglot
from sqlglot import exp

from contracts import CONTRACTS, LINEAGE
from orchestration.privacy.models_sql import Models, lake_relation
from orchestration.registry import Kpi, Registry, load_registry
from orchestration.registry.export import measure_sql
from orchestration.registry.spec import Family, split_segment

DIALECT = "duckdb"
# Where accepted rows end besides in KPIs: calls, missions and flights of one incident.
LINKS = ("fct_links", "incident_chains", "agg_links")

# One row per record, the latest revision: what the warehouse keeps of accepted rows.
LATEST = (
    "int_alarms__latest",
    "int_calls__latest",
    "int_lat_readiness__latest",
    "int_lat_requests__latest",
    "int_video_sessions__latest",
)


class Field(NamedTuple):
    """A field of a contract."""

    contract: str
    column: str


Fields = frozenset[Field]
NOTHING: Fields = frozenset()


@dataclass(frozen=True)
class Relation:
    """What the columns of a table come from, and what decides which rows it has.

    Attributes:
        is_known: False for a table whose columns are not known, such as a seed; it has any.
    """

    columns: Mapping[str, Fields] = field(default_factory=dict)
    rows: Fields = NOTHING
    is_known: bool = True

    @property
    def all(self) -> Fields:
        """Every field that has anything to do with the table."""
        return self.rows.union(*self.columns.values())


_OUTSIDE = Relation(is_known=False)


class Needs:
    """The fields behind models and KPIs."""

    def __init__(self, models: Models | None = None, registry: Registry | None = None) -> None:
        self._models = models or Models()
        self._registry = registry or load_registry()
        self._known: dict[str, Relation] = {
            lake_relation(name): _accepted(name) for name in CONTRACTS
        }

    @functools.cached_property
    def by_field(self) -> dict[Field, tuple[str, ...]]:
        """The ids of the computed KPIs that need a field, in the order of the catalogue."""
        found: dict[Field, dict[str, None]] = {
            Field(name, column): {} for name, contract in CONTRACTS.items()
            for column in contract.columns
        }  # fmt: skip
        for kpi in self._registry.active:
            for one in self.of_kpi(kpi):
                found[one][kpi.id] = None
        return {one: tuple(kpis) for one, kpis in found.items()}

    @functools.cached_property
    def links(self) -> Fields:
        """The fields that tie records of one incident together."""
        return NOTHING.union(*(self.model(name).all for name in LINKS))

    @functools.cached_property
    def in_warehouse(self) -> dict[Field, bool]:
        """The fields that the warehouse keeps row by row; True where the value is kept as it is."""
        found: dict[Field, bool] = {}
        for name in sorted(LATEST):
            for column, of in self.model(name).columns.items():
                for one in of:
                    is_same = column in (one.column, f"is_{one.column}")
                    found[one] = found.get(one, False) or is_same
        return found

    def of_kpi(self, kpi: Kpi) -> Fields:
        """Every field that a KPI needs, for its numbers, its periods and its units."""
        names = {split_segment(name)[0] for form in kpi.forms for name in form}
        found: Fields = NOTHING
        for name in names:
            owner, _, bare = name.rpartition(".")
            found |= self._measure(self._registry.families[owner or kpi.family], bare)
        family = self._registry.families[kpi.family]
        if kpi.percentile is not None:
            found |= self._expression(family, kpi.percentile.column)
        places = [family.units[level] for level in kpi.levels]
        for column in ("event_date", family.segment, *places):
            if column is not None:
                found |= self._expression(family, column)
        if family.family == "record_quality":
            # One KPI of every record type: only those that it has segments of.
            found = frozenset(one for one in found if one.contract in kpi.segments)
        return found

    def model(self, name: str) -> Relation:
        """The relation that a model makes; one that holds nothing of ours for seeds and the "
        "like."""
        if name not in self._known:
            if name not in self._models:
                return _OUTSIDE
            query = sqlglot.parse_one(self._models.sql(name), dialect=DIALECT)
            self._known[name] = _Reader(self).relation(query, {})
        return self._known[name]

    def _measure(self, family: Family, name: str) -> Fields:
        measure = family.measures[name]
        counted = self.model(family.aggregate)
        if name in counted.columns:
            return counted.columns[name] | counted.rows
        return self._expression(family, measure_sql(measure)) if measure.is_stored else NOTHING

    def _expression(self, family: Family, text: str) -> Fields:
        """An expression over the rows that a family counts, with what decides which these are."""
        counted, fact = self.model(family.aggregate), self.model(family.fact)
        columns = {**fact.columns, **counted.columns}
        rows = counted.rows | fact.rows
        parsed = [sqlglot.parse_one(part, dialect=DIALECT) for part in (text, family.scope) if part]
        used = (column.name for part in parsed for column in part.find_all(exp.Column))
        return rows.union(*(columns.get(name, NOTHING) for name in used))


def _accepted(name: str) -> Relation:
    """The accepted rows of a contract: each column is itself, the day is that of the anchor."""
    contract = CONTRACTS[name]
    columns = {column: frozenset({Field(name, column)}) for column in contract.columns}
    columns |= dict.fromkeys(LINEAGE, NOTHING)
    anchor = contract.anchor().meta.root_names()
    columns["event_date"] = frozenset(Field(name, column) for column in anchor)
    return Relation(columns)


Tables = dict[str, Relation]


class _Reader:
    """Follows columns through one query."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs

    def relation(
        self, query: exp.Expr, ctes: Tables, outer: Mapping[str, Relation] | None = None
    ) -> Relation:
        """What a query gives. `outer` are the tables that a subquery may name from around it."""
        ctes = dict(ctes)
        for cte in _ctes(query):
            ctes[cte.alias] = self.relation(cte.this, ctes, outer)
        if isinstance(query, exp.Subquery):
            return self.relation(query.this, ctes, outer)
        if isinstance(query, exp.SetOperation):
            left = self.relation(query.left, ctes, outer)
            right = self.relation(query.right, ctes, outer)
            return _stacked(left, right)
        if isinstance(query, exp.Select):
            return self._select(query, ctes, outer or {})
        return _OUTSIDE

    def _select(self, query: exp.Select, ctes: Tables, outer: Mapping[str, Relation]) -> Relation:
        tables: Tables = {}
        rows: Fields = NOTHING
        start = query.args.get("from_") or query.args.get("from")
        if start is not None:
            alias, relation = self._table(start.this, ctes, {})
            tables[alias] = relation
            rows |= relation.rows
        for join in query.args.get("joins") or ():
            alias, relation = self._table(join.this, ctes, tables)
            tables[alias] = relation
            condition = join.args.get("on")
            picked = self._fields(condition, tables, outer, {}, ctes) if condition else NOTHING
            if str(join.args.get("side") or "").upper() == "LEFT":
                # It leaves the rows as they are and decides what stands beside them.
                behind = picked | relation.rows
                columns = {name: of | behind for name, of in relation.columns.items()}
                tables[alias] = Relation(columns, behind, relation.is_known)
                if not relation.is_known:
                    tables[alias] = _Any(behind)
            else:
                rows |= picked | relation.rows
        return self._selected(query, tables, outer, ctes, rows)

    def _selected(
        self,
        query: exp.Select,
        tables: Tables,
        outer: Mapping[str, Relation],
        ctes: Tables,
        rows: Fields,
    ) -> Relation:
        columns: dict[str, Fields] = {}
        is_known = True
        for item in query.expressions:
            if _is_star(item):
                columns |= _starred(item, tables)
                is_known &= all(one.is_known for one in _of_star(item, tables))
            else:
                name = item.alias_or_name
                # A union goes by position, so that a name that comes twice is two columns.
                name = name if name and name not in columns else f"{name}#{len(columns)}"
                columns[name] = self._fields(item, tables, outer, columns, ctes)
        for clause in ("where", "group", "having", "qualify", "distinct"):
            part = query.args.get(clause)
            if part is not None:
                rows |= self._fields(part, tables, outer, columns, ctes)
        if query.args.get("distinct") is not None:
            rows = rows.union(*columns.values())
        return Relation(columns, rows, is_known)

    def _table(self, item: exp.Expr, ctes: Tables, beside: Tables) -> tuple[str, Relation]:
        if isinstance(item, exp.Subquery):
            return item.alias or f"_{len(beside)}", self.relation(item.this, ctes, beside)
        if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
            name = item.name
            found = ctes.get(name)
            return item.alias_or_name, self._needs.model(name) if found is None else found
        # A list or a range that is made of columns of the tables beside it.
        used = self._fields(item, beside, {}, {}, ctes)
        return item.alias_or_name or f"_{len(beside)}", _Any(used)

    def _fields(
        self,
        part: exp.Expr,
        tables: Mapping[str, Relation],
        outer: Mapping[str, Relation],
        named: Mapping[str, Fields],
        ctes: Tables,
    ) -> Fields:
        """The fields behind an expression; a query in it counts with all that it reads."""
        found: Fields = NOTHING
        for node in _outside_queries(part):
            if isinstance(node, exp.Column):
                found |= _column(node, tables, outer, named)
            elif isinstance(node, exp.Query):
                found |= self.relation(node, ctes, {**outer, **tables}).all
        return found


class _Any(Relation):
    """A table of no known columns, each of which comes from the same fields."""

    def __init__(self, behind: Fields) -> None:
        super().__init__({}, behind, is_known=False)


def _ctes(query: exp.Expr) -> Iterable[exp.CTE]:
    clause = query.args.get("with_") or query.args.get("with")
    return () if clause is None else clause.expressions


def _stacked(left: Relation, right: Relation) -> Relation:
    """A union: columns by position, with the names of the first."""
    if not left.is_known or not right.is_known:
        return Relation(left.columns or right.columns, left.all | right.all, is_known=False)
    columns = {
        name: of | other
        for (name, of), other in zip(left.columns.items(), right.columns.values(), strict=True)
    }
    return Relation(columns, left.rows | right.rows)


def _outside_queries(part: exp.Expr) -> Iterator[exp.Expr]:
    """The nodes of an expression, each query in it as one."""
    stack: list[exp.Expr] = [part]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, exp.Query) or node is part:
            stack.extend(node.iter_expressions())


def _is_star(item: exp.Expr) -> bool:
    return isinstance(item, exp.Star) or (
        isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
    )


def _of_star(item: exp.Expr, tables: Mapping[str, Relation]) -> list[Relation]:
    return [tables[item.table]] if isinstance(item, exp.Column) else list(tables.values())


def _starred(item: exp.Expr, tables: Mapping[str, Relation]) -> dict[str, Fields]:
    columns: dict[str, Fields] = {}
    for relation in _of_star(item, tables):
        for name, found in relation.columns.items():
            columns[name] = columns.get(name, NOTHING) | found
    return columns


def _column(
    node: exp.Column,
    tables: Mapping[str, Relation],
    outer: Mapping[str, Relation],
    named: Mapping[str, Fields],
) -> Fields:
    """The fields behind a column; of one without a table all that it may mean."""
    name, owner = node.name, node.table
    if owner:
        relation = tables.get(owner) or outer.get(owner)
        if relation is None:
            return NOTHING
        return relation.columns.get(name, relation.rows if not relation.is_known else NOTHING)
    holders = [one for one in tables.values() if name in one.columns]
    if holders:
        return NOTHING.union(*(one.columns[name] for one in holders))
    if name in named:
        return named[name]
    if any(name in one.columns for one in outer.values()):
        return NOTHING.union(*(one.columns.get(name, NOTHING) for one in outer.values()))
    return NOTHING.union(*(one.rows for one in tables.values() if not one.is_known))
