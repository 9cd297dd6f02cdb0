"""The process that runs Great Expectations: stdin names a request file, the result is a file.

It is a process of its own because importing the library takes seconds: it is started while the
intake is still at work, imports, and waits for its request. When the parent ends without sending
one, stdin closes and this process ends too.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import re
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

from orchestration import atomic

_OUTSIDE = r"(?:https?:)?//[^\"'\s>]+"
_EXTERNAL_TAGS = (
    re.compile(rf"<script[^>]*\bsrc=[\"']?{_OUTSIDE}[^>]*>\s*</script>", re.IGNORECASE),
    re.compile(rf"<link[^>]*\bhref=[\"']?{_OUTSIDE}[^>]*>", re.IGNORECASE),
    re.compile(rf"<img[^>]*\bsrc=[\"']?{_OUTSIDE}[^>]*>", re.IGNORECASE),
)
_STYLE = """<style>
body { font-family: sans-serif; margin: 1.5rem; line-height: 1.4; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { border: 1px solid #bbb; padding: .25rem .5rem; text-align: left; vertical-align: top; }
.modal, .navbar-toggler, nav .btn { display: none; }
img { max-height: 2rem; }
</style></head>"""


def main() -> int:
    """Entry point of `python -m orchestration.quality.worker`."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    # A process that imports for seconds, works for one and ends has nothing to collect.
    gc.disable()
    # Of the statistics library only expectations on distributions make use; none of ours is one.
    _import_on_first_use("scipy", "scipy.stats")
    import great_expectations  # noqa: F401  (the slow part, done while the intake works)

    name = sys.stdin.read().strip()
    if not name:
        return 0
    request = json.loads(Path(name).read_text(encoding="utf-8"))
    results = check(request["frames"], Path(request["docs"]))
    answer = request["answer"] | {"results": results}
    atomic.write_json(Path(request["result"]), answer)
    return 0


def _import_on_first_use(*names: str) -> None:
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None or name in sys.modules:
            continue
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


def check(frames: dict[str, dict[str, Any]], docs: Path) -> list[dict[str, Any]]:
    """Run one checkpoint per frame, write Data Docs, give one result per expectation."""
    import great_expectations as gx
    import great_expectations.expectations as gxe
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    aside = docs.with_name(f".{docs.name}-{uuid.uuid4().hex}")
    context.add_data_docs_site(
        site_name="akutt",
        site_config={
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(aside),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    datasource = context.data_sources.add_pandas("receipts")
    results = []
    for name, content in frames.items():
        suite = context.suites.add(
            gx.ExpectationSuite(
                name=name,
                expectations=[
                    getattr(gxe, expected["expectation"])(
                        column=expected["column"],
                        notes=f"{expected['name']}: {expected['text_nb']} / {expected['text']}"
                        f" ({'blocks the release' if expected['blocking'] else 'warns'})",
                        meta={"name": expected["name"], "blocking": expected["blocking"]},
                        **expected["arguments"],
                    )
                    for expected in content["expectations"]
                ],
            )
        )
        asset = datasource.add_dataframe_asset(name=name)
        batch = asset.add_batch_definition_whole_dataframe("daily")
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=batch, suite=suite)
        )
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(name=name, validation_definitions=[definition], actions=[])
        )
        frame = pd.DataFrame(content["rows"], columns=content["columns"])
        outcome = checkpoint.run(batch_parameters={"dataframe": frame})
        for validation in outcome.run_results.values():
            results += [_result(name, item, frame) for item in validation.to_json_dict()["results"]]
    context.build_data_docs(site_names=["akutt"])
    _make_self_contained(aside)
    _swap_folder(aside, docs)
    return results


def _result(frame_name: str, item: dict[str, Any], frame: Any) -> dict[str, Any]:
    meta = item["expectation_config"]["meta"]
    found = item["result"]
    rows = found.get("partial_unexpected_index_list") or []
    column = item["expectation_config"]["kwargs"]["column"]
    return {
        "suite": frame_name,
        "name": meta["name"],
        "blocking": meta["blocking"],
        "success": bool(item["success"]),
        "column": column,
        "days_looked_at": found.get("element_count", 0) - found.get("missing_count", 0),
        "days_unexpected": found.get("unexpected_count", 0),
        "examples": [
            {"delivered_on": str(frame["delivered_on"][row]), column: _plain(frame[column][row])}
            for row in rows[-5:]
        ],
        "error": (item.get("exception_info") or {}).get("exception_message"),
    }


def _plain(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


def _make_self_contained(folder: Path) -> None:
    """Take out every style sheet, script and picture that would be fetched from elsewhere.

    The pages are read inside hospital networks. Nothing in them may call out.
    """
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern in _EXTERNAL_TAGS:
            text = pattern.sub("", text)
        page.write_text(text.replace("</head>", _STYLE, 1), encoding="utf-8")


def _swap_folder(aside: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}-old-{uuid.uuid4().hex}")
    if target.exists():
        target.rename(old)
    aside.rename(target)
    for leftover in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
