package org.merchantlakehouse.trino;

import com.google.inject.Inject;
import io.airlift.log.Logger;
import io.trino.filesystem.Location;
import io.trino.filesystem.TrinoFileSystem;
import io.trino.filesystem.TrinoFileSystemFactory;
import io.trino.filesystem.TrinoInputStream;
import io.trino.plugin.deltalake.transactionlog.writer.TransactionConflictException;
import io.trino.plugin.deltalake.transactionlog.writer.TransactionLogSynchronizer;
import io.trino.spi.connector.ConnectorSession;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;

/**
 * Commits a Delta log entry on HDFS, atomically and exclusively.
 * In: the path {@code N.json} and the whole entry. Out: nothing (it is committed by us), a
 * {@link TransactionConflictException} (another writer has N), or another exception (it is not committed and never
 * will be). The entry is written to a hidden sibling and renamed: HDFS refuses to rename onto an existing file, the
 * protocol that Spark's HDFSLogStore uses.
 *
 * <p>An error of the rename says nothing about its outcome. Then {@code N.json} is read back: our bytes (they hold the
 * query's id) are success, other bytes are a conflict, no file while ours still waits means rename again, and no answer
 * means ask again. A lost answer is never taken for a failure.
 */
public final class HdfsTransactionLogSynchronizer
        implements TransactionLogSynchronizer
{
    private static final Logger log = Logger.get(HdfsTransactionLogSynchronizer.class);
    private static final Duration GIVE_UP_AFTER = Duration.ofMinutes(15);
    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

    private enum Outcome { MINE, ANOTHERS, NEITHER, NOT_YET }

    private final TrinoFileSystemFactory fileSystemFactory;
    private final Duration giveUpAfter;

    @Inject
    public HdfsTransactionLogSynchronizer(TrinoFileSystemFactory fileSystemFactory)
    {
        this(fileSystemFactory, GIVE_UP_AFTER);
    }

    HdfsTransactionLogSynchronizer(TrinoFileSystemFactory fileSystemFactory, Duration giveUpAfter)
    {
        this.fileSystemFactory = fileSystemFactory;
        this.giveUpAfter = giveUpAfter;
    }

    @Override
    public void write(ConnectorSession session, String clusterId, Location entry, byte[] contents)
    {
        TrinoFileSystem fileSystem = fileSystemFactory.create(session);
        Location draft = entry.sibling("." + entry.fileName() + "." + UUID.randomUUID() + ".tmp");
        writeDraft(fileSystem, draft, contents);
        boolean interrupted = Thread.interrupted(); // an interrupted thread gets no answers from HDFS
        try {
            publish(fileSystem, draft, entry, contents);
        }
        finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public boolean isUnsafe()
    {
        return false;
    }

    private static void writeDraft(TrinoFileSystem fileSystem, Location draft, byte[] contents)
    {
        try (OutputStream stream = fileSystem.newOutputFile(draft).create()) {
            stream.write(contents);
        }
        catch (IOException e) {
            discard(fileSystem, draft);
            throw new UncheckedIOException("Nothing was committed: cannot write " + draft, e);
        }
    }

    private void publish(TrinoFileSystem fileSystem, Location draft, Location entry, byte[] contents)
    {
        long start = System.nanoTime();
        Duration pause = FIRST_PAUSE;
        while (true) {
            Exception failure;
            try {
                fileSystem.renameFile(draft, entry);
                return;
            }
            catch (IOException | RuntimeException e) {
                failure = e;
            }
            switch (outcome(fileSystem, draft, entry, contents)) {
                case MINE -> {
                    log.warn(failure, "Committed %s; only the answer was lost", entry);
                    return;
                }
                case ANOTHERS -> {
                    discard(fileSystem, draft);
                    throw new TransactionConflictException("Another writer has committed " + entry, failure);
                }
                case NEITHER -> throw new UncheckedIOException(
                        "Nothing was committed: neither " + entry + " nor its draft is there; was the table dropped?",
                        failure instanceof IOException io ? io : new IOException(failure));
                case NOT_YET -> log.warn(failure, "No answer yet about the commit %s; asking again", entry);
            }
            Duration waited = Duration.ofNanos(System.nanoTime() - start);
            if (waited.compareTo(giveUpAfter) > 0) {
                throw new CommitOutcomeUnknownError(entry, waited, failure);
            }
            sleep(pause);
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause.multipliedBy(2);
        }
    }

    private static Outcome outcome(TrinoFileSystem fileSystem, Location draft, Location entry, byte[] contents)
    {
        try {
            Optional<byte[]> committed = read(fileSystem, entry);
            if (committed.isEmpty() && !fileSystem.newInputFile(draft).exists()) {
                // A slow rename may have run between the two looks. With the draft gone, none can run any more.
                committed = read(fileSystem, entry);
                if (committed.isEmpty()) {
                    return Outcome.NEITHER;
                }
            }
            return committed.map(bytes -> Arrays.equals(bytes, contents) ? Outcome.MINE : Outcome.ANOTHERS)
                    .orElse(Outcome.NOT_YET);
        }
        catch (IOException | RuntimeException e) {
            return Outcome.NOT_YET;
        }
    }

    private static Optional<byte[]> read(TrinoFileSystem fileSystem, Location entry)
            throws IOException
    {
        try (TrinoInputStream stream = fileSystem.newInputFile(entry).newStream()) {
            return Optional.of(stream.readAllBytes());
        }
        catch (FileNotFoundException e) {
            return Optional.empty();
        }
    }

    private static void discard(TrinoFileSystem fileSystem, Location draft)
    {
        try {
            fileSystem.deleteFile(draft);
        }
        catch (IOException | RuntimeException e) {
            log.warn(e, "Left behind: %s", draft);
        }
    }

    private static void sleep(Duration pause)
    {
        try {
            Thread.sleep(pause);
        }
        catch (InterruptedException e) {
            // A cancelled query still has to learn what became of its commit.
        }
    }
}
