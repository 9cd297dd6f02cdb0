"""Days on which a week does not go as it does: public holidays in Norway."""

from __future__ import annotations

from datetime import date, timedelta

from dateutil.easter import easter

# Month and day; the rest follow Easter. The law of 1947-04-26 nr. 1, and that of 1995-02-24 nr. 12.
_FIXED = ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26))
# On which surgeries are closed, as on a holiday.
_EVES = ((12, 24), (12, 31))
# Maundy Thursday, Good Friday, Easter Sunday and Monday, Ascension, Whit Sunday and Monday.
_FROM_EASTER = (-3, -2, 0, 1, 39, 49, 50)


def is_holiday(day: date) -> bool:
    """Whether surgeries are closed on this day for another reason than that it is a Sunday."""
    if (day.month, day.day) in (*_FIXED, *_EVES):
        return True
    return day - easter(day.year) in [timedelta(days) for days in _FROM_EASTER]
