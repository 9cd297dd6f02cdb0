"""Raw columns as their source writes them: trimmed, joined, and with its words for 'no value'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from ingestion.sources.spec import ColumnMap, SourceSpec
from ingestion.stamps import WHITE, moment
from ingestion.text_bytes import has_any_of, may_have_blank_ends


@dataclass(frozen=True)
class RawColumns:
    """The raw columns of many rows. What several contract columns ask of one is found out once."""

    frame: pl.DataFrame
    spec: SourceSpec
    _tokens: dict[tuple[str, ...], bool] = field(default_factory=dict)
    _dates: dict[tuple[str, ...], pl.Series] = field(default_factory=dict)

    def is_typed(self, name: str) -> bool:
        """Whether the column holds stamps and not texts."""
        return isinstance(self.frame.schema[name], pl.Datetime)

    def has_zone(self, name: str) -> bool:
        """Whether the column holds stamps with an offset from UTC."""
        dtype = self.frame.schema[name]
        return isinstance(dtype, pl.Datetime) and dtype.time_zone is not None

    def sources(self, names: Sequence[str], column_map: ColumnMap) -> list[str]:
        """The prepared columns behind these raw ones, for this map."""
        if trims(column_map, self.spec):
            return list(names)
        kept = self.frame.columns
        return [as_it_stood(name) if as_it_stood(name) in kept else name for name in names]

    def texts(self, names: Sequence[str], column_map: ColumnMap) -> list[pl.Expr]:
        """Raw columns as this map reads them, with the words for 'no value' made null."""
        return [self._text(name, column_map.nulls) for name in self.sources(names, column_map)]

    def _text(self, name: str, nulls: Sequence[str]) -> pl.Expr:
        column = pl.col(name)
        dtype = self.frame.schema[name]
        if dtype == pl.Null:
            return pl.lit(None, dtype=pl.String)
        tokens = list(dict.fromkeys(["", *self.spec.nulls, *nulls]))
        if dtype != pl.String:
            # Stamps of typed formats, the only columns that are not text.
            column = column.dt.strftime("%Y-%m-%d %H:%M:%S%.f")
        elif not self._has_any(name, tokens):
            # Most columns hold none of the tokens, and looking is cheaper than replacing.
            return column
        return pl.when(~column.is_in(tokens)).then(column)

    def _has_any(self, name: str, tokens: list[str]) -> bool:
        key = (name, *tokens)
        if key not in self._tokens:
            self._tokens[key] = has_any_of(self.frame[name], tokens)
        return self._tokens[key]

    def joined(self, column_map: ColumnMap) -> pl.Expr:
        """The text of a contract column, of all raw columns it is made of."""
        parts = self.texts(column_map.from_, column_map)
        if len(parts) == 1:
            text = parts[0]
        elif column_map.join_nulls == "skip":
            joined = pl.concat_str(parts, separator=column_map.join, ignore_nulls=True)
            text = pl.when(pl.any_horizontal(part.is_not_null() for part in parts)).then(joined)
        else:
            text = pl.concat_str(parts, separator=column_map.join)
        return text if column_map.extract is None else text.str.extract(column_map.extract, 1)

    def present(self, column_map: ColumnMap) -> pl.Expr:
        """Whether there is text to read, whatever comes out of it."""
        names = column_map.from_ or column_map.any_of
        if not names:
            return pl.lit(False)
        parts = [text.is_not_null() for text in self.texts(names, column_map)]
        if column_map.any_of or column_map.join_nulls == "skip":
            return pl.any_horizontal(parts)
        return pl.all_horizontal(parts)

    def values(self, text: pl.Expr) -> pl.Series:
        """What a text is in each row."""
        return self.frame.select(text.alias("text")).to_series()

    def dates(self, name: str, column_map: ColumnMap, form: str) -> pl.Series:
        """A column of dates as midnights. A file has few different ones, so each is read once."""
        (source,) = self.sources([name], column_map)
        key = (source, form, *column_map.nulls)
        if key not in self._dates:
            texts = self.values(self._text(source, column_map.nulls))
            days = texts.unique()
            self._dates[key] = (
                moment(texts, [form])
                if days.len() * 10 > texts.len()
                else texts.replace_strict(
                    days, moment(days, [form]), return_dtype=pl.Datetime("us")
                )
            )
        return self._dates[key]


def trims(column_map: ColumnMap, spec: SourceSpec) -> bool:
    """Whether this map reads texts without the white space around them."""
    return spec.trim if column_map.trim is None else column_map.trim


def as_it_stood(name: str) -> str:
    """A raw column as it stood, where one map takes white space away and another does not."""
    return f"\x1fkept {name}"


def trimmed(texts: pl.Series, words: Iterable[str] = ()) -> pl.Series:
    """The texts without white space around them.

    Args:
        words: what the texts probably are; looking is cheaper than trimming.
    """
    known = [word for word in words if word == word.strip()]
    if known and texts.is_in(known).all():
        return texts
    return texts.str.strip_chars(WHITE) if may_have_blank_ends(texts) else texts
