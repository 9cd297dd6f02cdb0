"""Pages over a release: a server (`app`) and the same pages as files (`site`).

Knows a release and nothing else of this repository. Figures come through `reporting.query`.
"""
