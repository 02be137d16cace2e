package org.merchantlakehouse.trino;

import com.google.inject.Binder;
import com.google.inject.Scopes;
import io.trino.plugin.deltalake.DeltaLakeConnectorFactory;
import io.trino.plugin.deltalake.transactionlog.writer.TransactionLogSynchronizer;
import io.trino.spi.connector.Connector;
import io.trino.spi.connector.ConnectorContext;
import io.trino.spi.connector.ConnectorFactory;

import java.util.Map;
import java.util.Optional;

import static com.google.inject.multibindings.MapBinder.newMapBinder;

/** The stock Delta Lake connector, with the one thing added that it lacks: a way to commit on {@code hdfs://}. */
final class DeltaLakeHdfsConnectorFactory
        implements ConnectorFactory
{
    @Override
    public String getName()
    {
        return "delta_lake_hdfs";
    }

    @Override
    public Connector create(String catalogName, Map<String, String> config, ConnectorContext context)
    {
        return DeltaLakeConnectorFactory.createConnector(
                catalogName, config, context, Optional.empty(), DeltaLakeHdfsConnectorFactory::bindSynchronizer);
    }

    private static void bindSynchronizer(Binder binder)
    {
        newMapBinder(binder, String.class, TransactionLogSynchronizer.class)
                .addBinding("hdfs")
                .to(HdfsTransactionLogSynchronizer.class)
                .in(Scopes.SINGLETON);
    }
}
