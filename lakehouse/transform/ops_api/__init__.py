"""The operator's verbs over HTTP: the same requests that the command line makes.

In: requests with a token whose scope is ``ops``. Out: operations, durable before they are answered; each is carried out
by a process of its own (``lakehouse.transform.ops_api.worker``) until there is a result, whatever is killed meanwhile.
"""
