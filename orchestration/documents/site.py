"""The documentation as one folder of HTML that opens without a server or a network.

`index.html` leads to the metric dictionary, the data dictionary, the guides and dbt's own pages of
models, columns, tests and lineage (one static file).
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orchestration.paths import DBT_PROJECT, FILES, REPOSITORY
from orchestration.registry import Registry, load_registry

DBT_PAGE = "warehouse.html"
INDEX = "index.html"
_PARTS = {
    "docs/metrics/*.md": "metrics",
    "contracts/exports/dictionary.*.md": "data",
    "docs/*.md": "guides",
    "docs/decisions/*.md": "decisions",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { border: 1px solid #bbb; padding: .3rem .6rem;
text-align: left; vertical-align: top; } code, pre { background: #f3f3f3; } pre { padding: .6rem;
overflow: auto; }
"""
_PAGE = """<!doctype html>
<html lang="nb"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body>{body}</body></html>
"""
# A link to a file, relative to the page it stands on.
_LINK = re.compile(r'<a href="(?![a-z]+:|#)([^"#]+)(#[^"]*)?">(.*?)</a>', re.DOTALL)


class DocsError(RuntimeError):
    """The documentation could not be built; the message says why."""


def build(folder: Path, *, with_dbt: bool = True) -> list[Path]:
    """Write the site; `with_dbt` also dbt's page, which takes some seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = load_registry()
    pages = _pages()
    targets = {source: folder / name for source, name in pages.items()}
    written = [_write(source, target, targets) for source, target in targets.items()]
    if with_dbt:
        written.append(_dbt(folder / DBT_PAGE))
    index = folder / INDEX
    index.write_text(_index(pages, registry, with_dbt=with_dbt), encoding="utf-8")
    return [index, *written]


def _pages() -> dict[Path, str]:
    """Every Markdown file of the site, and its name there."""
    found = {}
    for pattern, part in _PARTS.items():
        for path in sorted([*FILES.glob(pattern)] or REPOSITORY.glob(pattern)):
            found[path] = f"{part}/{path.stem}.html"
    return found


def _write(source: Path, target: Path, targets: Mapping[Path, Path]) -> Path:
    text = source.read_text(encoding="utf-8")
    title = next((line[2:] for line in text.splitlines() if line.startswith("# ")), source.stem)

    def kept(found: re.Match[str]) -> str:
        """A link to another page of the site; what it lacks stays as words."""
        page = targets.get((source.parent / found[1]).resolve())
        if page is None:
            return found[3]
        way = Path(os.path.relpath(page, target.parent)).as_posix()
        return f'<a href="{way}{found[2] or ""}">{found[3]}</a>'

    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_LINK.sub(kept, as_html(title, text)), encoding="utf-8")
    return target


def as_html(title: str, markdown: str) -> str:
    """A Markdown page as a complete HTML page."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark").enable("table").render(markdown)
    return _PAGE.format(title=html.escape(title), style=_STYLE, body=body)


def _index(pages: Mapping[Path, str], registry: Registry, *, with_dbt: bool) -> str:
    guides = [name for name in pages.values() if name.startswith("guides/")]
    count = len({kpi.id for kpi in registry.kpis})
    lines = [
        "# Akuttkjede",
        "",
        f"- [{count} nøkkeltall / metric dictionary](metrics/README.html)",
        "- [Dataordbok, bokmål](data/dictionary.nb.html)",
        "- [Data dictionary, English](data/dictionary.en.html)",
        *(
            [f"- [Datavarehuset: modeller og avstamning / models and lineage]({DBT_PAGE})"]
            * with_dbt
        ),
        *(f"- [{Path(name).stem}]({name})" for name in guides),
    ]
    return as_html("Akuttkjede", "\n".join(lines))


def _dbt(target: Path) -> Path:
    """dbt's static page. Nothing is built: an empty warehouse stands in, so no data is needed."""
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        os.environ |= {
            "AKUTT_WAREHOUSE": str(scratch / "akutt.duckdb"),
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        outcome = dbtRunner().invoke(
            [
                *("--quiet", "--no-use-colors", "--log-level-file", "none"),
                *("docs", "generate", "--static", "--empty-catalog"),
                *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
                *("--target-path", str(scratch / "target"), "--log-path", str(scratch / "logs")),
                *("--vars", json.dumps({"lake_path": str(scratch / "lake")})),
            ]
        )
        _close()
        made = scratch / "target" / "static_index.html"
        if not outcome.success or not made.is_file():
            raise DocsError(f"dbt docs: {outcome.exception or 'no static page was made'}")
        shutil.copyfile(made, target)
    return target


def _close() -> None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    if environment is not None:
        environment.close()
    DuckDBConnectionManager.close_all_connections()
