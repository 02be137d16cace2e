package org.merchantlakehouse.trino;

import io.trino.spi.Plugin;
import io.trino.spi.connector.ConnectorFactory;

import java.util.List;

/** Registers the connector {@code delta_lake_hdfs}. */
public final class DeltaLakeHdfsPlugin
        implements Plugin
{
    @Override
    public Iterable<ConnectorFactory> getConnectorFactories()
    {
        return List.of(new DeltaLakeHdfsConnectorFactory());
    }
}
