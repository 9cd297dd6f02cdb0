"""MetricFlow semantic models and metrics made from the registry.

A family whose fact holds its measures row by row becomes a semantic model, and every KPI that is a
count, a ratio of sums or an exact percentile of it becomes a metric of the same name. The rest is
listed with the reason.
"""

from __future__ import annotations

from typing import Any

from orchestration.registry.spec import MS_PER_UNIT, Family, Kpi, Linear, Registry

# Families whose measures are not columns of their fact, and why.
DERIVED_FAMILIES = {
    "call_homes": "counted by the home central, which the calls do not carry as a registered unit",
    "call_hours": "counts clock hours that meet a target, an aggregate of an aggregate",
    "chains": "links of calls to incidents are summed per incident first",
    "response_standardized": "needs the national rates of the same period as a standard",
}
# Measures that come from beside the fact.
BESIDE_THE_FACT = {
    ("calls", "recalled"): "later calls of the same caller are found in a model of their own",
}
# Level -> entity. The unit of record quality is a central or a base.
_UNIT_EXPRESSIONS = {
    # A call passed on counts where it first rang.
    ("calls", "central_id"): "counted_central_id",
    ("calls", "region_id"): "counted_region_id",
    ("record_quality", "central_id"): "case when unit_level = 'central' then unit_id end",
    ("record_quality", "base_id"): "case when unit_level = 'base' then unit_id end",
}
_HEAD = "# Generated from kpis/*.yaml by `akutt kpi export`; change the YAML, not this file.\n"
# What a uniform share of whole minutes would be; as in the SQL of kind `excess`.
_EXPECTED_ROUND = "1.0 / 60"


def inexpressible(registry: Registry) -> dict[str, str]:
    """KPIs that are not MetricFlow metrics, with the reason; the newest version of each."""
    reasons: dict[str, str] = {}
    for kpi in _newest(registry):
        reason = _reason(kpi)
        if reason is not None:
            reasons[kpi.id] = reason
    return reasons


def expressible(registry: Registry) -> tuple[Kpi, ...]:
    """KPIs that are MetricFlow metrics."""
    return tuple(kpi for kpi in _newest(registry) if _reason(kpi) is None)


def semantic_yaml(registry: Registry) -> str:
    """The properties file with semantic models, metrics and nothing else."""
    import yaml

    kpis = expressible(registry)
    used = sorted({name for kpi in kpis for name in _measures(kpi)})
    families = {name.partition(".")[0] for name in used} | {kpi.family for kpi in kpis}
    content = {
        "version": 2,
        "semantic_models": [
            _semantic_model(
                registry.families[name],
                [m.partition(".")[2] for m in used if m.startswith(f"{name}.")],
                [kpi for kpi in kpis if kpi.family == name and kpi.percentile is not None],
            )
            for name in sorted(families)
        ],
        "metrics": [
            *(_count_metric(registry, name) for name in used),
            *(_metric(registry, kpi) for kpi in kpis),
        ],
    }
    return _HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _newest(registry: Registry) -> list[Kpi]:
    newest = {kpi.id: kpi for kpi in registry.kpis}
    return list(newest.values())


def _reason(kpi: Kpi) -> str | None:
    if kpi.status != "active":
        return "has no source"
    if kpi.family in DERIVED_FAMILIES:
        return DERIVED_FAMILIES[kpi.family]
    if kpi.kind == "rate":
        return "person-years follow the days delivered in each period, not rows"
    for form in kpi.forms:
        for name in form:
            reason = BESIDE_THE_FACT.get((kpi.family, name))
            if reason is not None:
                return reason
    return None


def _measures(kpi: Kpi) -> set[str]:
    """Measures the value is made of, as family.measure."""
    forms: list[Linear] = [kpi.numerator, kpi.denominator]
    if _is_told(kpi):
        forms += [kpi.known_form, kpi.base]
    if kpi.kind == "mean":
        forms.append(kpi.observations)
    return {_dotted(kpi, name) for form in forms for name in form}


def _is_told(kpi: Kpi) -> bool:
    """Whether a sum has a value only where something is known of what there is."""
    return kpi.kind in ("count", "hours_count") and bool(kpi.base)


def _dotted(kpi: Kpi, name: str) -> str:
    return name if "." in name else f"{kpi.family}.{name}"


def _name(dotted: str) -> str:
    """Name of the measure, and of the metric that is nothing but the measure."""
    return "n_" + dotted.replace(".", "_")


def _where(family: Family, expression: str, otherwise: str) -> str:
    if family.scope is None:
        return expression
    return f"case when {family.scope} then {expression} else {otherwise} end"


def _semantic_model(family: Family, measures: list[str], durations: list[Kpi]) -> dict[str, Any]:
    units = {column for column in family.units.values() if column is not None}
    dimensions: list[dict[str, Any]] = [
        {"name": "event_date", "type": "time", "type_params": {"time_granularity": "day"}}
    ]
    if family.segment is not None:
        dimensions.append({"name": "segment", "type": "categorical", "expr": family.segment})
    return {
        "name": family.family,
        "description": family.description_en,
        "model": f"ref('{family.fact}')",
        "defaults": {"agg_time_dimension": "event_date"},
        "primary_entity": f"{family.family}_row",
        "entities": [
            {
                "name": column.removesuffix("_id"),
                "type": "foreign",
                "expr": _UNIT_EXPRESSIONS.get((family.family, column), column),
            }
            for column in sorted(units)
        ],
        "dimensions": dimensions,
        "measures": [
            *(_measure(family, name) for name in measures),
            *(_percentile(family, kpi) for kpi in durations),
        ],
    }


def _measure(family: Family, name: str) -> dict[str, Any]:
    measure = family.measures[name]
    if measure.sql is not None:
        condition = " and ".join(
            f"({part})" for part in (family.scope, measure.sql) if part not in (None, "true")
        )
        expression = f"case when {condition} then 1 else 0 end" if condition else "1"
    else:
        expression = _where(family, str(measure.sum), "0")
    return {
        "name": _name(f"{family.family}.{name}"),
        "description": measure.en,
        "agg": "sum",
        "expr": expression,
    }


def _percentile(family: Family, kpi: Kpi) -> dict[str, Any]:
    assert kpi.percentile is not None
    return {
        "name": f"value_{kpi.id}",
        "description": kpi.name_en,
        "agg": "percentile",
        "expr": _where(family, f"{kpi.percentile.column} / {MS_PER_UNIT[kpi.unit]}.0", "null"),
        "agg_params": {
            "percentile": kpi.percentile.at,
            "use_discrete_percentile": False,
            "use_approximate_percentile": False,
        },
    }


def _count_metric(registry: Registry, dotted: str) -> dict[str, Any]:
    family, _, name = dotted.partition(".")
    return {
        "name": _name(dotted),
        "label": registry.families[family].measures[name].en,
        "type": "simple",
        "type_params": {"measure": _name(dotted)},
    }


def _metric(registry: Registry, kpi: Kpi) -> dict[str, Any]:
    if kpi.percentile is not None:
        kind: dict[str, Any] = {"type": "simple", "type_params": {"measure": f"value_{kpi.id}"}}
    else:
        expression, inputs = _expression(kpi)
        kind = {
            "type": "derived",
            "type_params": {"expr": expression, "metrics": [{"name": name} for name in inputs]},
        }
    metric = {
        "name": kpi.id,
        "label": f"{kpi.number} {kpi.name_en} ({kpi.unit})",
        "description": kpi.definition_en,
        **kind,
    }
    family = registry.families[kpi.family]
    others = {s for other in family.kpis for s in other.segments} - set(kpi.segments)
    if family.segment is not None and others:
        segments = ", ".join(f"'{segment}'" for segment in kpi.segments)
        metric["filter"] = f"{{{{ Dimension('{kpi.family}_row__segment') }}}} in ({segments})"
    return metric


def _expression(kpi: Kpi) -> tuple[str, list[str]]:
    """The value as SQL over the metrics of its measures, and their names."""
    numerator, denominator = kpi.numerator, kpi.denominator
    if kpi.kind == "mean":
        denominator = kpi.observations
    names = sorted(_name(name) for name in _measures(kpi))
    top = _sum(kpi, numerator)
    if any("." in name for name in denominator):
        # A unit with rows of the other family only has none of this one: that is zero.
        top = f"coalesce({top}, 0)"
    if kpi.kind in ("count", "hours_count"):
        per_unit = MS_PER_UNIT.get(kpi.unit)
        value = top if per_unit is None else f"{top} / {per_unit}.0"
        if _is_told(kpi):
            told = f"{_sum(kpi, kpi.known_form)} > 0 or {_sum(kpi, kpi.base)} = 0"
            value = f"case when {told} then {value} end"
        return value, names
    ratio = f"1.0 * {top} / nullif({_sum(kpi, denominator)}, 0)"
    if kpi.kind == "mean":
        return f"{ratio} / {MS_PER_UNIT[kpi.unit]}.0", names
    if kpi.kind == "excess":
        return f"{kpi.factor} * ({ratio} - {_EXPECTED_ROUND})", names
    return f"{kpi.factor} * {ratio}", names


def _sum(kpi: Kpi, form: Linear) -> str:
    terms = ""
    for name, coefficient in form.items():
        sign = "-" if coefficient < 0 else "+"
        factor = "" if abs(coefficient) == 1 else f"{abs(coefficient)} * "
        terms += f" {sign} {factor}{_name(_dotted(kpi, name))}"
    return f"({terms.removeprefix(' + ').strip()})"
