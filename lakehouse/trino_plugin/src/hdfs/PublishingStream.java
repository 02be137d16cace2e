package org.merchantlakehouse.hdfs;

import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Writes a draft, and publishes it when it is closed, unless it is not whole: a write has failed, or a Parquet file
 * lacks its end mark because its writer gave up in the middle.
 */
final class PublishingStream
        extends FilterOutputStream
{
    /** A step on the file system. */
    interface Step
    {
        void run()
                throws IOException;
    }

    private static final byte[] PARQUET_END = "PAR1".getBytes(StandardCharsets.US_ASCII);

    private final Path file;
    private final Step publish;
    private final Step discard;
    private final byte[] end = new byte[PARQUET_END.length];
    private boolean failed;
    private boolean closed;

    private PublishingStream(OutputStream draft, Path file, Step publish, Step discard)
    {
        super(draft);
        this.file = file;
        this.publish = publish;
        this.discard = discard;
    }

    static FSDataOutputStream of(FSDataOutputStream draft, Path file, Step publish, Step discard)
            throws IOException
    {
        return new FSDataOutputStream(new PublishingStream(draft, file, publish, discard), null);
    }

    @Override
    public void write(int value)
            throws IOException
    {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length)
            throws IOException
    {
        try {
            out.write(bytes, offset, length);
        }
        catch (IOException | RuntimeException e) {
            failed = true;
            throw e;
        }
        rememberEnd(bytes, offset, length);
    }

    @Override
    public void flush()
            throws IOException
    {
        try {
            out.flush();
        }
        catch (IOException | RuntimeException e) {
            failed = true;
            throw e;
        }
    }

    @Override
    public void close()
            throws IOException
    {
        if (closed) {
            return;
        }
        closed = true;
        try {
            out.close();
        }
        catch (IOException | RuntimeException e) {
            discard.run();
            throw e;
        }
        if (!whole()) {
            discard.run();
            return;
        }
        try {
            publish.run();
        }
        catch (IOException | RuntimeException e) {
            discard.run(); // nothing to discard if the rename happened and only its answer was lost
            throw e;
        }
    }

    private boolean whole()
    {
        return !failed && (!file.getName().endsWith(".parquet") || Arrays.equals(end, PARQUET_END));
    }

    private void rememberEnd(byte[] bytes, int offset, int length)
    {
        int fresh = Math.min(length, end.length);
        System.arraycopy(end, fresh, end, 0, end.length - fresh);
        System.arraycopy(bytes, offset + length - fresh, end, end.length - fresh, fresh);
    }
}
