"""From rows to answers: time zones and buckets, sums and ratios, and the series that an answer is made of.

In: views of releases (``serving``), a merchant, a checked query. Out: the rows of ``api.schemas``. No clock is looked
at here, so that an answer is a function of its release and its query.
"""
