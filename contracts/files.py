"""Rules about a whole delivery, judged by the reader before there are rows to judge."""

from __future__ import annotations

from contracts.rules import Level, Rule, RuleKind


def _rule(code: str, kind: RuleKind, nb: str, en: str, level: Level = "file") -> Rule:
    return Rule(code, level, kind, (), None, nb, en)


FILE_RULES: tuple[Rule, ...] = (
    _rule("FILE_EMPTY", "structure", "Filen har ingen datarader.", "The file has no data rows."),
    _rule(
        "FILE_UNREADABLE",
        "structure",
        "Filen kan ikke leses i det formatet kilden skal ha.",
        "The file cannot be read in the format of the source.",
    ),
    _rule(
        "FILE_ENCODING",
        "structure",
        "Filen har tegn som ikke finnes i kildens tegnsett.",
        "The file has characters that are not in the source's encoding.",
    ),
    _rule(
        "FILE_TRUNCATED",
        "structure",
        "Filen slutter midt i en rad, et objekt eller et arkiv.",
        "The file ends in the middle of a row, an object or an archive.",
    ),
    _rule(
        "FILE_LINE_TOO_LONG",
        "structure",
        "Filen har en linje som er lengre enn tillatt.",
        "The file has a line longer than allowed.",
    ),
    _rule(
        "FILE_ARCHIVE_BOMB",
        "structure",
        "Utpakket innhold er større enn tillatt.",
        "The unpacked content is larger than allowed.",
    ),
    _rule(
        "FILE_ARCHIVE_PATH",
        "structure",
        "Arkivet har en filsti som peker ut av arkivet, eller flere filer enn ventet.",
        "The archive has a path that points outside it, or more files than expected.",
    ),
    _rule(
        "FILE_COLUMN_MISSING",
        "structure",
        "Filen mangler en kolonne som kilden skal ha.",
        "The file lacks a column that the source should have.",
    ),
    _rule(
        "FILE_COLUMN_DOUBLED",
        "structure",
        "Filen har samme kolonnenavn to ganger.",
        "The file has the same column name twice.",
    ),
    _rule(
        "FILE_NAME_PATTERN",
        "structure",
        "Filnavnet følger ikke kildens mønster, eller datoen finnes ikke.",
        "The file name does not follow the pattern of the source, or its date does not exist.",
    ),
    _rule(
        "FILE_IDENTITY_NUMBER",
        "privacy",
        "Filen har noe som ser ut som et fødselsnummer, D-nummer eller hjelpenummer. Send den "
        "uten, eller oppgi formen på kildens egne nøkler (form).",
        "The file has what looks like a national identity number, D-number or help number. Send it "
        "without, or declare the form of the source's own ids (form).",
    ),
    _rule(
        "FILE_PHONE_NUMBER",
        "privacy",
        "Filen har noe som ser ut som et telefonnummer. Send den uten, eller oppgi formen på "
        "kildens egne nøkler (form).",
        "The file has what looks like a phone number. Send it without, or declare the form of the "
        "source's own ids (form).",
    ),
    _rule(
        "FILE_EMAIL",
        "privacy",
        "Filen har tekst som ser ut som en e-postadresse. Send den uten.",
        "The file has text that looks like an e-mail address. Send it without.",
    ),
    _rule(
        "FILE_COORDINATE",
        "privacy",
        "Filen har tekst som ser ut som en posisjon (koordinater). Send den uten.",
        "The file has text that looks like a position (coordinates). Send it without.",
    ),
    _rule(
        "FILE_ADDRESS",
        "privacy",
        "Filen har tekst som ser ut som en gateadresse. Send den uten.",
        "The file has text that looks like a street address. Send it without.",
    ),
    _rule(
        "FILE_PERSON_NAME",
        "privacy",
        "Filen har tekst som ser ut som et personnavn. Send den uten.",
        "The file has text that looks like the name of a person. Send it without.",
    ),
    _rule(
        "FILE_TOO_MANY_REJECTS",
        "structure",
        "Andelen avviste rader er over kildens grense.",
        "The share of rejected rows is above the limit of the source.",
    ),
    _rule(
        "ROW_UNREADABLE",
        "structure",
        "Raden kan ikke leses: feil antall felt eller ugyldig objekt.",
        "The row cannot be read: wrong number of fields, or not a valid object.",
        level="row",
    ),
    _rule(
        "FILE_COUNT_DIFFERS",
        "structure",
        "Antall poster i filen stemmer ikke med antallet som ble lest.",
        "The number of records in the file is not the number that was read.",
    ),
    _rule(
        "FILE_TOO_LARGE",
        "structure",
        "Filen har flere rader, kolonner eller celler enn en leveranse kan ha.",
        "The file has more rows, columns or cells than a delivery can have.",
    ),
    _rule(
        "FILE_READER_FAILED",
        "structure",
        "Filen fikk leseren til å feile; de andre filene er ikke berørt.",
        "The file made the reader fail; the other files are not affected.",
    ),
    _rule(
        "FILE_MANIFEST_DIFFERS",
        "structure",
        "Filen er ikke den som følgebrevet beskriver: antall rader eller SHA-256 er et annet.",
        "The file is not the one its manifest describes: other number of rows or SHA-256.",
    ),
    _rule(
        "FILE_MANIFEST_UNREADABLE",
        "structure",
        "Ved siden av filen ligger et følgebrev (liste) som ikke kan leses: ventet kolonnene file, "
        "rows og sha256.",
        "Beside the file is a manifest (list) that cannot be read: expected the columns file, rows "
        "and sha256.",
        level="warning",
    ),
    _rule(
        "FILE_DATE_IMPLAUSIBLE",
        "plausibility",
        "Datoen i filnavnet ligger fram i tid, eller før kildens første dato.",
        "The date in the file name lies ahead, or before the first date of the source.",
    ),
    _rule(
        "FILE_NO_ROW_ACCEPTED",
        "structure",
        "Ingen rad i filen kunne godtas.",
        "No row of the file could be accepted.",
    ),
    _rule(
        "FILE_VOLUME_LOW",
        "plausibility",
        "Filen har langt færre rader enn vanlig for ukedagen.",
        "The file has far fewer rows than is usual for the weekday.",
        level="warning",
    ),
    _rule(
        "FILE_COLUMN_ADDED",
        "structure",
        "Filen har kolonner som tidligere leveranser ikke hadde.",
        "The file has columns that earlier deliveries did not have.",
        level="warning",
    ),
    _rule(
        "FILE_NO_FINAL_NEWLINE",
        "structure",
        "Siste linje mangler linjeskift: filen kan være kuttet, og siste verdi ufullstendig.",
        "The last line has no line end: the file may be cut, and its last value incomplete.",
        level="warning",
    ),
    _rule(
        "ROW_KEY_TWICE",
        "structure",
        "Posten har samme felt to ganger, eller under to av navnene sine: verdien er tvetydig.",
        "The record has a field twice, or under two of its names: its value is ambiguous.",
        level="row",
    ),
    _rule(
        "ROW_CELL_ERROR",
        "parse",
        "En celle i raden har en feilverdi fra regnearket (#N/A, #DIV/0! og lignende).",
        "A cell of the row has an error value of the workbook (#N/A, #DIV/0! and the like).",
        level="row",
    ),
    _rule(
        "ROW_VALUE_NESTED",
        "parse",
        "Et felt har en liste eller et objekt der det skal stå én verdi.",
        "A field has a list or an object where one value should stand.",
        level="row",
    ),
    _rule(
        "ROW_CHARACTER_LOST",
        "parse",
        "Et felt har erstatningstegnet �: et tegn gikk tapt før filen ble sendt.",
        "A field has the replacement character �: a character was lost before the file was sent.",
        level="row",
    ),
    _rule(
        "ROW_CELL_NOT_CALCULATED",
        "parse",
        "En celle i raden er en formel uten lagret verdi: åpne og lagre arbeidsboken.",
        "A cell of the row is a formula without a stored value: open and save the workbook.",
        level="row",
    ),
)
