"""Generated merchants, for the demonstration and for tests where no real data is at hand.

The order of the modules is the order of the work: ``shop`` (what happens in a shop), ``visits`` (one customer's
visit, by chance but seeded), ``cloudevents`` (what the shop would send), ``truth`` (what the numbers must be, from
the visits and not from the events), ``dataset`` (both together, and the interface that real data shares).
"""
