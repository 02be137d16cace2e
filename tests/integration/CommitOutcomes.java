package org.merchantlakehouse.trino;

import io.trino.filesystem.Location;
import io.trino.filesystem.TrinoFileSystem;
import io.trino.filesystem.TrinoInputFile;
import io.trino.filesystem.TrinoInputStream;
import io.trino.filesystem.TrinoOutputFile;
import io.trino.spi.connector.ConnectorSession;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;

/** Runs one commit on a file system that fails in a named way, and prints what came of it. See test_commit_outcomes. */
public final class CommitOutcomes
{
    private static final Location ENTRY = Location.of("hdfs://host/table/_delta_log/00000000000000000007.json");
    private static final byte[] OURS = "ours".getBytes(StandardCharsets.UTF_8);

    private final String scenario;
    private final Map<String, byte[]> files = new TreeMap<>();
    private int renames;
    private int reads;

    private CommitOutcomes(String scenario)
    {
        this.scenario = scenario;
        if (scenario.equals("another-has-it")) {
            files.put(ENTRY.toString(), "theirs".getBytes(StandardCharsets.UTF_8));
        }
    }

    public static void main(String[] scenarios)
    {
        for (String scenario : scenarios) {
            System.out.println(scenario + " " + new CommitOutcomes(scenario).run());
        }
    }

    private String run()
    {
        Duration patience = scenario.equals("never-answers") ? Duration.ofMillis(200) : Duration.ofMinutes(1);
        String told = "committed";
        try {
            ConnectorSession session = proxy(ConnectorSession.class, (_, _, _) -> null);
            new HdfsTransactionLogSynchronizer(_ -> fileSystem(), patience).write(session, "cluster", ENTRY, OURS);
        }
        catch (Throwable e) {
            told = e.getClass().getSimpleName() + (e instanceof Error ? "(Error)" : "");
        }
        byte[] entry = files.remove(ENTRY.toString());
        String there = entry == null ? "nothing" : new String(entry, StandardCharsets.UTF_8);
        return told + " " + there + " drafts=" + files.size();
    }

    private Object onFileSystem(Object proxy, Method method, Object[] arguments)
            throws IOException
    {
        return switch (method.getName()) {
            case "newOutputFile" -> proxy(TrinoOutputFile.class, (_, _, _) -> draft((Location) arguments[0]));
            case "newInputFile" -> proxy(TrinoInputFile.class, (_, call, _) -> call.getName().equals("exists")
                    ? exists((Location) arguments[0])
                    : open((Location) arguments[0]));
            case "renameFile" -> rename((Location) arguments[0], (Location) arguments[1]);
            case "deleteFile" -> files.remove(arguments[0].toString());
            default -> throw new UnsupportedOperationException(method.getName());
        };
    }

    private OutputStream draft(Location location)
            throws IOException
    {
        if (scenario.equals("draft-refused")) {
            throw new IOException("no space");
        }
        return new ByteArrayOutputStream()
        {
            @Override
            public void close()
            {
                files.put(location.toString(), toByteArray());
            }
        };
    }

    private Object rename(Location source, Location target)
            throws IOException
    {
        renames++;
        boolean first = renames == 1;
        switch (scenario) {
            case "answer-lost" -> {
                if (first) {
                    move(source, target);
                    throw new IOException("connection reset");
                }
            }
            case "runtime-error-after-rename" -> {
                move(source, target);
                throw new IllegalStateException("client closed");
            }
            case "refused-at-first", "slow-rename", "reads-fail-too" -> {
                if (first) {
                    throw new IOException("connection refused");
                }
            }
            case "table-dropped" -> {
                files.clear();
                throw new IOException("no such folder");
            }
            case "never-answers" -> throw new IOException("connection refused");
            default -> {}
        }
        move(source, target);
        return null;
    }

    private void move(Location source, Location target)
            throws IOException
    {
        if (files.containsKey(target.toString()) || !files.containsKey(source.toString())) {
            throw new IOException("Failed to rename");
        }
        files.put(target.toString(), files.remove(source.toString()));
    }

    private boolean exists(Location location)
            throws IOException
    {
        if (scenario.equals("slow-rename")) {
            move(location, ENTRY); // the rename that seemed lost runs between the two looks
        }
        return files.containsKey(location.toString());
    }

    private TrinoInputStream open(Location location)
            throws IOException
    {
        reads++;
        if (scenario.equals("never-answers") || (scenario.equals("reads-fail-too") && reads < 4)) {
            throw new IOException("connection refused");
        }
        byte[] bytes = files.get(location.toString());
        if (bytes == null) {
            throw new FileNotFoundException(location.toString());
        }
        return new Bytes(bytes);
    }

    private TrinoFileSystem fileSystem()
    {
        return proxy(TrinoFileSystem.class, this::onFileSystem);
    }

    private static <T> T proxy(Class<T> type, java.lang.reflect.InvocationHandler handler)
    {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private static final class Bytes
            extends TrinoInputStream
    {
        private final byte[] bytes;
        private int position;

        private Bytes(byte[] bytes)
        {
            this.bytes = bytes;
        }

        @Override
        public long getPosition()
        {
            return position;
        }

        @Override
        public void seek(long target)
        {
            position = (int) target;
        }

        @Override
        public int read()
        {
            return position < bytes.length ? bytes[position++] : -1;
        }
    }
}
