"""Columns the intake adds to every lake row: where it was read, and which warnings it carries."""

from __future__ import annotations

import polars as pl

from contracts.columns import Column, Kind


def _lineage(name: str, dtype: pl.DataType, kind: Kind, required: bool, nb: str, en: str) -> Column:
    return Column(
        name=name,
        dtype=dtype,
        required=required,
        kind=kind,
        privacy="none",
        description_nb=nb,
        description_en=en,
    )


LINEAGE_COLUMNS: tuple[Column, ...] = (
    _lineage(
        "_source",
        pl.String(),
        "key",
        True,
        "Navnet på kilden i kilderegisteret.",
        "Name of the source in the source registry.",
    ),
    _lineage(
        "_file_id",
        pl.String(),
        "key",
        True,
        "De 16 første heksadesimale tegnene av filens SHA-256.",
        "The first 16 hexadecimal characters of the file's SHA-256.",
    ),
    _lineage(
        "_row_number",
        pl.Int64(),
        "number",
        True,
        "Dataradens nummer i filen, fra 1.",
        "Number of the data row in the file, from 1.",
    ),
    _lineage(
        "_batch_id",
        pl.String(),
        "key",
        True,
        "Partiet raden ble lastet i.",
        "The batch the row was loaded in.",
    ),
    _lineage(
        "_delivered_on",
        pl.Date(),
        "text",
        True,
        "Leveransedatoen i filnavnet.",
        "The delivery date in the file name.",
    ),
    _lineage(
        "event_date",
        pl.Date(),
        "text",
        True,
        "Norsk dato for ankertidspunktet.",
        "Date of the anchor timestamp in Norwegian time.",
    ),
    _lineage(
        "warning_codes",
        pl.String(),
        "text",
        False,
        "Varslene raden har, på formen |KODE_A|KODE_B|, eller tom.",
        "The warnings the row carries, as |CODE_A|CODE_B|, or null.",
    ),
    _lineage(
        "has_order_warning",
        pl.Boolean(),
        "flag",
        True,
        "Sann når et varsel om rekkefølge er utløst.",
        "True when a warning about order fired.",
    ),
    _lineage(
        "has_missing_warning",
        pl.Boolean(),
        "flag",
        True,
        "Sann når et varsel om manglende eller uventet verdi er utløst.",
        "True when a warning about an absent or unexpected value fired.",
    ),
    _lineage(
        "has_timing_warning",
        pl.Boolean(),
        "flag",
        True,
        "Sann når radens tidsintervaller ikke kan brukes (rekkefølge, tid eller samlet trykk).",
        "True when the row's intervals cannot be used (order, time or batch press).",
    ),
    _lineage(
        "_key_scope",
        pl.String(),
        "key",
        False,
        "Kilden der radens identifikatorer er entydige; tom når de er det i hele kildesystemet.",
        "The source in which the ids of the row are unique; null where that is the whole source "
        "system.",
    ),
    _lineage(
        "_unmapped",
        pl.String(),
        "text",
        False,
        "Kolonner som kilden ikke har, på formen |a|b|: der betyr tomt ikke nei. Tom i eldre "
        "partier.",
        "Columns the source does not have, as |a|b|: there empty does not mean no. Null in older "
        "batches.",
    ),
)

LINEAGE: tuple[str, ...] = tuple(column.name for column in LINEAGE_COLUMNS)
