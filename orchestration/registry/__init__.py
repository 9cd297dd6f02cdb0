"""The KPI registry: definitions as YAML, validated, and exported to the dbt project."""

from __future__ import annotations

from orchestration.registry.load import load_registry
from orchestration.registry.spec import Family, Kpi, Linear, Measure, Registry, parse_linear

__all__ = ["Family", "Kpi", "Linear", "Measure", "Registry", "load_registry", "parse_linear"]
