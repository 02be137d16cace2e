"""How the Java clients of HDFS (Trino, Spark) write: settings that all of them share."""

OPTIONS = {
    "dfs.client.block.write.replace-datanode-on-failure.best-effort": "true",
    # A file is closed once the DataNode has told the NameNode of its last block, which takes a few milliseconds. A
    # client that asks too early sleeps, by default 400 ms: most of what a view, a commit or a small file costs. The
    # delay doubles with each of the attempts, so that they last some 20 s together (by default 12 s).
    "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "5",
    "dfs.client.block.write.locateFollowingBlock.retries": "12",
}
