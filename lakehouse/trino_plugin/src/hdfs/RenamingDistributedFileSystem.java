package org.merchantlakehouse.hdfs;

import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.Options.ChecksumOpt;
import org.apache.hadoop.fs.Options.Rename;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.util.Progressable;

import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;
import java.util.UUID;

/**
 * HDFS on which every file under a {@code _delta_log}, and every file of the file metastore, appears by a rename, whole
 * or not at all. Trino writes checkpoints, {@code _last_checkpoint}, its statistics, a new table's first entry and the
 * metastore's entries in place: a reader, or a Trino that is killed, would meet half a file, and one half entry of the
 * metastore fails every listing of its schema. Other paths, and other hidden names, are left alone.
 */
public final class RenamingDistributedFileSystem
        extends DistributedFileSystem
{
    // Schemas, tables, views and functions; roles; and a folder of permissions beside each table.
    private static final Set<String> METASTORE =
            Set.of(".trinoSchema", ".trinoFunction", ".roles", ".roleGrants", ".trinoPermissions");

    @Override
    public FSDataOutputStream create(
            Path file,
            FsPermission permission,
            boolean overwrite,
            int bufferSize,
            short replication,
            long blockSize,
            Progressable progress)
            throws IOException
    {
        if (!appearsByRename(file)) {
            return super.create(file, permission, overwrite, bufferSize, replication, blockSize, progress);
        }
        if (!overwrite && exists(file)) {
            throw new FileAlreadyExistsException(file + " already exists");
        }
        Path draft = draftOf(file);
        FSDataOutputStream stream =
                super.create(draft, permission, false, bufferSize, replication, blockSize, progress);
        return PublishingStream.of(stream, file, () -> publish(draft, file, overwrite), () -> delete(draft, false));
    }

    @Override
    public FSDataOutputStream create(
            Path file,
            FsPermission permission,
            EnumSet<CreateFlag> flags,
            int bufferSize,
            short replication,
            long blockSize,
            Progressable progress,
            ChecksumOpt checksum)
            throws IOException
    {
        if (!appearsByRename(file) || flags.contains(CreateFlag.APPEND)) {
            return super.create(file, permission, flags, bufferSize, replication, blockSize, progress, checksum);
        }
        boolean overwrite = flags.contains(CreateFlag.OVERWRITE);
        return create(file, permission, overwrite, bufferSize, replication, blockSize, progress);
    }

    private void publish(Path draft, Path file, boolean overwrite)
            throws IOException
    {
        rename(draft, file, overwrite ? Rename.OVERWRITE : Rename.NONE);
    }

    private static boolean appearsByRename(Path file)
    {
        if (METASTORE.contains(file.getName())) {
            return true;
        }
        if (file.getName().startsWith(".")) {
            return false; // drafts, too
        }
        for (Path folder = file.getParent(); folder != null; folder = folder.getParent()) {
            if (folder.getName().equals("_delta_log") || METASTORE.contains(folder.getName())) {
                return true;
            }
        }
        return false;
    }

    private static Path draftOf(Path file)
    {
        return new Path(file.getParent(), "." + file.getName() + "." + UUID.randomUUID() + ".tmp");
    }
}
