"""The oracle: what a file says, read without any code or library that the readers use.

The readers use polars, duckdb and fastexcel. The oracle uses the standard library, a reading of
workbooks of its own, and pyarrow for Parquet (polars has a Parquet reader of its own). Only zlib is
under both. The source file and the contract are definitions that both read.
"""
