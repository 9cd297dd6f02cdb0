"""Words that senders use, Norwegian and English, for what the contract calls something else."""

from __future__ import annotations

import difflib
import functools
import re

# What a column name may say, most telling first.
WORDS: dict[str, tuple[str, ...]] = {
    "source_id": (
        "rad id", "row id", "rowid", "record id", "radnr", "row no", "anrops id", "samtale id",
        "call id", "request id", "session id", "sesjon id", "sesjonsid", "intervall id",
        "interval id", "forespørsel id", "oppdrags id", "id", "guid", "uuid", "nokkel", "key",
        "lopenummer", "lopenr", "referanse", "ref",
    ),
    "revision": ("rev", "revisjon", "version", "versjon"),
    "deleted": ("slettet", "er slettet", "is deleted", "makulert"),
    "extract_at": ("uttrekk", "uttrekkstid", "extracted at", "extract", "extracted", "exported at",
                   "eksportert"),
    "ts_quality": ("kvalitet", "quality", "tidskvalitet"),
    "service_line": ("tjeneste", "linje", "line", "service", "service line", "nodnummer",
                     "tjenestelinje", "ko", "queue name"),
    "direction": ("retning", "samtaleretning", "call direction"),
    "channel": ("kanal", "medium", "media", "service channel"),
    "central_id": ("sentral", "central", "amk", "amk sentral", "amk id", "legevakt",
                   "legevaktsentral", "nodsentral", "centre", "center", "dispatch centre", "lvs",
                   "sentral id", "psap"),
    "home_central_id": ("hjemmesentral", "home central", "central home", "egen sentral"),
    "ring_start_at": ("ringestart", "ringte", "ring start", "anrop start", "anropsstart",
                      "vru entry", "call start", "start ringing", "innkommet", "anrop mottatt",
                      "ring", "call time", "start"),
    "menu_end_at": ("meny slutt", "menyslutt", "menu end", "vru exit", "ivr end", "ivr exit"),
    "queue_enter_at": ("ko inn", "i ko", "ko start", "queue enter", "queue start", "q start",
                       "queued", "satt i ko"),
    "answered_at": ("besvart", "answered", "svar", "svart", "svartid", "besvart kl", "ser start",
                    "service start", "answer time", "agent start", "pickup"),
    "ended_at": ("avsluttet", "ended", "slutt", "avslutning", "end time", "call end", "ser exit",
                 "service end", "hangup", "lagt pa", "avslutt", "samtale slutt", "closed"),
    "outcome": ("utfall", "result", "resultat", "call outcome", "status"),
    "transferred_to": ("overfort til", "transfer to", "viderekoblet til", "satt over til"),
    "transfer_at": ("overfort kl", "transfer time", "time transfer", "overfort tid", "transfer"),
    "parent_call_id": ("foregaende anrop", "parent call", "parent call id", "previous call"),
    "chain_id": ("kjede id", "kjede", "chain", "chain id"),
    "caller_pseudonym": ("innringer", "innringers nummer", "a nummer", "caller", "caller number",
                         "nummer", "phone", "ani", "anropers nummer", "from number", "calling no"),
    "municipality_basis": ("grunnlag", "location basis", "basis"),
    "is_test": ("test", "provesamtale", "proveanrop", "test call", "flags test", "is test"),
    "incident_id": ("hendelse", "hendelse id", "hendelses id", "hendelsesnr", "incident number",
                    "incident no", "incident", "event id", "event number", "sak", "sak id",
                    "case id", "case number"),
    "mission_id": ("oppdrag", "oppdrag id", "oppdragsnr", "oppdragsnummer", "mission no",
                   "mission", "call number", "assignment", "turnr", "tur id", "run number"),
    "unit_id": ("enhet", "ressurs", "ressurs id", "unit", "unit no", "enhet id", "kallesignal",
                "call sign", "callsign", "ressursnr", "vehicle id", "ambulanse"),
    "unit_type": ("enhetstype", "ressurstype", "vehicle type", "type enhet", "type ressurs"),
    "station_id": ("stasjon", "stasjonsnr", "station", "station area", "station no",
                   "ambulansestasjon", "base", "stasjon id"),
    "urgency_first": ("hastegrad forst", "hastegrad start", "original priority",
                      "urgency initial", "forste hastegrad", "initial priority", "hastegrad inn",
                      "hastegrad", "priority", "prioritet"),
    "urgency_last": ("hastegrad sist", "hastegrad slutt", "final priority", "urgency final",
                     "siste hastegrad", "last priority", "hastegrad ut", "priority"),
    "urgency": ("hastegrad", "prioritet", "priority"),
    "mission_type": ("oppdragstype", "type oppdrag", "call type", "mission kind", "turtype",
                     "call type group", "oppdragskategori"),
    "scene_municipality_code": ("kommune", "kommunenr", "kommunenummer", "municipality",
                                "scene municipality", "hendelseskommune", "kommunekode"),
    "municipality_code": ("kommune", "kommunenr", "kommunenummer", "municipality", "kommunekode",
                          "location municipality"),
    "scene_urban": ("tettsted", "urban", "tettbygd"),
    "received_at": ("mottatt", "received", "received dttm", "anrop mottatt", "mottatt tid",
                    "call received", "opprettet", "created", "registrert", "entry time"),
    "alerted_at": ("varslet", "alerted", "dispatch", "dispatch dttm", "dispatched", "tildelt",
                   "varslet tid", "alarmert", "utkalt", "utalarmert", "assigned", "alarm"),
    "acknowledged_at": ("kvittert", "acknowledged", "bekreftet", "ack", "akseptert", "kvittering"),
    "en_route_at": ("rykker ut", "rykket ut", "en route", "enroute", "response dttm", "response",
                    "utrykning", "avgang", "kjorer ut", "pa vei", "turnout", "responding",
                    "kjorer", "mobile"),
    "at_scene_at": ("framme", "fremme", "on scene", "on scene dttm", "at scene", "ankommet",
                    "fremme hendelsessted", "hentested", "arrived", "ankomst", "framme sted",
                    "arrived scene"),
    "at_patient_at": ("hos pasient", "at patient", "ved pasient", "pasientkontakt"),
    "departed_at": ("avreise", "avreist", "departed", "transport dttm", "transport", "avreist sted",
                    "leaving scene", "kjorer fra", "left scene", "avreise hentested"),
    "at_destination_at": ("levering", "leveringssted", "levert", "hospital dttm", "destination",
                          "at hospital", "framme leveringssted", "sykehus", "hospital",
                          "ankomst sykehus", "fremme leveringssted", "at destination"),
    "handover_at": ("overlevert", "handover", "hand over", "overlevering"),
    "available_at": ("ledig", "available", "available dttm", "klar", "oppdrag avsluttet", "clear",
                     "ledig tid", "cleared"),
    "cancelled_at": ("avbrutt", "cancelled", "canceled", "kansellert", "avlyst", "avbestilt"),
    "cancel_reason": ("avbruddskode", "avbruddsgrunn", "avbruddsarsak", "arsak avbrutt",
                      "cancellation reason", "reason cancelled"),
    "result": ("resultat", "utfall", "final disposition", "call final disposition", "disposition",
               "outcome"),
    "base_id": ("base", "basenr", "base no", "helikopterbase"),
    "resource_id": ("ressurs", "resource", "ressurs id", "enhet"),
    "vehicle": ("fartoy", "vehicle", "type fartoy", "luftfartoy", "craft"),
    "state": ("tilstand", "status", "beredskapsstatus", "readiness"),
    "reason": ("arsak", "grunn", "begrunnelse", "avslagsgrunn", "decline reason"),
    "attribution": ("ansvar", "ansvarlig", "responsible", "attributed to"),
    "start_at": ("fra", "from", "start", "fra tid", "fra kl", "start time"),
    "end_at": ("til", "to", "slutt", "end", "til tid", "til kl", "end time"),
    "link_sent_at": ("lenke sendt", "link sent", "sms sendt", "invitasjon sendt", "sent"),
    "opened_at": ("apnet", "opened", "lenke apnet", "link opened"),
    "consented_at": ("samtykke", "consented", "consent", "samtykket"),
    "connected_at": ("oppkoblet", "connected", "tilkoblet", "video startet"),
    "call_source_id": ("anrop", "anrops id", "call id", "samtale id", "call", "call ref"),
    "alarm_source_id": ("alarm id", "alarm", "oppdrag id", "mission ref", "alarm ref"),
    "requested_at": ("forespurt", "requested", "bestilt", "request time", "anmodet", "rekvirert"),
    "airborne_at": ("lettet", "airborne", "i luften", "avgang", "take off", "takeoff"),
    "status": ("status", "utfall", "outcome", "resultat", "tilstand"),
}  # fmt: skip

# What codes may say, for each contract code, in the order of plainness.
CODE_WORDS: dict[str, tuple[str, ...]] = {
    "ANSWERED": ("besvart", "answered", "agent", "handled", "connected"),
    "ABANDONED": ("abandoned", "lagt pa", "la pa", "hang", "hangup", "tapt", "frafall", "forlatt",
                  "missed", "ubesvart", "avbrutt av innringer"),
    "TRANSFERRED_UNANSWERED": ("transferred unanswered", "overfort ubesvart", "satt over ubesvart"),
    "TECHNICAL": ("technical", "teknisk", "teknisk feil", "phantom", "error", "feil"),
    "INBOUND": ("inbound", "inn", "innkommende", "incoming", "in"),
    "OUTBOUND": ("outbound", "ut", "utgaende", "outgoing", "out"),
    "INTERNAL": ("internal", "intern", "internt"),
    "VOICE": ("voice", "tale", "telefon"),
    "SMS": ("sms", "tekstmelding", "text"),
    "ADMIN": ("admin", "adm", "administrativ", "administrasjon"),
    "LOCAL8": ("local8", "lokal8", "lokal", "legevaktnummer"),
    "OTHER": ("other", "annet", "annen", "andre", "ovrig"),
    "UNKNOWN": ("unknown", "ukjent"),
    "RED": ("red", "rod", "akutt", "acute", "immediate"),
    "YELLOW": ("yellow", "gul", "haster", "urgent"),
    "GREEN": ("green", "gronn", "vanlig", "ordinary", "routine"),
    "CAR": ("car", "bil", "ambulansebil", "ambulance", "medic", "ambulanse", "legebil"),
    "BOAT": ("boat", "bat", "ambulansebat"),
    "HELI": ("heli", "helikopter", "helicopter", "ambulansehelikopter"),
    "PLANE": ("plane", "fly", "ambulansefly", "fixed wing"),
    "SAR": ("sar", "redningshelikopter"),
    "RRV": ("rrv", "utrykning", "utrykningsenhet", "rapid response"),
    "DOCTOR": ("doctor", "lege", "legevaktlege", "physician"),
    "FIRST_RESPONDER": ("first responder", "forste", "forsterespons", "akutthjelper", "engine",
                        "truck", "brannbil", "chief", "rescue squad", "rescue captain"),
    "ACUTE": ("acute", "akutt", "utrykning", "medical incident"),
    "ORDERED": ("ordered", "bestilt", "planlagt"),
    "TRANSFER": ("transfer", "overf", "overforing", "overflytting"),
    "STANDBY_MOVE": ("standby move", "standby", "beredskap", "beredskapsflytting"),
    "EXERCISE": ("exercise", "ovelse", "training"),
    "NOT_NEEDED": ("not needed", "ikke behov", "ikke nodvendig"),
    "OTHER_UNIT": ("other unit", "annen enhet", "annen enhet overtok"),
    "INVALID_ORDER": ("invalid order", "ugyldig ordre", "feilbestilling"),
    "WEATHER": ("weather", "vaer", "var"),
    "CONVEYED": ("conveyed", "transportert", "transport", "code 2 transport", "code 3 transport",
                 "levert", "transported"),
    "LEFT": ("left", "levert pa sted", "behandlet pa sted", "ikke transportert",
             "patient declined transport", "treated at scene"),
    "CANCELLED": ("cancelled", "canceled", "avbrutt", "kansellert", "avlyst"),
    "NO_PATIENT": ("no patient", "ingen pasient", "gone on arrival", "unable to locate",
                   "no merit"),
    "CONNECTED": ("connected", "oppkoblet", "tilkoblet"),
    "NOT_OPENED": ("not opened", "ikke apnet"),
    "DECLINED": ("declined", "avslatt", "avvist", "takket nei"),
    "FAILED": ("failed", "feilet", "mislykket"),
    "COMPLETED": ("completed", "gjennomfort", "utfort"),
    "ABORTED": ("aborted", "avbrutt"),
    "CONCURRENCY": ("concurrency", "samtidighet", "samtidighetskonflikt"),
    "CREW": ("crew", "bemanning", "mannskap"),
    "DUTY_TIME": ("duty time", "hviletid", "tjenestetid"),
    "PLANNED": ("planned", "planlagt"),
    "READY": ("ready", "klar"),
    "ON_MISSION": ("on mission", "oppdrag", "pa oppdrag"),
    "REDUCED": ("reduced", "redusert"),
    "OFF": ("off", "ute", "ute av drift", "av"),
    "OPERATOR": ("operator", "operatoren"),
    "HEALTH_TRUST": ("health trust", "helseforetak", "helseforetaket"),
    "AUTHORITY": ("authority", "myndighet"),
    "SYSTEM": ("system", "automatisk", "auto"),
    "MANUAL": ("manual", "manuell", "manuelt"),
    "IMPUTED": ("imputed", "beregnet", "antatt"),
    "CALLER_LOC": ("caller loc", "posisjon", "innringers posisjon"),
    "CATCHMENT": ("catchment", "omrade", "sentralens omrade"),
}  # fmt: skip

_NORDIC = str.maketrans({"æ": "ae", "ø": "o", "å": "a", "ä": "a", "ö": "o", "é": "e", "ü": "u"})
# Words around a name that say how it is written, not what it is.
_UNIT_WORDS = {
    **dict.fromkeys(("sek", "sec", "secs", "sekunder", "seconds"), "s"),
    **dict.fromkeys(("min", "minutter", "minutes"), "min"),
    **dict.fromkeys(("ms", "millis"), "ms"),
}
_AROUND = frozenset(
    {"t", "dttm", "dt", "ts", "time", "tid", "tidspunkt", "kl", "klokkeslett", "at", "stamp",
     "timestamp", "dato", "date", "utc", "local", "lokal", "datetime", *_UNIT_WORDS}
)  # fmt: skip


@functools.cache
def plain_words(name: str) -> str:
    """A name as lower-case words of a to z and digits: `RingStart` and `Ring-start` are alike."""
    spaced = re.sub(r"(?<=[a-zæøå])(?=[A-ZÆØÅ])", " ", name)
    return re.sub(r"[^a-z0-9]+", " ", spaced.lower().translate(_NORDIC)).strip()


@functools.cache
def core_words(name: str) -> str:
    """The words of a name without those around it that say how it is written."""
    words = plain_words(name).split()
    kept = [word for word in words if word not in _AROUND]
    return " ".join(kept or words)


def interval_unit(name: str) -> str | None:
    """The unit that a name says it is a number of: `sek_varslet`, `response_min`."""
    words = plain_words(name).split()
    return next((_UNIT_WORDS[word] for word in words if word in _UNIT_WORDS), None)


@functools.cache
def likeness(left: str, right: str) -> float:
    """How alike two names of plain words are, 0 to 1."""
    if left == right:
        return 1.0
    return difflib.SequenceMatcher(None, left, right).ratio()


@functools.cache
def meaning(column: str, raw: str) -> float:
    """How well a raw name says what a contract column is, 0 to 1.

    A dotted path or an XML path is judged by its last part, and by the last two together.
    """
    own = column.removesuffix("_at").replace("_", " ")
    names = [own, column.replace("_", " ")]
    parts = re.split(r"[./]", raw.replace("@", ""))
    readings = {core_words(parts[-1]), plain_words(parts[-1]), core_words(" ".join(parts[-2:]))}
    readings.discard("")
    best = max((likeness(name, text) for name in names for text in readings), default=0.0)
    words = WORDS.get(column, ())
    for place, word in enumerate(words):
        found = max((likeness(plain_words(word), text) for text in readings), default=0.0)
        # The more telling word wins where two columns are called the same.
        best = max(best, found - 0.002 * place)
    return best
