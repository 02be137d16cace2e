"""The operator's verbs over HTTP: the second door to the plans that the command line makes.

In: requests with a token whose scope is ``ops``. Out: orders, durable before they are answered; each is carried out by
a process of its own (``lakehouse.transform.ops_api.worker``) until there is a result, whatever is killed meanwhile.
"""
