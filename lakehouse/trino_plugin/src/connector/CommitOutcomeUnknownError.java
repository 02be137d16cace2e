package org.merchantlakehouse.trino;

import io.trino.filesystem.Location;

import java.time.Duration;

/**
 * HDFS did not say whether a commit happened.
 * An {@link Error} on purpose: Trino deletes the data files of a write that failed with an exception, and if this
 * commit did happen, that would destroy a committed table. Files that turn out to be unused are vacuumed later.
 */
final class CommitOutcomeUnknownError
        extends Error
{
    CommitOutcomeUnknownError(Location entry, Duration waited, Throwable cause)
    {
        super(("The outcome of the commit %s is unknown: HDFS has not answered for %s seconds. It may be committed. "
                + "Once HDFS is back, look whether that file holds this query's id before you repeat the statement.")
                .formatted(entry, waited.toSeconds()), cause);
    }
}
