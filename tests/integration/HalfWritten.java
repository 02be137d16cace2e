package org.merchantlakehouse.hdfs;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;

/** Overwrites a file on a real HDFS and prints what a reader meets before, in the middle and after. See test_trino_on_hdfs. */
public final class HalfWritten
{
    private static FileSystem files;

    private HalfWritten() {}

    public static void main(String[] arguments)
            throws IOException
    {
        Configuration configuration = new Configuration(true);
        for (int i = 1; i <= 2; i++) {
            configuration.addResource(new Path(arguments[i]));
        }
        Thread.currentThread().setContextClassLoader(HalfWritten.class.getClassLoader());
        files = FileSystem.newInstance(URI.create(arguments[0]), configuration);
        for (int i = 3; i < arguments.length; i++) {
            System.out.println(arguments[i] + " " + outcome(new Path("/half-written/" + arguments[i])));
        }
        files.close();
    }

    private static String outcome(Path file)
            throws IOException
    {
        FSDataOutputStream first = begin(file, "first");
        String created = read(file);
        first.close();
        FSDataOutputStream second = begin(file, "second");
        String overwritten = read(file);
        second.close();
        int entries = files.listStatus(file.getParent()).length;
        return created + ", " + overwritten + ", " + read(file) + ", " + entries + " entry";
    }

    private static FSDataOutputStream begin(Path file, String text)
            throws IOException
    {
        FSDataOutputStream stream = files.create(file, true);
        stream.write(text.getBytes(StandardCharsets.UTF_8));
        return stream;
    }

    private static String read(Path file)
            throws IOException
    {
        if (!files.exists(file)) {
            return "nothing";
        }
        try (var stream = files.open(file)) {
            return stream.readAllBytes().length == 0 ? "empty" : new String(files.open(file).readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
