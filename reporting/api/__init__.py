"""The figures of the current release for other programs: `/api/v1`, beside the pages.

It takes the same way to a figure as everything else (`reporting.query`) and adds none of its own.
"""
