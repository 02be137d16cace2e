"""Gold versions, snapshots and releases, as documents on HDFS: what every hop may read of them.

``model`` has the documents, ``versions`` what was built, ``log`` what is shown, ``version_status`` what each version is
at the moment, ``generations`` which bronze there is, ``restated`` how far restatements are. What builds and publishes
them is ``lakehouse.transform``.
"""
