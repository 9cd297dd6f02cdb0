"""Code lists that the two air ambulance records share."""

from __future__ import annotations

VEHICLE = {
    "HELI": ("Helikopter", "Helicopter"),
    "PLANE": ("Fly", "Plane"),
    "CAR": ("Legebil", "Rapid-response car"),
}
REASON = {
    "WEATHER": ("Vær", "Weather"),
    "CONCURRENCY": ("Samtidighetskonflikt", "Concurrency conflict"),
    "TECHNICAL": ("Teknisk", "Technical"),
    "CREW": ("Bemanning", "Crew"),
    "DUTY_TIME": ("Hviletid", "Duty time"),
    "NOT_INDICATED": ("Ikke medisinsk indisert", "Not medically indicated"),
    "OTHER_RESOURCE": ("Annen ressurs brukt", "Other resource used"),
    "LANDING_SITE": ("Landingsplass", "Landing site"),
    "OTHER": ("Annet", "Other"),
    "UNKNOWN": ("Ukjent", "Unknown"),
}
