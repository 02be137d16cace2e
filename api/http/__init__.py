"""The API's HTTP side: which route answers, what a request asks for, and in which form the answer is sent.

In: ASGI calls. Out: ASGI answers. It knows the rooms below, ``series`` and ``serving``; they know nothing of it.
"""
